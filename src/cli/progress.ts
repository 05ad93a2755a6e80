import type { Sink } from './io.ts';

const REDRAW_EVERY_MS = 100;
const PLAIN_LINE_EVERY_MS = 5_000;
const BAR_CELLS = 24;

/** A bar that redraws itself on a terminal; elsewhere a plain line now and then, for logs. */
export class Progress {
  readonly #sink: Sink;
  readonly #now: () => number;
  #lastDrawn = Number.NEGATIVE_INFINITY;
  #drawn = false;

  constructor(options: { readonly sink: Sink; readonly now: () => number }) {
    this.#sink = options.sink;
    this.#now = options.now;
    if (options.sink.isTTY !== true) this.#lastDrawn = options.now();
  }

  /** `share`: 0..1 done. Cheap enough to call per row. */
  update(share: number, text: () => string): void {
    const now = this.#now();
    const every = this.#sink.isTTY === true ? REDRAW_EVERY_MS : PLAIN_LINE_EVERY_MS;
    if (now - this.#lastDrawn < every) return;
    this.#lastDrawn = now;
    this.#draw(share, text());
  }

  /** Leaves the terminal on a fresh line. */
  end(): void {
    if (this.#drawn && this.#sink.isTTY === true) this.#sink.write('\r\u001b[K');
    this.#drawn = false;
  }

  #draw(share: number, text: string): void {
    const percent = `${Math.floor(share * 100)}%`.padStart(4);
    if (this.#sink.isTTY !== true) {
      this.#sink.write(`${percent}  ${text}\n`);
      return;
    }
    const full = Math.round(Math.min(1, share) * BAR_CELLS);
    const bar = '█'.repeat(full) + '░'.repeat(BAR_CELLS - full);
    const line = `${bar} ${percent}  ${text}`;
    this.#sink.write(`\r${line.slice(0, (this.#sink.columns ?? 100) - 1)}\u001b[K`);
    this.#drawn = true;
  }
}
