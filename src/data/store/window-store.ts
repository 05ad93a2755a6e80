import type { Horizon } from '../pipeline/windows/window-engine.ts';
import type { WindowState } from '../pipeline/windows/window-rows.ts';
import type { ToldWindow } from '../pipeline/windows/window-set.ts';
import type { Series } from '../series.ts';

/**
 * The part of a store that keeps declared windows: what was told of them, and what a new start has to know to go on
 * where the last commit stands.
 */

export interface WindowsRequest {
  /** None = nothing found. */
  readonly series: readonly Series[];
  /** Absent = windows of all names. */
  readonly name?: string | undefined;
  /** Windows that start within: `from <= start < to` (milliseconds). */
  readonly from: number;
  readonly to: number;
  readonly limit: number;
  readonly descending: boolean;
}

/** A window as it was told last. */
export interface StoredWindow {
  readonly series: number;
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly stddev: number;
  readonly last: number;
  readonly lastTs: number;
  readonly revision: number;
  readonly cause: number;
  /** JSON; empty = none. */
  readonly quantiles: string;
}

export interface WindowStore {
  /** In order of start; withdrawn ones are left out. */
  windows(request: WindowsRequest, signal: AbortSignal): Promise<readonly StoredWindow[]>;
  /** The newest state of each window of each series. */
  windowStates(): Promise<readonly WindowState[]>;
  /** The time of the newest reading of each series that has windows. */
  newestTimes(): Promise<ReadonlyMap<number, number>>;
  /** Readings of the series named, from their horizon on, in the order they were stored. */
  replay(horizons: readonly Horizon[], each: (readings: ReplayedReadings) => void): Promise<void>;
  /** What was told of windows from their horizon on, by `toldKey`; the newest of each. */
  toldWindows(horizons: readonly Horizon[]): Promise<ReadonlyMap<string, readonly ToldWindow[]>>;
}

export interface ReplayedReadings {
  readonly size: number;
  readonly series: Uint32Array;
  readonly ts: Float64Array;
  readonly value: Float64Array;
}
