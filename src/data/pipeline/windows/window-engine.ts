import { WINDOW_SWEEP_MS, WINDOWS_OPEN_MAX, WINDOWS_OPEN_MAX_BYTES } from '../../../base/limits.ts';
import type { WindowDefinition } from '../../../model/windows.ts';
import { definitionKey, newWindowSet, type WindowPlan } from './window-plan.ts';
import type { WindowRows, WindowState } from './window-rows.ts';
import { CAUSE_BOUND, type ToldWindow, type WindowSet } from './window-set.ts';

/** Where the engine puts what has to be committed. */
export interface WindowSink {
  readonly windows: WindowRows;
  windowStates: WindowState[];
  /** Readings that came after every window they belong to was over. */
  lateReadings: number;
}

/** Of a series and declaration beside its windows, measured. */
const COUNTER_BYTES = 720;

interface Counter {
  readonly definition: WindowDefinition;
  readonly set: WindowSet;
}

/** The windows of one series. */
interface SeriesWindows {
  readonly series: number;
  /** Undefined after a restart, until its first reading tells the plan of today. */
  plan: WindowPlan | undefined;
  counters: readonly Counter[];
  /** Wall time of its newest readings. */
  arrivedAt: number;
  /** Nothing is due by the clock before. */
  dueAt: number;
  isTouched: boolean;
  windows: number;
  bytes: number;
}

/** Which windows of which series to read again, from which event time on. */
export interface Horizon {
  readonly series: number;
  readonly name: string;
  readonly since: number;
}

interface EngineOptions {
  readonly sink: WindowSink;
  /** For tests; what limits.ts says otherwise. */
  readonly windowsMax?: number | undefined;
}

/**
 * Declared windows of all series. Readings go in one by one; with each commit comes out what has to be told, so that a
 * row is stored in the transaction of the readings that made it due. It remembers nothing that the store does not
 * have: after a restart it is made again from stored readings (`restore.ts`). It knows nothing of stores and events.
 */
export class WindowEngine {
  readonly #sink: WindowSink;
  readonly #windowsMax: number;
  readonly #series = new Map<number, SeriesWindows>();
  /** Those with open windows, the one touched longest ago first. */
  readonly #active = new Set<SeriesWindows>();
  #touched: SeriesWindows[] = [];
  #windows = 0;
  #bytes = 0;
  #sweepAt = Number.POSITIVE_INFINITY;

  constructor(options: EngineOptions) {
    this.#sink = options.sink;
    this.#windowsMax = options.windowsMax ?? WINDOWS_OPEN_MAX;
  }

  /** `isNew`: there are no readings of the series before this one, so that no window has begun without it. */
  add(reading: {
    readonly series: number;
    readonly plan: WindowPlan;
    readonly isNew: boolean;
    readonly ts: number;
    readonly value: number;
  }): void {
    const { plan, ts, value } = reading;
    let entry = this.#series.get(reading.series);
    if (entry?.plan !== plan) {
      entry = this.#adopt(entry ?? emptyEntry(reading.series), plan, reading.isNew ? undefined : ts);
    }
    let isLate = false;
    for (const { set } of entry.counters) if (!set.add(ts, value)) isLate = true;
    if (isLate) this.#sink.lateReadings += 1;
    if (entry.isTouched) return;
    entry.isTouched = true;
    this.#touched.push(entry);
  }

  /** Before a commit: tells what is due by the watermarks, and by the clock where it is time to look. */
  collect(now: number): void {
    for (const entry of this.#touched) {
      entry.isTouched = false;
      entry.arrivedAt = now;
      for (const counter of entry.counters) counter.set.advance(this.#teller(entry, counter));
      this.#weigh(entry);
      // Last in the order of those that may have to go.
      this.#active.delete(entry);
      this.#active.add(entry);
      entry.dueAt = now + leastIdle(entry);
      this.#sweepAt = Math.min(this.#sweepAt, entry.dueAt);
    }
    this.#touched = [];
    if (now >= this.#sweepAt) this.#sweep(now);
    while (this.#windows > this.#windowsMax || this.#bytes > WINDOWS_OPEN_MAX_BYTES) {
      const [oldest] = this.#active;
      if (oldest === undefined) break;
      for (const counter of oldest.counters) this.#close(oldest, counter);
      this.#weigh(oldest);
      this.#active.delete(oldest);
    }
  }

  /** Wall time at which something may be due without a reading; infinity = never. */
  get dueAt(): number {
    return this.#sweepAt;
  }

  /** Takes up what was stored of a series; its readings from the horizon on have to follow. */
  recallState(state: WindowState, definition: WindowDefinition, now: number): void {
    const entry = this.#series.get(state.series) ?? emptyEntry(state.series);
    const set = newWindowSet(definition);
    set.floor = state.floor;
    set.isRetired = state.isRetired;
    entry.counters = [
      ...entry.counters.filter((known) => known.definition.name !== state.name),
      { definition, set },
    ];
    entry.arrivedAt = now;
    this.#sweepAt = Math.min(this.#sweepAt, now + definition.idleMs);
    this.#series.set(state.series, entry);
  }

  /** What has to be read again of a series whose newest reading is of `newestTs`. */
  horizons(series: number, newestTs: number): readonly Horizon[] {
    const counters = this.#series.get(series)?.counters ?? [];
    return counters
      .filter(({ set }) => set.floor <= newestTs)
      .map(({ definition, set }) => ({ series, name: definition.name, since: set.horizon(newestTs) }));
  }

  /** A stored reading, in the order of arrival. What follows from it was told when it was new. */
  recall(series: number, ts: number, value: number): void {
    const entry = this.#series.get(series);
    if (entry === undefined) return;
    for (const { set } of entry.counters) set.add(ts, value);
    if (entry.isTouched) return;
    entry.isTouched = true;
    this.#touched.push(entry);
  }

  /** Between readings: forgets what is over, so that reading again takes no more memory than reading did. */
  settle(): void {
    for (const entry of this.#touched) {
      entry.isTouched = false;
      for (const { set } of entry.counters) set.advance(() => undefined);
      this.#weigh(entry);
      this.#active.add(entry);
    }
    this.#touched = [];
  }

  /** All readings are there: what was told of the open windows. Whatever is due then comes with the next commit. */
  recallTold(told: ReadonlyMap<string, readonly ToldWindow[]>): void {
    this.settle();
    for (const entry of this.#active) {
      for (const { definition, set } of entry.counters) {
        set.recall(told.get(toldKey(entry.series, definition.name)) ?? []);
      }
      entry.isTouched = true;
      this.#touched.push(entry);
    }
  }

  #adopt(entry: SeriesWindows, plan: WindowPlan, firstTs: number | undefined): SeriesWindows {
    const known = new Map(entry.counters.map((counter) => [definitionKey(counter.definition), counter]));
    entry.counters = plan.definitions.map((definition) => {
      const key = definitionKey(definition);
      const counter = known.get(key);
      if (counter !== undefined) return counter;
      const set = newWindowSet(definition);
      // Readings up to the delay ahead of this one may have come before the declaration did.
      if (firstTs !== undefined) set.floor = firstTs + definition.delayMs + 1;
      this.#sink.windowStates.push({
        series: entry.series,
        name: definition.name,
        definition: key,
        floor: firstTs === undefined ? 0 : set.floor,
        isRetired: false,
      });
      return { definition, set };
    });
    entry.plan = plan;
    this.#series.set(entry.series, entry);
    return entry;
  }

  #sweep(now: number): void {
    let next = Number.POSITIVE_INFINITY;
    for (const entry of this.#active) {
      if (entry.dueAt <= now) this.#expire(entry, now);
      next = Math.min(next, entry.dueAt);
    }
    this.#sweepAt = Math.max(next, now + WINDOW_SWEEP_MS);
  }

  #expire(entry: SeriesWindows, now: number): void {
    entry.dueAt = Number.POSITIVE_INFINITY;
    for (const counter of entry.counters) {
      if (counter.set.size === 0) continue;
      const due = counter.set.expire(entry.arrivedAt, now, this.#teller(entry, counter));
      if (due === Number.POSITIVE_INFINITY) this.#keepState(entry, counter);
      else entry.dueAt = Math.min(entry.dueAt, due);
    }
    this.#weigh(entry);
    if (entry.windows === 0) this.#active.delete(entry);
  }

  #close(entry: SeriesWindows, counter: Counter): void {
    if (counter.set.size === 0) return;
    counter.set.close(CAUSE_BOUND, this.#teller(entry, counter));
    this.#keepState(entry, counter);
  }

  /** Without it the windows of a retired set would be made again after a restart. */
  #keepState(entry: SeriesWindows, { definition, set }: Counter): void {
    this.#sink.windowStates.push({
      series: entry.series,
      name: definition.name,
      definition: definitionKey(definition),
      floor: set.floor,
      isRetired: set.isRetired,
    });
  }

  #teller(entry: SeriesWindows, { definition }: Counter): Parameters<WindowSet['advance']>[0] {
    const { name, quantiles } = definition;
    return (window, cause, sum) =>
      this.#sink.windows.add({ series: entry.series, name, window, cause, sum, quantiles });
  }

  #weigh(entry: SeriesWindows): void {
    let windows = 0;
    let bytes = 0;
    for (const { set } of entry.counters) {
      windows += set.size;
      if (set.size > 0) bytes += set.bytes + COUNTER_BYTES;
    }
    this.#windows += windows - entry.windows;
    this.#bytes += bytes - entry.bytes;
    entry.windows = windows;
    entry.bytes = bytes;
  }
}

export const toldKey = (series: number, name: string): string => `${series} ${name}`;

const leastIdle = ({ counters }: SeriesWindows): number =>
  counters.reduce((least, { definition }) => Math.min(least, definition.idleMs), Number.POSITIVE_INFINITY);

const emptyEntry = (series: number): SeriesWindows => ({
  series,
  plan: undefined,
  counters: [],
  arrivedAt: 0,
  dueAt: 0,
  isTouched: false,
  windows: 0,
  bytes: 0,
});
