import {
  ANALYSIS_GRACE_MS,
  ANALYSIS_SWEEP_SERIES,
  ANALYSIS_TICK_MAX_MS,
  ANALYSIS_TICK_MS,
} from '../../../base/limits.ts';
import type { SeriesDirectory } from '../../series.ts';
import type { Batch } from '../batch.ts';
import type { ChannelTable } from '../channels.ts';
import type { DeviceDirectory } from '../device-directory.ts';
import type { PacketWork, Stage } from '../stage.ts';
import type { AnalysisState, Findings } from './findings.ts';
import { BEGAN, type Change, UNCHANGED } from './hysteresis.ts';
import type { AnalysisPlan } from './plan.ts';
import { Sweep } from './sweep.ts';
import type { Explanation, Observation, RecentMinute, Watch } from './watch.ts';
import { type BoundPlan, WatchList } from './watch-list.ts';

interface AnalyzeOptions {
  readonly channels: ChannelTable;
  readonly directory: DeviceDirectory;
  readonly series: SeriesDirectory;
  /** As the store has it. */
  readonly states: Iterable<AnalysisState>;
}

interface LookBack {
  readonly batch: Batch;
  /** Oldest first. */
  readonly minutes: Iterable<RecentMinute>;
  /** How far they go back, milliseconds. */
  readonly from: number;
  readonly now: number;
}

/**
 * Looks for readings that are possible but not plausible, and for silence. They become findings that begin once and
 * end once; the readings are stored all the same. A late reading says nothing about now. It remembers per watched
 * series in columns; a series without detectors costs one comparison.
 */
export class Analyze implements Stage {
  readonly name = 'analyze';
  readonly #channels: ChannelTable;
  readonly #list: WatchList;
  readonly #sweep: Sweep;
  readonly #now: Observation = { ts: 0, value: 0, lastTs: 0, lastValue: 0 };
  #tickNotBefore = 0;
  #dueAt = Number.POSITIVE_INFINITY;

  constructor({ channels, directory, series, states }: AnalyzeOptions) {
    this.#channels = channels;
    this.#list = new WatchList(states);
    this.#sweep = new Sweep({ directory, series });
  }

  run({ record, batch, numbersFrom, textsFrom }: PacketWork): void {
    const { anyAnalyzed, plan: planOf, plans } = this.#channels;
    if (!anyAnalyzed) return;
    const { numbers, texts, findings } = batch;
    for (let row = numbersFrom; row < numbers.size; row += 1) {
      const number = planOf[numbers.channel[row] ?? 0] ?? 0;
      if (number === 0) continue;
      const watched = this.#seen(numbers.series[row] ?? 0, plans[number], findings, record.receivedAt);
      if (watched >= 0) this.#look(watched, numbers.ts[row] ?? 0, numbers.value[row] ?? 0, findings);
    }
    for (let row = textsFrom; row < texts.size; row += 1) {
      const plan = plans[planOf[texts.channel[row] ?? 0] ?? 0];
      if (plan !== undefined) this.#seen(texts.series[row] ?? 0, plan, findings, record.receivedAt);
    }
  }

  /** Known series that something is looked for in. */
  watchable(): readonly number[] {
    return this.#sweep.watchable();
  }

  /** Takes in what was stored before the start. */
  lookBack({ batch, minutes, from, now }: LookBack): void {
    const list = this.#list;
    this.#sweep.begin(from);
    for (const minute of minutes) {
      const { series, lastTs, last } = minute;
      const row = list.rowFor(series) ?? this.#watchKnown(series, batch.findings, lastTs);
      if (row < 0 || lastTs < (list.lastTs[row] ?? 0)) continue;
      for (const watch of list.planOf(row)?.watches ?? NO_WATCHES) watch.recall?.(row, minute);
      list.lastTs[row] = lastTs;
      list.lastValue[row] = last;
      list.seenAt[row] = Math.min(lastTs, now);
    }
    for (let row = 0; row < list.size; row += 1) this.#grant(row, now);
  }

  /** Time goes on and nothing comes: what is silent for too long? */
  idle(batch: Batch, now: number): number {
    if (now >= this.#tickNotBefore || now < this.#tickNotBefore - ANALYSIS_TICK_MS) {
      this.#sweepOn(batch.findings, now);
      this.#dueAt = this.#listen(batch.findings, now);
      if (this.#sweep.pending) this.#dueAt = now;
      this.#tickNotBefore = now + ANALYSIS_TICK_MS;
    }
    return Math.max(this.#dueAt, this.#tickNotBefore);
  }

  /** The row of a series that just had a reading; -1 when it cannot be watched. */
  #seen(series: number, plan: AnalysisPlan | undefined, findings: Findings, receivedAt: number): number {
    const list = this.#list;
    if (plan === undefined) return -1;
    let row = (list.rowOf[series] ?? 0) - 1;
    if (row < 0 || list.planOf(row)?.plan !== plan) {
      row = list.enter(series, plan, findings, receivedAt);
      if (row < 0) return row;
      this.#expect(plan, receivedAt);
    }
    // A packet that is tried again, of long ago, is no sign of life.
    if (receivedAt < (list.seenAt[row] ?? 0)) return row;
    list.seenAt[row] = receivedAt;
    const missing = list.planOf(row)?.missing;
    if (missing !== undefined && missing.hysteresis.raised[row] === 1)
      this.#speaks(row, findings, receivedAt);
    return row;
  }

  #look(row: number, ts: number, value: number, findings: Findings): void {
    const list = this.#list;
    const lastTs = list.lastTs[row] ?? 0;
    if (ts <= lastTs) return;
    const now = this.#now;
    now.ts = ts;
    now.value = value;
    now.lastTs = lastTs;
    now.lastValue = list.lastValue[row] ?? 0;
    for (const watch of list.planOf(row)?.watches ?? NO_WATCHES) {
      const change = watch.hysteresis.step(row, watch.level(row, now), ts, watch.limits);
      if (change !== UNCHANGED) this.#tell(row, watch, change, findings);
      else if (watch.baseline?.fresh(row) === true) list.keep(row, watch, findings);
    }
    list.lastTs[row] = ts;
    list.lastValue[row] = value;
  }

  #tell(row: number, watch: Watch, change: Change, findings: Findings): void {
    const now = this.#now;
    const { threshold, evidence, message } = watch.explain(row, now);
    const { detector, hysteresis } = watch;
    const isBegin = change === BEGAN;
    findings.tell({
      series: this.#list.series[row] ?? 0,
      detector,
      state: isBegin ? 'began' : 'ended',
      ts: now.ts,
      value: now.value,
      threshold,
      evidence: isBegin ? evidence : { ...evidence, lastedMs: now.ts - (hysteresis.begunAt[row] ?? 0) },
      message,
    });
    this.#list.keep(row, watch, findings);
  }

  /** A series that was missed has a reading. */
  #speaks(row: number, findings: Findings, receivedAt: number): void {
    const list = this.#list;
    const missing = list.planOf(row)?.missing;
    if (missing === undefined || missing.speaks(row, receivedAt) === UNCHANGED) return;
    this.#dueAt = Math.min(this.#dueAt, receivedAt + missing.limits.afterMs);
    const begunAt = missing.hysteresis.begunAt[row] ?? 0;
    const silence = { evidence: { lastedMs: Math.max(0, receivedAt - begunAt) }, message: 'readings again' };
    this.#tellSilence(row, 'ended', receivedAt, { threshold: missing.limits.afterMs, ...silence }, findings);
  }

  /** From now on it may be missed. */
  #expect({ missing }: AnalysisPlan, at: number): void {
    if (missing !== undefined) this.#dueAt = Math.min(this.#dueAt, at + missing.afterMs);
  }

  /** Walks over all that is watched; answers when the next can be missed. */
  #listen(findings: Findings, now: number): number {
    const list = this.#list;
    let due =
      list.size > 0 || this.#sweep.wanted(list) ? now + ANALYSIS_TICK_MAX_MS : Number.POSITIVE_INFINITY;
    for (let row = 0; row < list.size; row += 1) {
      const missing = list.planOf(row)?.missing;
      if (missing === undefined || missing.hysteresis.raised[row] === 1) continue;
      const silentMs = now - (list.seenAt[row] ?? 0);
      const { afterMs } = missing.limits;
      if (silentMs < afterMs) {
        due = Math.min(due, now + afterMs - silentMs);
        continue;
      }
      if (!this.#sweep.isStillWanted(list.series[row] ?? 0, missing.limits)) continue;
      missing.hysteresis.set(row, now);
      this.#tellSilence(row, 'began', now, missing.explain(silentMs, list.lastTs[row] ?? 0), findings);
    }
    return due;
  }

  #tellSilence(
    row: number,
    state: 'began' | 'ended',
    ts: number,
    explanation: Explanation,
    findings: Findings,
  ): void {
    const list = this.#list;
    const missing = list.planOf(row)?.missing;
    if (missing === undefined) return;
    const series = list.series[row] ?? 0;
    const value = list.lastValue[row] ?? 0;
    findings.tell({ series, detector: 'missing', state, ts, value, ...explanation });
    list.keep(row, missing, findings);
  }

  /** Series that have not spoken since the start are watched by what the registry says of them. */
  #sweepOn(findings: Findings, now: number): void {
    const list = this.#list;
    for (const { series, plan } of this.#sweep.next(list, ANALYSIS_SWEEP_SERIES)) {
      if (plan === undefined) {
        list.leave(series, findings, now);
        continue;
      }
      const isNew = list.rowFor(series) === undefined;
      const row = list.enter(series, plan, findings, this.#sweep.from ?? now);
      if (isNew && row >= 0) this.#grant(row, now);
    }
  }

  #watchKnown(series: number, findings: Findings, seenAt: number): number {
    const plan = this.#sweep.planOf(series);
    return plan === undefined ? -1 : this.#list.enter(series, plan, findings, seenAt);
  }

  /** Devices that were cut off by our own absence get a moment to come back before they are missed. */
  #grant(row: number, now: number): void {
    const missing = this.#list.planOf(row)?.missing;
    if (missing === undefined) return;
    const { afterMs } = missing.limits;
    const earliest = now - afterMs + Math.min(afterMs, ANALYSIS_GRACE_MS);
    this.#list.seenAt[row] = Math.max(this.#list.seenAt[row] ?? 0, earliest);
  }
}

const NO_WATCHES: BoundPlan['watches'] = [];
