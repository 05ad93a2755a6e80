/**
 * Keeps a rate over time. What could not be sent in time is caught up on, but only for a bounded debt: after a
 * long stall a burst of everything missed would not be a fleet any more.
 */
export class Pacer {
  readonly #perMs: number;
  readonly #debtMax: number;
  #issued = 0;
  /** Messages never sent because the debt was over its bound. */
  writtenOff = 0;

  constructor(options: { readonly ratePerS: number; readonly catchUpMaxMs: number }) {
    this.#perMs = options.ratePerS / 1_000;
    this.#debtMax = Math.max(1, Math.floor(this.#perMs * options.catchUpMaxMs));
  }

  /** How many messages are due, `elapsedMs` after the start. */
  due(elapsedMs: number): number {
    const debt = Math.floor(elapsedMs * this.#perMs) - this.#issued - this.writtenOff;
    if (debt > this.#debtMax) this.writtenOff += debt - this.#debtMax;
    return Math.min(debt, this.#debtMax);
  }

  issued(count: number): void {
    this.#issued += count;
  }
}
