import type { SeriesDirectory } from '../../series.ts';
import type { DeviceDirectory } from '../device-directory.ts';
import type { AnalysisPlan, MissingConfig } from './plan.ts';
import type { WatchList } from './watch-list.ts';

interface SweepOptions {
  readonly directory: DeviceDirectory;
  readonly series: SeriesDirectory;
}

/** A series whose plan is another than the list has; undefined = it is to be watched no more. */
interface Step {
  readonly series: number;
  readonly plan: AnalysisPlan | undefined;
}

/**
 * Keeps the watch list in step with the registry where no reading does it: series that must be missed though they have
 * not spoken since the start, and those whose device or detector is gone. Goes over the known series bit by bit, again
 * after every change of the registry.
 */
export class Sweep {
  /** How far history was looked back over; known until the first round is over. */
  from: number | undefined;
  readonly #directory: DeviceDirectory;
  readonly #series: SeriesDirectory;
  #next = 0;
  #revision = -1;
  #missesSilence = false;

  constructor({ directory, series }: SweepOptions) {
    this.#directory = directory;
    this.#series = series;
  }

  begin(from: number): void {
    this.from = from;
  }

  /** Whether there is anything to watch at all, now or once it speaks. */
  wanted(list: WatchList): boolean {
    return list.size > 0 || list.waiting > 0 || this.#missesSilence;
  }

  /** Another bit of the round is due. */
  get pending(): boolean {
    return this.#revision !== this.#directory.revision || this.#next < this.#series.idLimit;
  }

  /** What has to change, as far as the next `max` series go. */
  next(list: WatchList, max: number): readonly Step[] {
    if (this.#revision !== this.#directory.revision) {
      this.#revision = this.#directory.revision;
      this.#missesSilence = this.#directory.missesSilence;
      this.#next = 0;
    }
    const end = this.wanted(list) ? Math.min(this.#series.idLimit, this.#next + max) : this.#next;
    const steps: Step[] = [];
    for (let series = this.#next; series < end; series += 1) {
      const step = this.#step(list, series);
      if (step !== undefined) steps.push(step);
    }
    this.#next = this.wanted(list) ? end : this.#series.idLimit;
    if (!this.pending) this.from = undefined;
    return steps;
  }

  /** Known series that something is looked for in. */
  watchable(): readonly number[] {
    const found: number[] = [];
    if (!this.#directory.analyzes) return found;
    for (let series = 0; series < this.#series.idLimit; series += 1) {
      if (this.planOf(series) !== undefined) found.push(series);
    }
    return found;
  }

  /** What the registry says is looked for in a series. */
  planOf(series: number): AnalysisPlan | undefined {
    const known = this.#series.get(series);
    if (known === undefined) return undefined;
    return this.#directory.rulesOf(known.device)?.analysisOf(known.metric, known.unit);
  }

  /** A device may have been removed, or its profile changed, without another reading. */
  isStillWanted(series: number, limits: MissingConfig): boolean {
    return this.planOf(series)?.missing?.afterMs === limits.afterMs;
  }

  #step(list: WatchList, series: number): Step | undefined {
    const row = list.rowFor(series);
    const before = row === undefined ? undefined : list.planOf(row)?.plan;
    if (before === undefined && !list.isWaiting(series) && !this.#missesSilence) return undefined;
    const plan = this.planOf(series);
    if (plan === before && !list.isWaiting(series)) return undefined;
    // What only judges readings can wait for one.
    const isDue = before !== undefined || list.isWaiting(series) || plan?.missing !== undefined;
    return isDue ? { series, plan } : undefined;
  }
}
