import { grownF64, grownU32 } from '../../columns.ts';
import { BAD, BETWEEN, GOOD, Hysteresis, type Level } from './hysteresis.ts';
import type { StuckConfig } from './plan.ts';
import { type Explanation, type Observation, type RecentMinute, shown, type Watch } from './watch.ts';

const FIRST_CAPACITY = 64;

/** Since when each series has had the value it has. */
export class StuckColumns {
  readonly hysteresis = new Hysteresis();
  anchor = new Float64Array(FIRST_CAPACITY);
  /** 0 = no value yet. */
  since = new Float64Array(FIRST_CAPACITY);
  readings = new Uint32Array(FIRST_CAPACITY);

  makeRoom(rows: number): void {
    this.hysteresis.makeRoom(rows);
    if (rows <= this.anchor.length) return;
    const capacity = Math.max(rows, this.anchor.length * 2);
    this.anchor = grownF64(this.anchor, capacity);
    this.since = grownF64(this.since, capacity);
    this.readings = grownU32(this.readings, capacity);
  }
}

/** Values that do not change although they should: a sensor that hangs, a gateway that repeats itself. */
export class StuckWatch implements Watch {
  readonly detector = 'stuck';
  readonly hysteresis: Hysteresis;
  readonly limits: StuckConfig;
  readonly #columns: StuckColumns;

  constructor(columns: StuckColumns, config: StuckConfig) {
    this.#columns = columns;
    this.hysteresis = columns.hysteresis;
    this.limits = config;
  }

  makeRoom(rows: number): void {
    this.#columns.makeRoom(rows);
  }

  forget(row: number): void {
    this.#columns.since[row] = 0;
  }

  recall(row: number, { lastTs, last, min, max }: RecentMinute): void {
    const { anchor, since, readings } = this.#columns;
    const { tolerance } = this.limits;
    const known = anchor[row] ?? 0;
    if (since[row] !== 0 && Math.abs(min - known) <= tolerance && Math.abs(max - known) <= tolerance) {
      readings[row] = (readings[row] ?? 0) + 1;
      return;
    }
    anchor[row] = last;
    since[row] = lastTs;
    readings[row] = 1;
  }

  level(row: number, { ts, value }: Observation): Level {
    const { anchor, since, readings } = this.#columns;
    const { forMs, readings: readingsMax, tolerance } = this.limits;
    const isSame = since[row] !== 0 && Math.abs(value - (anchor[row] ?? 0)) <= tolerance;
    if (!isSame) {
      const isFirst = since[row] === 0;
      anchor[row] = value;
      since[row] = ts;
      readings[row] = 1;
      return isFirst ? BETWEEN : GOOD;
    }
    const count = (readings[row] ?? 0) + 1;
    readings[row] = count;
    return count >= readingsMax || ts - (since[row] ?? 0) >= forMs ? BAD : BETWEEN;
  }

  explain(row: number, { ts, value, lastTs, lastValue }: Observation): Explanation {
    const { forMs, readings: readingsMax } = this.limits;
    const readings = this.#columns.readings[row] ?? 0;
    if (readings <= 1) {
      const message = `changed to ${shown(value)} again`;
      return {
        threshold: this.#threshold(0, 0),
        evidence: { previous: lastValue, elapsedMs: ts - lastTs },
        message,
      };
    }
    const unchangedMs = ts - (this.#columns.since[row] ?? 0);
    return {
      threshold: this.#threshold(readings, unchangedMs),
      evidence: { readings, unchangedMs },
      message:
        readings >= readingsMax && unchangedMs < forMs
          ? `${shown(value)} for ${readings} readings`
          : `${shown(value)} for ${shown(unchangedMs / 1_000)} s`,
    };
  }

  /** Readings or milliseconds: which of the two was, or would be, reached. */
  #threshold(readings: number, unchangedMs: number): number {
    const { forMs, readings: readingsMax } = this.limits;
    if (readings >= readingsMax && unchangedMs < forMs) return readingsMax;
    return Number.isFinite(forMs) ? forMs : readingsMax;
  }
}
