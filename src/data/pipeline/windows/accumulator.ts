import { QuantileStore } from './quantile-store.ts';

/** With its window, measured as heap of 100,000. */
const OWN_BYTES = 320;

/**
 * What a window knows of its readings without keeping them. Mean and deviation after Welford (1962), merged after Chan,
 * Golub, LeVeque (1979): they keep their digits where values are large and close together.
 */
export class Accumulator {
  count = 0;
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;
  mean = 0;
  /** Of readings of the same millisecond the one that came last counts. */
  last = 0;
  lastTs = Number.NEGATIVE_INFINITY;
  #m2 = 0;
  readonly #quantiles: QuantileStore | undefined;

  constructor(withQuantiles: boolean) {
    this.#quantiles = withQuantiles ? new QuantileStore() : undefined;
  }

  get bytes(): number {
    return OWN_BYTES + (this.#quantiles?.bytes ?? 0);
  }

  /** Of the sample (n − 1), as `agg=stddev`; 0 for one reading. Infinite where squares leave the range of a double. */
  get stddev(): number {
    if (this.count < 2) return 0;
    return Number.isNaN(this.#m2) ? Number.POSITIVE_INFINITY : Math.sqrt(this.#m2 / (this.count - 1));
  }

  add(ts: number, value: number): void {
    this.count += 1;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
    if (ts >= this.lastTs) {
      this.last = value;
      this.lastTs = ts;
    }
    // Two divisions, not one of the difference: that of two huge values of different sign is infinite.
    const before = this.mean;
    this.mean += value / this.count - before / this.count;
    this.#m2 += (value - before) * (value - this.mean);
    this.#quantiles?.add(value);
  }

  merge(other: Accumulator): void {
    if (this.count === 0) this.#become(other);
    else this.#join(other);
    if (other.#quantiles !== undefined) this.#quantiles?.merge(other.#quantiles);
  }

  #become(other: Accumulator): void {
    this.count = other.count;
    this.min = other.min;
    this.max = other.max;
    this.mean = other.mean;
    this.last = other.last;
    this.lastTs = other.lastTs;
    this.#m2 = other.#m2;
  }

  #join(other: Accumulator): void {
    const count = this.count + other.count;
    const delta = other.mean - this.mean;
    this.mean += (other.mean / count - this.mean / count) * other.count;
    this.#m2 += other.#m2 + delta * delta * ((this.count * other.count) / count);
    this.count = count;
    if (other.min < this.min) this.min = other.min;
    if (other.max > this.max) this.max = other.max;
    if (other.lastTs >= this.lastTs) {
      this.last = other.last;
      this.lastTs = other.lastTs;
    }
  }

  /** In the range of the values; only where quantiles were asked for. */
  quantile(q: number): number {
    const value = this.#quantiles?.quantile(q) ?? Number.NaN;
    return Math.min(Math.max(value, this.min), this.max);
  }
}
