import { ANALYSIS_WINDOW_VALUES_MAX } from '../../../base/limits.ts';
import { grownF64, grownU32 } from '../../columns.ts';
import { BAD, BETWEEN, GOOD, Hysteresis, type Level } from './hysteresis.ts';
import type { ZscoreConfig } from './plan.ts';
import { type Explanation, type Observation, shown, type Watch } from './watch.ts';

const FIRST_CAPACITY = 64;
/** Below this many readings a deviation says little. */
const READINGS_MIN = 8;

/** The last readings of each series, as rings in one array, with their mean and sum of squared differences. */
export class ZscoreColumns {
  readonly hysteresis = new Hysteresis();
  /** Where the ring of a row begins in `values`, plus 1; 0 = it has none. */
  ring = new Uint32Array(FIRST_CAPACITY);
  ringSize = new Uint32Array(FIRST_CAPACITY);
  next = new Uint32Array(FIRST_CAPACITY);
  count = new Uint32Array(FIRST_CAPACITY);
  mean = new Float64Array(FIRST_CAPACITY);
  m2 = new Float64Array(FIRST_CAPACITY);
  /** What the reading at hand was measured against. */
  readonly seen = { mean: 0, deviation: 0, readings: 0 };
  values = new Float64Array(FIRST_CAPACITY);
  #used = 0;

  makeRoom(rows: number): void {
    this.hysteresis.makeRoom(rows);
    if (rows <= this.ring.length) return;
    const capacity = Math.max(rows, this.ring.length * 2);
    this.ring = grownU32(this.ring, capacity);
    this.ringSize = grownU32(this.ringSize, capacity);
    this.next = grownU32(this.next, capacity);
    this.count = grownU32(this.count, capacity);
    this.mean = grownF64(this.mean, capacity);
    this.m2 = grownF64(this.m2, capacity);
  }

  /** An empty ring; the one before stays where it is when it is large enough. False when there is no more room. */
  begin(row: number, size: number): boolean {
    this.count[row] = 0;
    this.next[row] = 0;
    this.mean[row] = 0;
    this.m2[row] = 0;
    if ((this.ringSize[row] ?? 0) < size) {
      if (this.#used + size > ANALYSIS_WINDOW_VALUES_MAX) return false;
      this.ring[row] = this.#used + 1;
      this.#used += size;
      if (this.#used > this.values.length) {
        this.values = grownF64(this.values, Math.max(this.#used, this.values.length * 2));
      }
    }
    this.ringSize[row] = size;
    return true;
  }

  /** Welford's update, with the oldest value going out as the new one comes in. */
  push(row: number, value: number): void {
    const size = this.ringSize[row] ?? 0;
    const start = (this.ring[row] ?? 0) - 1;
    const at = this.next[row] ?? 0;
    const count = this.count[row] ?? 0;
    const mean = this.mean[row] ?? 0;
    if (count < size) {
      const grown = count + 1;
      const moved = mean + (value - mean) / grown;
      this.mean[row] = moved;
      this.m2[row] = (this.m2[row] ?? 0) + (value - mean) * (value - moved);
      this.count[row] = grown;
    } else {
      const oldest = this.values[start + at] ?? 0;
      const moved = mean + (value - oldest) / size;
      this.mean[row] = moved;
      this.m2[row] = (this.m2[row] ?? 0) + (value - oldest) * (value - moved + oldest - mean);
    }
    this.values[start + at] = value;
    this.next[row] = at + 1 === size ? 0 : at + 1;
    // Once per turn the sums are made anew, so that rounding does not pile up.
    if (at + 1 === size) this.#sumUp(row, start, size);
  }

  #sumUp(row: number, start: number, size: number): void {
    let sum = 0;
    for (let at = start; at < start + size; at += 1) sum += this.values[at] ?? 0;
    const mean = sum / size;
    let m2 = 0;
    for (let at = start; at < start + size; at += 1) m2 += ((this.values[at] ?? 0) - mean) ** 2;
    this.mean[row] = mean;
    this.m2[row] = m2;
  }
}

/**
 * Readings that lie far from the mean of those before them, measured in their standard deviations. The window goes
 * along: what has become normal is normal after one window.
 */
export class ZscoreWatch implements Watch {
  readonly detector = 'zscore';
  readonly hysteresis: Hysteresis;
  readonly limits: ZscoreConfig;
  readonly #columns: ZscoreColumns;

  constructor(columns: ZscoreColumns, config: ZscoreConfig) {
    this.#columns = columns;
    this.hysteresis = columns.hysteresis;
    this.limits = config;
  }

  makeRoom(rows: number): void {
    this.#columns.makeRoom(rows);
  }

  forget(row: number): void {
    this.#columns.count[row] = 0;
    this.#columns.begin(row, this.limits.window);
  }

  level(row: number, { value }: Observation): Level {
    const columns = this.#columns;
    const { window, limit, margin, minDeviation } = this.limits;
    if ((columns.ringSize[row] ?? 0) !== window && !columns.begin(row, window)) return BETWEEN;
    const count = columns.count[row] ?? 0;
    const mean = columns.mean[row] ?? 0;
    const deviation = Math.max(
      minDeviation,
      count > 1 ? Math.sqrt(Math.max(0, columns.m2[row] ?? 0) / (count - 1)) : 0,
    );
    const { seen } = columns;
    seen.mean = mean;
    seen.deviation = deviation;
    seen.readings = count;
    columns.push(row, value);
    // A line without any noise has no measure: that it changed is not remarkable in itself.
    if (count < READINGS_MIN || deviation === 0) return BETWEEN;
    const z = Math.abs(value - mean) / deviation;
    if (z > limit) return BAD;
    return z <= limit - margin ? GOOD : BETWEEN;
  }

  explain(_row: number, { value }: Observation): Explanation {
    const { mean, deviation, readings } = this.#columns.seen;
    const z = (value - mean) / deviation;
    return {
      threshold: this.limits.limit,
      evidence: { z, mean, deviation, readings },
      message: `${shown(value)} is ${shown(z)} standard deviations from the mean ${shown(mean)} of ${readings} readings`,
    };
  }
}
