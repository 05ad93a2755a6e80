import type { Detector } from '../../../model/analysis.ts';
import type { Hysteresis, Level } from './hysteresis.ts';
import type { HysteresisLimits } from './plan.ts';

/** The reading at hand, newer than all before it of its series. One object for all of them. */
export interface Observation {
  ts: number;
  value: number;
  /** 0 = there was none. */
  lastTs: number;
  lastValue: number;
}

/** What a series was like before the start: a minute of it that is stored. */
export interface RecentMinute {
  readonly series: number;
  readonly lastTs: number;
  readonly last: number;
  readonly min: number;
  readonly max: number;
}

/** What is told when a finding begins or ends. */
export interface Explanation {
  readonly threshold: number;
  readonly evidence: Readonly<Record<string, number>>;
  readonly message: string;
}

/** What has to survive a restart beside the finding itself; zeros where there is nothing. */
export interface Baseline {
  readonly center: number;
  readonly spread: number;
}

/** One detector as one profile wants it: the configuration bound to the columns all series share. */
export interface Watch {
  readonly detector: Detector;
  readonly hysteresis: Hysteresis;
  readonly limits: HysteresisLimits;
  makeRoom(rows: number): void;
  /** Forgets what it knows of a row, but for a finding that has begun. */
  forget(row: number): void;
  /** Takes in a stored minute from before the start; undefined where there is nothing to learn from it. */
  recall?(row: number, minute: RecentMinute): void;
  /** Takes the reading in and judges it. Called once per reading and row. */
  level(row: number, now: Observation): Level;
  /** Right after `level`, about the same reading. */
  explain(row: number, now: Observation): Explanation;
  /** Undefined where it learns nothing that lasts. */
  readonly baseline?: {
    /** True once after something was learned. */
    fresh(row: number): boolean;
    get(row: number): Baseline;
    set(row: number, learned: Baseline): void;
  };
}

/** Numbers in messages: enough digits to compare by, none that mean nothing. */
export const shown = (value: number): string => String(Number(value.toPrecision(6)));
