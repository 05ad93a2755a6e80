import { ANALYSIS_SERIES_MAX } from '../../../base/limits.ts';
import { DETECTORS } from '../../../model/analysis.ts';
import { grownF64, grownU32 } from '../../columns.ts';
import { EwmaColumns, EwmaWatch } from './ewma.ts';
import type { AnalysisState, Findings } from './findings.ts';
import { Hysteresis } from './hysteresis.ts';
import { MissingWatch } from './missing.ts';
import type { AnalysisPlan } from './plan.ts';
import { RangeWatch } from './range.ts';
import { RateWatch } from './rate.ts';
import { StuckColumns, StuckWatch } from './stuck.ts';
import type { Baseline, Explanation, Watch } from './watch.ts';
import { ZscoreColumns, ZscoreWatch } from './zscore.ts';

const FIRST_CAPACITY = 64;
const NO_BASELINE: Baseline = { center: 0, spread: 0 };
const NOT_LOOKED_FOR = 'it is not looked for any more';

/** A plan at work: its detectors, bound to the columns. */
export interface BoundPlan {
  readonly plan: AnalysisPlan;
  /** Those that judge readings. */
  readonly watches: readonly Watch[];
  readonly missing: MissingWatch | undefined;
}

/**
 * The series that are watched. A series gets a row of its own with its first plan and keeps it; what its detectors
 * know is columns by row. Owns what happens when a profile changes under a finding, and what was begun before a restart.
 */
export class WatchList {
  /** Rows in use are below this. */
  size = 0;
  /** By series: its row + 1; 0 = not watched. */
  rowOf = new Uint32Array(FIRST_CAPACITY);
  /** By row. */
  series = new Uint32Array(FIRST_CAPACITY);
  /** By row; 0 = none. */
  lastTs = new Float64Array(FIRST_CAPACITY);
  lastValue = new Float64Array(FIRST_CAPACITY);
  /** By row: when the last reading came, by the clock of the server. */
  seenAt = new Float64Array(FIRST_CAPACITY);
  readonly #plans: (BoundPlan | undefined)[] = [];
  readonly #bound = new WeakMap<AnalysisPlan, BoundPlan>();
  readonly #stored = new Map<number, AnalysisState[]>();
  readonly #range = new Hysteresis();
  readonly #rate = new Hysteresis();
  readonly #stuck = new StuckColumns();
  readonly #zscore = new ZscoreColumns();
  readonly #ewma = new EwmaColumns();
  readonly #missing = new Hysteresis();

  constructor(stored: Iterable<AnalysisState>) {
    for (const state of stored) {
      const known = this.#stored.get(state.series);
      if (known === undefined) this.#stored.set(state.series, [state]);
      else known.push(state);
    }
  }

  /** Series with something begun or learned before the start that have not been watched since. */
  get waiting(): number {
    return this.#stored.size;
  }

  isWaiting(series: number): boolean {
    return this.#stored.has(series);
  }

  rowFor(series: number): number | undefined {
    const row = (this.rowOf[series] ?? 0) - 1;
    return row < 0 ? undefined : row;
  }

  planOf(row: number): BoundPlan | undefined {
    return this.#plans[row];
  }

  /** The row of a series under this plan; -1 when too many are watched. Findings the plan knows no more end here. */
  enter(series: number, plan: AnalysisPlan, findings: Findings, now: number): number {
    const known = (this.rowOf[series] ?? 0) - 1;
    if (known >= 0 && this.#plans[known]?.plan === plan) return known;
    const row = known >= 0 ? known : this.#newRow(series, now);
    if (row < 0) return row;
    const before = this.#plans[row];
    const bound = this.#bind(plan);
    for (const watch of watchesOf(bound)) {
      watch.makeRoom(row + 1);
      const isSame = JSON.stringify(before?.plan[watch.detector]) === JSON.stringify(plan[watch.detector]);
      if (!isSame) watch.forget(row);
    }
    if (before !== undefined) this.#endUnwatched(row, before, bound, findings, now);
    this.#plans[row] = bound;
    this.#takeStored(series, row, bound, findings, now);
    return row;
  }

  /** The series is watched no more: findings about it end. */
  leave(series: number, findings: Findings, now: number): void {
    const row = (this.rowOf[series] ?? 0) - 1;
    const before = row < 0 ? undefined : this.#plans[row];
    if (before !== undefined) {
      this.#endUnwatched(row, before, undefined, findings, now);
      this.#plans[row] = undefined;
    }
    for (const state of this.#stored.get(series) ?? []) endStored(state, findings, now);
    this.#stored.delete(series);
  }

  /** What the store keeps of a detector from now on. */
  keep(row: number, watch: Watch | MissingWatch, findings: Findings): void {
    const { hysteresis, detector } = watch;
    const baseline = 'baseline' in watch ? watch.baseline?.get(row) : undefined;
    findings.keep({
      series: this.series[row] ?? 0,
      detector,
      begunAt: hysteresis.raised[row] === 1 ? (hysteresis.begunAt[row] ?? 0) : 0,
      ...(baseline ?? NO_BASELINE),
    });
  }

  #newRow(series: number, now: number): number {
    if (this.size >= ANALYSIS_SERIES_MAX) return -1;
    const row = this.size;
    this.size += 1;
    if (series >= this.rowOf.length) {
      this.rowOf = grownU32(this.rowOf, Math.max(series + 1, this.rowOf.length * 2));
    }
    if (row === this.series.length) {
      this.series = grownU32(this.series, row * 2);
      this.lastTs = grownF64(this.lastTs, row * 2);
      this.lastValue = grownF64(this.lastValue, row * 2);
      this.seenAt = grownF64(this.seenAt, row * 2);
    }
    this.rowOf[series] = row + 1;
    this.series[row] = series;
    this.seenAt[row] = now;
    return row;
  }

  #bind(plan: AnalysisPlan): BoundPlan {
    const known = this.#bound.get(plan);
    if (known !== undefined) return known;
    const { range, rate, stuck, zscore, ewma, missing } = plan;
    const watches = [
      range && new RangeWatch(this.#range, range),
      rate && new RateWatch(this.#rate, rate),
      stuck && new StuckWatch(this.#stuck, stuck),
      zscore && new ZscoreWatch(this.#zscore, zscore),
      ewma && new EwmaWatch(this.#ewma, ewma),
    ].filter((watch) => watch !== undefined);
    const bound = { plan, watches, missing: missing && new MissingWatch(this.#missing, missing) };
    this.#bound.set(plan, bound);
    return bound;
  }

  #endUnwatched(
    row: number,
    before: BoundPlan,
    after: BoundPlan | undefined,
    findings: Findings,
    now: number,
  ): void {
    for (const watch of watchesOf(before)) {
      if (after?.plan[watch.detector] !== undefined) continue;
      const { detector, hysteresis } = watch;
      if (hysteresis.raised[row] === 1) {
        const series = this.series[row] ?? 0;
        const value = this.lastValue[row] ?? 0;
        findings.tell({
          series,
          detector,
          state: 'ended',
          ts: now,
          value,
          ...notWatched(now, hysteresis, row),
        });
      }
      hysteresis.set(row, 0);
      watch.forget(row);
      findings.keep({ series: this.series[row] ?? 0, detector, begunAt: 0, ...NO_BASELINE });
    }
  }

  #takeStored(series: number, row: number, bound: BoundPlan, findings: Findings, now: number): void {
    const stored = this.#stored.get(series);
    if (stored === undefined) return;
    this.#stored.delete(series);
    for (const state of stored) {
      const watch = watchesOf(bound).find(({ detector }) => detector === state.detector);
      if (watch === undefined) {
        endStored(state, findings, now);
        continue;
      }
      watch.hysteresis.set(row, state.begunAt);
      if ('baseline' in watch) watch.baseline?.set(row, state);
    }
  }
}

const watchesOf = ({ watches, missing }: BoundPlan): readonly (Watch | MissingWatch)[] =>
  missing === undefined ? watches : [...watches, missing];

const notWatched = (now: number, { begunAt }: Hysteresis, row: number): Explanation => ({
  threshold: 0,
  evidence: { lastedMs: Math.max(0, now - (begunAt[row] ?? now)) },
  message: NOT_LOOKED_FOR,
});

function endStored(state: AnalysisState, findings: Findings, now: number): void {
  const { series, detector, begunAt } = state;
  if (!DETECTORS.includes(detector)) return;
  if (begunAt > 0) {
    const evidence = { lastedMs: Math.max(0, now - begunAt) };
    findings.tell({
      series,
      detector,
      state: 'ended',
      ts: now,
      value: 0,
      threshold: 0,
      evidence,
      message: NOT_LOOKED_FOR,
    });
  }
  findings.keep({ series, detector, begunAt: 0, ...NO_BASELINE });
}
