import type { Accumulator } from './accumulator.ts';

/** Why a window was told when it was. The numbers are stored. */
export const CAUSE_WATERMARK = 0;
/** No reading came for the declared time: closed by the clock. */
export const CAUSE_IDLE = 1;
/** A bound was met: closed early, or without the readings that had to be forgotten. */
export const CAUSE_BOUND = 2;
export type WindowCause = typeof CAUSE_WATERMARK | typeof CAUSE_IDLE | typeof CAUSE_BOUND;

/** A window that can still change: from `start` inclusive to `end` exclusive, in milliseconds of event time. */
export interface OpenWindow {
  readonly start: number;
  readonly end: number;
  readonly sum: Accumulator;
  /** How often it was told; 0 = not yet. */
  revision: number;
  /** Its readings when it was told last: others since then make it due again. */
  toldCount: number;
}

/** What a set says of its windows. `sum` is undefined where a told window is no more (two sessions became one). */
export type Tell = (window: OpenWindow, cause: WindowCause, sum: Accumulator | undefined) => void;

/** A stored row of a window, as far as a set made again has to know it. */
export interface ToldWindow {
  readonly start: number;
  readonly revision: number;
  readonly count: number;
}

/**
 * The windows of one series and one declaration that can still change. All is a function of the readings in the order
 * they came, but for what the clock and bounds do: that is told, and kept by `floor`.
 *
 * The watermark is the newest event time minus `delay`. A window is told when the watermark reaches its end, amended
 * by readings that come later, and over when the watermark is `lateness` beyond its end.
 */
export interface WindowSet {
  /** Windows that start before are not counted: they are over, or began before the declaration. */
  floor: number;
  /** True once closed by the clock or a bound: what comes for before `floor` is late then. */
  isRetired: boolean;
  readonly size: number;
  /** About what it takes. */
  readonly bytes: number;
  /** False: the reading came too late, every window it belongs to is over. */
  add(ts: number, value: number): boolean;
  /** Tells what is due by the watermark, and forgets what is over. */
  advance(tell: Tell): void;
  /**
   * Tells what is due by the clock: quiet since `quietSince`, now `now`; both of the wall clock, as event times are
   * taken to be. Returns when to look again; infinity once nothing is left.
   */
  expire(quietSince: number, now: number, tell: Tell): number;
  /** Tells everything that was not told and forgets it: from here on only later windows count. */
  close(cause: WindowCause, tell: Tell): void;
  /** Where reading again has to begin so that every window that can still change comes out the same. */
  horizon(newestTs: number): number;
  /** After reading again: what of these windows was told before. */
  recall(told: Iterable<ToldWindow>): void;
}

export const isDue = ({ sum, toldCount }: OpenWindow): boolean => sum.count !== toldCount;

export function told(window: OpenWindow, cause: WindowCause, tell: Tell): void {
  tell(window, cause, window.sum);
  window.revision += 1;
  window.toldCount = window.sum.count;
}
