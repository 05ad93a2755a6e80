import { FINDINGS_PER_COMMIT_MAX } from '../../../base/limits.ts';
import type { Detector } from '../../../model/analysis.ts';
import type { Baseline, Explanation } from './watch.ts';

/**
 * What the analysis has to say with one commit: what is told (a bounded number, all are counted), and what the store
 * keeps so that a finding that has begun does not begin again.
 */

export interface SeriesFinding extends Explanation {
  readonly series: number;
  readonly detector: Detector;
  readonly state: 'began' | 'ended';
  readonly ts: number;
  readonly value: number;
}

/** A row of the store: a finding that has begun, a baseline that was learned, or both. */
export interface AnalysisState extends Baseline {
  readonly series: number;
  readonly detector: Detector;
  /** 0 = no finding. */
  readonly begunAt: number;
}

/** What is kept of a detector from this commit on; without a finding and a baseline nothing is. */
export const isKept = ({ begunAt, spread }: AnalysisState): boolean => begunAt > 0 || spread > 0;

export class Findings {
  told: SeriesFinding[] = [];
  readonly #counts = { began: new Map<Detector, number>(), ended: new Map<Detector, number>() };
  readonly #states = new Map<string, AnalysisState>();

  /** Changed states, the last of each series and detector. */
  get states(): readonly AnalysisState[] {
    return [...this.#states.values()];
  }

  /** All of them, told or not. */
  get counted(): readonly (readonly [Detector, SeriesFinding['state'], number])[] {
    const { began, ended } = this.#counts;
    return [
      ...[...began].map(([detector, count]) => [detector, 'began', count] as const),
      ...[...ended].map(([detector, count]) => [detector, 'ended', count] as const),
    ];
  }

  get empty(): boolean {
    return this.#states.size === 0 && this.told.length === 0;
  }

  tell(finding: SeriesFinding): void {
    const counts = this.#counts[finding.state];
    counts.set(finding.detector, (counts.get(finding.detector) ?? 0) + 1);
    if (this.told.length < FINDINGS_PER_COMMIT_MAX) this.told.push(finding);
  }

  keep(state: AnalysisState): void {
    this.#states.set(`${state.series} ${state.detector}`, state);
  }

  clear(): void {
    this.told = [];
    this.#counts.began.clear();
    this.#counts.ended.clear();
    this.#states.clear();
  }
}
