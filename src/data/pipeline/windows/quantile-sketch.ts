import { WINDOW_SKETCH_BINS_MAX } from '../../../base/limits.ts';

/** Relative error of an answer. */
const ACCURACY = 0.01;
const GAMMA = (1 + ACCURACY) / (1 - ACCURACY);
const LOG_GAMMA = Math.log(GAMMA);
/** An entry of a Map with its share of the table, measured. */
const BYTES_PER_BIN = 40;

/**
 * Counts of values in bins that are 2% wide, for quantiles within 1%: Masson, Rim, Lee, "DDSketch: A fast and
 * fully-mergeable quantile sketch with relative-error guarantees" (VLDB 2019). Bins are kept only where there are
 * values; over the bound the smallest of a sign share one. It depends on the values alone, not on their order.
 * (sketches-js 2.1.1 forgets negative values in `merge`, and answers wrongly once bins were collapsed.)
 */
export class QuantileSketch {
  count = 0;
  #zeros = 0;
  readonly #positive = new Bins();
  readonly #negative = new Bins();

  get bytes(): number {
    return (this.#positive.size + this.#negative.size) * BYTES_PER_BIN;
  }

  add(value: number): void {
    this.count += 1;
    if (value > 0) this.#positive.add(keyOf(value), 1);
    else if (value < 0) this.#negative.add(keyOf(-value), 1);
    else this.#zeros += 1;
  }

  merge(other: QuantileSketch): void {
    this.count += other.count;
    this.#zeros += other.#zeros;
    this.#positive.merge(other.#positive);
    this.#negative.merge(other.#negative);
  }

  /** The value of rank `q × (count − 1)`, rounded down. NaN where there is none. */
  quantile(q: number): number {
    const rank = Math.floor(q * (this.count - 1));
    const negatives = this.#negative.count;
    // The least of all is the negative one of the greatest magnitude.
    if (rank < negatives) return -valueOf(this.#negative.keyAt(negatives - 1 - rank));
    if (rank < negatives + this.#zeros) return 0;
    return valueOf(this.#positive.keyAt(rank - negatives - this.#zeros));
  }
}

/** Counts by key, the greatest WINDOW_SKETCH_BINS_MAX keys apart. */
class Bins {
  count = 0;
  readonly #counts = new Map<number, number>();
  #least = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.#counts.size;
  }

  add(key: number, count: number): void {
    this.count += count;
    // At the bound whatever is below the least bin belongs to it.
    const isFull = this.#counts.size >= WINDOW_SKETCH_BINS_MAX;
    const bin = isFull && key < this.#least ? this.#least : key;
    this.#counts.set(bin, (this.#counts.get(bin) ?? 0) + count);
    if (bin < this.#least) this.#least = bin;
    if (this.#counts.size > WINDOW_SKETCH_BINS_MAX) this.#collapse();
  }

  merge(other: Bins): void {
    for (const [key, count] of other.#counts) this.add(key, count);
  }

  keyAt(rank: number): number {
    let seen = 0;
    for (const key of [...this.#counts.keys()].toSorted((a, b) => a - b)) {
      seen += this.#counts.get(key) ?? 0;
      if (seen > rank) return key;
    }
    return Number.NaN;
  }

  #collapse(): void {
    const least = this.#counts.get(this.#least) ?? 0;
    this.#counts.delete(this.#least);
    this.#least = Math.min(...this.#counts.keys());
    this.#counts.set(this.#least, (this.#counts.get(this.#least) ?? 0) + least);
  }
}

const keyOf = (magnitude: number): number => Math.ceil(Math.log(magnitude) / LOG_GAMMA);

/** In the middle of a bin, by relative error. */
const valueOf = (key: number): number => (2 * GAMMA ** key) / (GAMMA + 1);
