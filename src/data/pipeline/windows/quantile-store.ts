import { WINDOW_EXACT_VALUES_MAX } from '../../../base/limits.ts';
import { QuantileSketch } from './quantile-sketch.ts';

const BYTES_PER_VALUE = 8;

/** Values of one window, for quantiles: all of them while they are few, a sketch from then on. */
export class QuantileStore {
  #values: number[] = [];
  #sketch: QuantileSketch | undefined;

  get bytes(): number {
    return this.#sketch?.bytes ?? this.#values.length * BYTES_PER_VALUE;
  }

  add(value: number): void {
    if (this.#sketch !== undefined) {
      this.#sketch.add(value);
      return;
    }
    this.#values.push(value);
    if (this.#values.length > WINDOW_EXACT_VALUES_MAX) this.#toSketch();
  }

  merge(other: QuantileStore): void {
    if (other.#sketch === undefined) {
      for (const value of other.#values) this.add(value);
      return;
    }
    (this.#sketch ?? this.#toSketch()).merge(other.#sketch);
  }

  /** Linear between neighbours while exact (as SQL's percentile_cont), then a value within 1%. Of at least one value. */
  quantile(q: number): number {
    if (this.#sketch !== undefined) return this.#sketch.quantile(q);
    // Few, and asked at the end of the window: put in order here, not with every reading.
    const sorted = Float64Array.from(this.#values).toSorted();
    const rank = q * (sorted.length - 1);
    const below = sorted[Math.floor(rank)] ?? Number.NaN;
    const above = sorted[Math.ceil(rank)] ?? Number.NaN;
    return below === above ? below : below + (above - below) * (rank - Math.floor(rank));
  }

  #toSketch(): QuantileSketch {
    const sketch = new QuantileSketch();
    for (const value of this.#values) sketch.add(value);
    this.#sketch = sketch;
    this.#values = [];
    return sketch;
  }
}
