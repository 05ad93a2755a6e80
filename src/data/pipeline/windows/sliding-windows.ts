import { WINDOW_SLIDING_READINGS_MAX } from '../../../base/limits.ts';
import type { WindowDefinition } from '../../../model/windows.ts';
import { Accumulator } from './accumulator.ts';
import {
  CAUSE_BOUND,
  CAUSE_IDLE,
  CAUSE_WATERMARK,
  type OpenWindow,
  type Tell,
  type ToldWindow,
  type WindowCause,
  type WindowSet,
} from './window-set.ts';

/** One window: it ends with the reading, or readings, of this millisecond. */
interface Point {
  readonly ts: number;
  revision: number;
  toldCount: number;
}

/** Readings forgotten at the front before the rest is moved. */
const SLACK = 1_024;
const BYTES_PER_READING = 16;
const BYTES_PER_POINT = 56;

/**
 * Sliding windows: one for each event time, with the readings of the `size` up to and including it. The readings are
 * kept, and walked over when a window is told. Over the bound the oldest go, and windows that miss them say so.
 */
export class SlidingWindows implements WindowSet {
  floor = Number.NEGATIVE_INFINITY;
  isRetired = false;
  readonly #definition: WindowDefinition;
  /** In order of time, of the same time in order of arrival; before `#first` they are forgotten. */
  #ts: number[] = [];
  #values: number[] = [];
  #first = 0;
  #points: Point[] = [];
  #newestTs = Number.NEGATIVE_INFINITY;
  /** The newest reading that had to be forgotten before its time. */
  #cutTs = Number.NEGATIVE_INFINITY;
  /** Windows that change no more, as they are to be told with the next commit. */
  #finished: { readonly window: OpenWindow; readonly cause: WindowCause }[] = [];
  #isTouched = false;

  constructor(definition: WindowDefinition) {
    this.#definition = definition;
  }

  get size(): number {
    // Readings wait for their windows after a declaration.
    return this.#points.length + (this.#ts.length > this.#first ? 1 : 0);
  }

  get bytes(): number {
    return (this.#ts.length - this.#first) * BYTES_PER_READING + this.#points.length * BYTES_PER_POINT;
  }

  add(ts: number, value: number): boolean {
    if (ts < this.floor) return !this.isRetired;
    const { sizeMs, latenessMs } = this.#definition;
    const over = this.#watermark - latenessMs;
    const isOwnOpen = ts + 1 > over;
    if (!isOwnOpen && !this.#hasOpenPoint(ts, over)) return false;
    if (this.#ts.length - this.#first >= WINDOW_SLIDING_READINGS_MAX) this.#makeRoom();
    if (ts < this.#newestTs) this.#finishOver(ts, over);
    this.#insert(ts, value);
    if (isOwnOpen && ts - sizeMs + 1 >= this.floor) {
      const at = this.#pointAtOrAfter(ts);
      if (this.#points[at]?.ts !== ts) this.#points.splice(at, 0, { ts, revision: 0, toldCount: 0 });
    }
    if (ts > this.#newestTs) this.#newestTs = ts;
    this.#isTouched = true;
    return true;
  }

  advance(tell: Tell): void {
    if (!this.#isTouched) return;
    this.#isTouched = false;
    this.#tellFinished(tell);
    for (const point of this.#points) {
      if (point.ts + 1 > this.#watermark) break;
      this.#tell(point, CAUSE_WATERMARK, tell);
    }
    this.#forget();
  }

  expire(quietSince: number, now: number, tell: Tell): number {
    const { sizeMs, delayMs, latenessMs, idleMs } = this.#definition;
    if (this.#ts.length === this.#first) return Number.POSITIVE_INFINITY;
    let next = Number.POSITIVE_INFINITY;
    for (const point of this.#points) {
      const due = Math.max(quietSince, point.ts + delayMs) + idleMs;
      if (due <= now) this.#tell(point, CAUSE_IDLE, tell);
      else next = Math.min(next, due);
    }
    const end = Math.max(quietSince, this.#newestTs + sizeMs + delayMs) + idleMs + latenessMs;
    if (end > now) return Math.min(next, end);
    this.close(CAUSE_IDLE, tell);
    return Number.POSITIVE_INFINITY;
  }

  close(cause: WindowCause, tell: Tell): void {
    this.#tellFinished(tell);
    for (const point of this.#points) this.#tell(point, cause, tell);
    this.floor = Math.max(this.floor, this.#newestTs + 1);
    this.#points = [];
    this.#ts = [];
    this.#values = [];
    this.#first = 0;
    this.isRetired = true;
  }

  horizon(newestTs: number): number {
    const { sizeMs, delayMs, latenessMs } = this.#definition;
    return Math.max(this.floor, newestTs - delayMs - latenessMs - sizeMs);
  }

  recall(toldBefore: Iterable<ToldWindow>): void {
    this.#finished = [];
    const rows = new Map([...toldBefore].map((row) => [row.start, row]));
    for (const point of this.#points) {
      const row = rows.get(point.ts - this.#definition.sizeMs + 1);
      point.revision = row?.revision ?? 0;
      point.toldCount = row?.count ?? 0;
    }
    this.#isTouched = true;
  }

  get #watermark(): number {
    return this.#newestTs - this.#definition.delayMs;
  }

  #tell(point: Point, cause: WindowCause, tell: Tell): void {
    const window = this.#summedUp(point);
    if (window === undefined) return;
    tell(window, this.#isCut(window) ? CAUSE_BOUND : cause, window.sum);
    point.revision += 1;
    point.toldCount = window.sum.count;
  }

  #tellFinished(tell: Tell): void {
    for (const { window, cause } of this.#finished)
      tell(window, this.#isCut(window) ? CAUSE_BOUND : cause, window.sum);
    this.#finished = [];
  }

  #isCut({ start }: OpenWindow): boolean {
    return start <= this.#cutTs;
  }

  /** Windows that are over, but were not told yet as they are, must not see a reading that comes now. */
  #finishOver(ts: number, over: number): void {
    for (let at = this.#pointAtOrAfter(ts); at < this.#points.length; ) {
      const point = this.#points[at];
      if (point === undefined || point.ts + 1 > over) return;
      this.#finish(point, CAUSE_WATERMARK);
      this.#points.splice(at, 1);
    }
  }

  #finish(point: Point, cause: WindowCause): void {
    const window = this.#summedUp(point);
    if (window !== undefined) this.#finished.push({ window, cause });
  }

  /** Undefined when it was told as it is. */
  #summedUp(point: Point): OpenWindow | undefined {
    const { sizeMs, quantiles } = this.#definition;
    const start = point.ts - sizeMs + 1;
    const from = this.#readingAtOrAfter(start);
    const to = this.#readingAtOrAfter(point.ts + 1);
    if (to - from === point.toldCount) return undefined;
    const sum = new Accumulator(quantiles.length > 0);
    for (let at = from; at < to; at += 1) sum.add(this.#ts[at] ?? 0, this.#values[at] ?? 0);
    return { ...point, start, end: point.ts + 1, sum };
  }

  /** Whether a window that is not over has the time `ts` in it. */
  #hasOpenPoint(ts: number, over: number): boolean {
    const { sizeMs } = this.#definition;
    for (let at = this.#pointAtOrAfter(ts); at < this.#points.length; at += 1) {
      const end = this.#points[at]?.ts ?? 0;
      if (end >= ts + sizeMs) return false;
      if (end + 1 > over) return true;
    }
    return false;
  }

  #insert(ts: number, value: number): void {
    const at = ts >= this.#newestTs ? this.#ts.length : this.#readingAtOrAfter(ts + 1);
    if (at === this.#ts.length) {
      this.#ts.push(ts);
      this.#values.push(value);
      return;
    }
    this.#ts.splice(at, 0, ts);
    this.#values.splice(at, 0, value);
  }

  /** What is over goes first: how much room there is depends on the readings alone, not on when they were committed. */
  #makeRoom(): void {
    this.#forget();
    if (this.#ts.length - this.#first < WINDOW_SLIDING_READINGS_MAX) return;
    const cut = this.#ts[this.#first] ?? 0;
    const oldest = this.#points[0];
    if (oldest !== undefined && oldest.ts <= cut) {
      this.#finish(oldest, CAUSE_BOUND);
      this.#points.shift();
    }
    this.#cutTs = Math.max(this.#cutTs, cut);
    this.#first += 1;
  }

  #forget(): void {
    const over = this.#watermark - this.#definition.latenessMs;
    let points = 0;
    // One that was not told yet stays until it was.
    while (points < this.#points.length) {
      const point = this.#points[points];
      if (point === undefined || point.ts + 1 > over || point.revision === 0) break;
      points += 1;
    }
    if (points > 0) this.#points.splice(0, points);
    const oldest = Math.min(over, this.#points[0]?.ts ?? over) - this.#definition.sizeMs;
    while (this.#first < this.#ts.length && (this.#ts[this.#first] ?? 0) < oldest) this.#first += 1;
    if (this.#first < SLACK || this.#first * 2 < this.#ts.length) return;
    this.#ts = this.#ts.slice(this.#first);
    this.#values = this.#values.slice(this.#first);
    this.#first = 0;
  }

  #readingAtOrAfter(ts: number): number {
    let low = this.#first;
    let high = this.#ts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ts[middle] ?? 0) < ts) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #pointAtOrAfter(ts: number): number {
    let at = this.#points.length;
    while (at > 0 && (this.#points[at - 1]?.ts ?? 0) >= ts) at -= 1;
    return at;
  }
}
