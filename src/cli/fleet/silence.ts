import { type Random, seededRandom } from '../../base/random.ts';
import { mix } from './generator.ts';

/** Mean length of a dropout: a lift, a reboot, a crowded channel. */
const SILENCE_MEAN_MS = 15_000;
/** Keeps the dropouts apart from the messages: how often a device is asked must not change what it sends. */
const STREAM = 0x5117;

/** When a device is off the air: exponential periods, silent for `share` of the time. */
export class Silence {
  readonly #share: number;
  readonly #random: Random;
  #silent: boolean;
  #untilMs: number;
  /** How many dropouts have begun. */
  count = 0;

  constructor(options: { readonly share: number; readonly seed: number; readonly index: number }) {
    this.#share = options.share;
    this.#random = seededRandom(mix(options.seed ^ STREAM, options.index));
    this.#silent = this.#random.next() < options.share;
    this.#untilMs = this.#period();
    if (this.#silent) this.count = 1;
  }

  /** `elapsedMs`: since the start, never going back. */
  isSilent(elapsedMs: number): boolean {
    while (elapsedMs >= this.#untilMs) {
      this.#silent = !this.#silent;
      if (this.#silent) this.count += 1;
      this.#untilMs += this.#period();
    }
    return this.#silent;
  }

  #period(): number {
    if (this.#share === 0 || this.#share === 1) return Number.POSITIVE_INFINITY;
    const mean = this.#silent ? SILENCE_MEAN_MS : (SILENCE_MEAN_MS * (1 - this.#share)) / this.#share;
    return 1 - Math.log(1 - this.#random.next()) * mean;
  }
}
