import { grownF64, grownU8, grownU32 } from '../../columns.ts';
import type { HysteresisLimits } from './plan.ts';

/**
 * From readings that are good or bad to findings that begin once and end once. One column set per detector, one row
 * per series. It knows neither what makes a reading bad nor who is told.
 */

/** Neither good enough to end a finding nor bad enough to begin one. */
export const BETWEEN = 0;
export const GOOD = 1;
export const BAD = 2;
export type Level = typeof BETWEEN | typeof GOOD | typeof BAD;

export const UNCHANGED = 0;
export const BEGAN = 1;
const ENDED = 2;
export type Change = typeof UNCHANGED | typeof BEGAN | typeof ENDED;

const FIRST_CAPACITY = 64;

export class Hysteresis {
  /** 1 = a finding has begun and not ended. */
  raised = new Uint8Array(FIRST_CAPACITY);
  /** When it began. */
  begunAt = new Float64Array(FIRST_CAPACITY);
  /** Readings in a row that speak for a change, and the time of the first of them. */
  count = new Uint32Array(FIRST_CAPACITY);
  since = new Float64Array(FIRST_CAPACITY);

  makeRoom(rows: number): void {
    if (rows <= this.raised.length) return;
    const capacity = Math.max(rows, this.raised.length * 2);
    this.raised = grownU8(this.raised, capacity);
    this.begunAt = grownF64(this.begunAt, capacity);
    this.count = grownU32(this.count, capacity);
    this.since = grownF64(this.since, capacity);
  }

  step(row: number, level: Level, ts: number, limits: HysteresisLimits): Change {
    const isRaised = this.raised[row] === 1;
    if (level !== (isRaised ? GOOD : BAD)) {
      this.count[row] = 0;
      return UNCHANGED;
    }
    const count = (this.count[row] ?? 0) + 1;
    if (count === 1) this.since[row] = ts;
    this.count[row] = count;
    const lasted = ts - (this.since[row] ?? 0);
    const after = isRaised ? limits.clearAfter : limits.raiseAfter;
    const forMs = isRaised ? limits.clearForMs : limits.raiseForMs;
    if (count < after || lasted < forMs) return UNCHANGED;
    this.set(row, isRaised ? 0 : ts);
    return isRaised ? ENDED : BEGAN;
  }

  /** `begunAt` 0 = no finding. */
  set(row: number, begunAt: number): void {
    this.raised[row] = begunAt > 0 ? 1 : 0;
    if (begunAt > 0) this.begunAt[row] = begunAt;
    this.count[row] = 0;
  }
}
