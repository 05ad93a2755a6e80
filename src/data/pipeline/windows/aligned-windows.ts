import type { WindowDefinition } from '../../../model/windows.ts';
import { Accumulator } from './accumulator.ts';
import {
  CAUSE_IDLE,
  CAUSE_WATERMARK,
  type OpenWindow,
  type Tell,
  type ToldWindow,
  type WindowCause,
  type WindowSet,
} from './window-set.ts';

/** How often a window was told, and of how many readings. */
interface Told {
  readonly revision: number;
  readonly count: number;
}

const NOT_TOLD: Told = { revision: 0, count: 0 };

/**
 * Tumbling and hopping windows: starts are multiples of the advance (from the epoch, plus an offset), and a size is so
 * many advances. Readings are summed up once, in panes as wide as the advance; a window is the sum of its panes (Li et
 * al., "No pane, no gain", SIGMOD Record 2005).
 */
export class AlignedWindows implements WindowSet {
  floor = Number.NEGATIVE_INFINITY;
  isRetired = false;
  readonly #definition: WindowDefinition;
  /** By start. */
  readonly #panes = new Map<number, Accumulator>();
  /** Windows that were told, by start. */
  readonly #told = new Map<number, Told>();
  /** Windows that change no more, as they are to be told with the next commit. */
  #finished: OpenWindow[] = [];
  #newestTs = Number.NEGATIVE_INFINITY;
  /** Windows that end by then are forgotten. */
  #overUntil = Number.NEGATIVE_INFINITY;
  /** The pane of the reading before: the next one is most often its, too. */
  #recentStart = Number.NaN;
  #recent: Accumulator | undefined;
  /** The watermark at which something has to be told or forgotten. */
  #due = Number.POSITIVE_INFINITY;
  #isAmended = false;

  constructor(definition: WindowDefinition) {
    this.#definition = definition;
  }

  get size(): number {
    return this.#panes.size;
  }

  get bytes(): number {
    let bytes = 0;
    for (const pane of this.#panes.values()) bytes += pane.bytes;
    return bytes;
  }

  add(ts: number, value: number): boolean {
    const { sizeMs, advanceMs, offsetMs, latenessMs } = this.#definition;
    const watermark = this.#watermark;
    const over = watermark - latenessMs;
    // Exact below 2^52, and several times as fast as the remainder of doubles.
    const start = Math.floor((ts - offsetMs) / advanceMs) * advanceMs + offsetMs;
    if (ts > this.#newestTs) this.#newestTs = ts;
    // The newest window of a pane starts with it.
    if (start + sizeMs <= over) return false;
    if (start < this.floor) return !(this.isRetired && ts < this.floor);
    if (start + advanceMs <= watermark) {
      this.#isAmended = true;
      // Its oldest window must not see this reading if it is over.
      if (start + advanceMs <= over) this.#forget(over);
    }
    const pane = start === this.#recentStart ? this.#recent : undefined;
    (pane ?? this.#pane(start)).add(ts, value);
    return true;
  }

  advance(tell: Tell): void {
    const watermark = this.#watermark;
    if (watermark < this.#due && !this.#isAmended) return;
    const { sizeMs, latenessMs } = this.#definition;
    this.#isAmended = false;
    this.#tellFinished(CAUSE_WATERMARK, tell);
    for (const start of this.#starts()) {
      if (start + sizeMs <= watermark) this.#tell(start, CAUSE_WATERMARK, tell);
    }
    this.#forget(watermark - latenessMs);
    this.#due = Number.POSITIVE_INFINITY;
    for (const start of this.#starts()) {
      const end = start + sizeMs;
      this.#due = Math.min(this.#due, end <= watermark ? end + latenessMs : end);
    }
  }

  expire(quietSince: number, now: number, tell: Tell): number {
    const { sizeMs, delayMs, latenessMs, idleMs } = this.#definition;
    if (this.#panes.size === 0) return Number.POSITIVE_INFINITY;
    let next = Number.POSITIVE_INFINITY;
    for (const start of this.#starts()) {
      const due = Math.max(quietSince, start + sizeMs + delayMs) + idleMs;
      if (due <= now) this.#tell(start, CAUSE_IDLE, tell);
      else next = Math.min(next, due);
    }
    const end = Math.max(quietSince, this.#newestTs + sizeMs + delayMs) + idleMs + latenessMs;
    if (end > now) return Math.min(next, end);
    this.close(CAUSE_IDLE, tell);
    return Number.POSITIVE_INFINITY;
  }

  close(cause: WindowCause, tell: Tell): void {
    this.#tellFinished(cause, tell);
    for (const start of this.#starts()) this.#tell(start, cause, tell);
    this.#panes.clear();
    this.#told.clear();
    this.#recentStart = Number.NaN;
    this.floor = Math.max(this.floor, this.#newestTs + 1);
    this.isRetired = true;
  }

  horizon(newestTs: number): number {
    const { sizeMs, delayMs, latenessMs } = this.#definition;
    return Math.max(this.floor, newestTs - delayMs - latenessMs - sizeMs);
  }

  recall(toldBefore: Iterable<ToldWindow>): void {
    this.#finished = [];
    this.#told.clear();
    for (const { start, revision, count } of toldBefore) this.#told.set(start, { revision, count });
    this.#forget(this.#overUntil);
    // Whatever is due is found by looking.
    this.#isAmended = true;
  }

  get #watermark(): number {
    return this.#newestTs - this.#definition.delayMs;
  }

  #pane(start: number): Accumulator {
    let pane = this.#panes.get(start);
    if (pane === undefined) {
      const { advanceMs, quantiles } = this.#definition;
      pane = new Accumulator(quantiles.length > 0);
      this.#panes.set(start, pane);
      // Its oldest window ends with it.
      this.#due = Math.min(this.#due, start + advanceMs);
    }
    this.#recentStart = start;
    this.#recent = pane;
    return pane;
  }

  /** Windows with readings that are not over. */
  #starts(): ReadonlySet<number> {
    const { sizeMs, advanceMs } = this.#definition;
    const starts = new Set<number>();
    for (const pane of this.#panes.keys()) {
      for (let start = pane - sizeMs + advanceMs; start <= pane; start += advanceMs) {
        if (start >= this.floor && start + sizeMs > this.#overUntil) starts.add(start);
      }
    }
    return starts;
  }

  #tell(start: number, cause: WindowCause, tell: Tell): void {
    const window = this.#summedUp(start);
    if (window === undefined) return;
    tell(window, cause, window.sum);
    this.#told.set(start, { revision: window.revision + 1, count: window.sum.count });
  }

  #tellFinished(cause: WindowCause, tell: Tell): void {
    for (const window of this.#finished) tell(window, cause, window.sum);
    this.#finished = [];
  }

  /** Undefined when it was told as it is. */
  #summedUp(start: number): OpenWindow | undefined {
    const { sizeMs, advanceMs, quantiles } = this.#definition;
    const { revision, count: toldCount } = this.#told.get(start) ?? NOT_TOLD;
    const panes: Accumulator[] = [];
    let count = 0;
    for (let at = start; at < start + sizeMs; at += advanceMs) {
      const pane = this.#panes.get(at);
      if (pane === undefined) continue;
      panes.push(pane);
      count += pane.count;
    }
    const [only] = panes;
    if (only === undefined || count === toldCount) return undefined;
    const sum = panes.length === 1 ? only : new Accumulator(quantiles.length > 0);
    if (sum !== only) for (const pane of panes) sum.merge(pane);
    return { start, end: start + sizeMs, sum, revision, toldCount };
  }

  /** Windows that end by `over` change no more: what is still to be told of them is kept as it is now. */
  #forget(over: number): void {
    if (over > this.#overUntil) {
      const { sizeMs } = this.#definition;
      for (const start of this.#starts()) {
        if (start + sizeMs > over) continue;
        const window = this.#summedUp(start);
        // A pane goes on counting for its other windows.
        if (window !== undefined)
          this.#finished.push({ ...window, sum: copyOf(window.sum, this.#definition) });
      }
      this.#overUntil = over;
    }
    this.#dropOver();
  }

  #dropOver(): void {
    const { sizeMs } = this.#definition;
    // A pane goes with the window that starts with it.
    for (const start of this.#panes.keys()) if (start + sizeMs <= this.#overUntil) this.#panes.delete(start);
    for (const start of this.#told.keys()) if (start + sizeMs <= this.#overUntil) this.#told.delete(start);
    if (!this.#panes.has(this.#recentStart)) this.#recentStart = Number.NaN;
  }
}

function copyOf(sum: Accumulator, { quantiles }: WindowDefinition): Accumulator {
  const copy = new Accumulator(quantiles.length > 0);
  copy.merge(sum);
  return copy;
}
