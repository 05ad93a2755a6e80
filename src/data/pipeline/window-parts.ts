import { WINDOW_MS } from '../../model/reading.ts';
import { grownF64, grownU32 } from '../columns.ts';

const FIRST_CAPACITY = 64;

/**
 * One-minute aggregates of what one commit brings. A minute may come in several parts, here and over commits:
 * parts merge (counts and sums add, the later `last` wins), so that late readings need no reading back.
 */
export class WindowParts {
  size = 0;
  series = new Uint32Array(FIRST_CAPACITY);
  start = new Float64Array(FIRST_CAPACITY);
  count = new Uint32Array(FIRST_CAPACITY);
  sum = new Float64Array(FIRST_CAPACITY);
  min = new Float64Array(FIRST_CAPACITY);
  max = new Float64Array(FIRST_CAPACITY);
  last = new Float64Array(FIRST_CAPACITY);
  lastTs = new Float64Array(FIRST_CAPACITY);
  /** Sum of squared deviations from the mean (Welford 1962). */
  m2 = new Float64Array(FIRST_CAPACITY);
  /** By series: its newest part + 1; 0 = none yet. */
  #open = new Uint32Array(FIRST_CAPACITY);

  add(series: number, ts: number, value: number): void {
    if (series >= this.#open.length) {
      this.#open = grownU32(this.#open, Math.max(series + 1, this.#open.length * 2));
    }
    const start = ts - (ts % WINDOW_MS);
    const part = (this.#open[series] ?? 0) - 1;
    if (part < 0 || this.start[part] !== start) {
      this.#begin(series, start, ts, value);
      return;
    }
    const count = this.count[part] ?? 0;
    const sum = this.sum[part] ?? 0;
    this.m2[part] = (this.m2[part] ?? 0) + (value - sum / count) * (value - (sum + value) / (count + 1));
    this.count[part] = count + 1;
    this.sum[part] = sum + value;
    if (value < (this.min[part] ?? 0)) this.min[part] = value;
    if (value > (this.max[part] ?? 0)) this.max[part] = value;
    // Of readings of the same millisecond the one that came last counts.
    if (ts >= (this.lastTs[part] ?? 0)) {
      this.last[part] = value;
      this.lastTs[part] = ts;
    }
  }

  clear(): void {
    for (let part = 0; part < this.size; part += 1) this.#open[this.series[part] ?? 0] = 0;
    this.size = 0;
  }

  #begin(series: number, start: number, ts: number, value: number): void {
    const part = this.size;
    if (part === this.series.length) this.#grow(part * 2);
    this.series[part] = series;
    this.start[part] = start;
    this.count[part] = 1;
    this.sum[part] = value;
    this.min[part] = value;
    this.max[part] = value;
    this.last[part] = value;
    this.lastTs[part] = ts;
    this.m2[part] = 0;
    this.#open[series] = part + 1;
    this.size = part + 1;
  }

  #grow(capacity: number): void {
    this.series = grownU32(this.series, capacity);
    this.start = grownF64(this.start, capacity);
    this.count = grownU32(this.count, capacity);
    this.sum = grownF64(this.sum, capacity);
    this.min = grownF64(this.min, capacity);
    this.max = grownF64(this.max, capacity);
    this.last = grownF64(this.last, capacity);
    this.lastTs = grownF64(this.lastTs, capacity);
    this.m2 = grownF64(this.m2, capacity);
  }
}
