import type { Clock } from './clock.ts';

interface RateBudgetOptions {
  readonly perSecond: number;
  /** What may come at once after a silence; default: a second's worth. */
  readonly burst?: number | undefined;
  readonly clock: Clock;
}

/** A token bucket on the monotonic clock: `take` says no over the rate. */
export class RateBudget {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #clock: Clock;
  #left: number;
  #at: number;

  constructor({ perSecond, burst = perSecond, clock }: RateBudgetOptions) {
    this.#perMs = perSecond / 1_000;
    this.#burst = burst;
    this.#clock = clock;
    this.#left = burst;
    this.#at = clock.monotonic();
  }

  take(): boolean {
    const now = this.#clock.monotonic();
    this.#left = Math.min(this.#burst, this.#left + (now - this.#at) * this.#perMs);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
