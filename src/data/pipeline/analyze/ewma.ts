import { grownF64, grownU8, grownU32 } from '../../columns.ts';
import { BAD, BETWEEN, GOOD, Hysteresis, type Level } from './hysteresis.ts';
import type { EwmaConfig } from './plan.ts';
import { type Baseline, type Explanation, type Observation, shown, type Watch } from './watch.ts';

const FIRST_CAPACITY = 64;

/** The baseline of each series (mean and deviation) and its moving average. */
export class EwmaColumns {
  readonly hysteresis = new Hysteresis();
  /** Readings the baseline was learned from. */
  learned = new Uint32Array(FIRST_CAPACITY);
  /** 1 = the baseline is complete. */
  complete = new Uint8Array(FIRST_CAPACITY);
  fresh = new Uint8Array(FIRST_CAPACITY);
  mean = new Float64Array(FIRST_CAPACITY);
  m2 = new Float64Array(FIRST_CAPACITY);
  deviation = new Float64Array(FIRST_CAPACITY);
  average = new Float64Array(FIRST_CAPACITY);
  /** (1 - lambda)^2t: the part of the variance that is not there yet. */
  decay = new Float64Array(FIRST_CAPACITY);

  makeRoom(rows: number): void {
    this.hysteresis.makeRoom(rows);
    if (rows <= this.mean.length) return;
    const capacity = Math.max(rows, this.mean.length * 2);
    this.learned = grownU32(this.learned, capacity);
    this.complete = grownU8(this.complete, capacity);
    this.fresh = grownU8(this.fresh, capacity);
    this.mean = grownF64(this.mean, capacity);
    this.m2 = grownF64(this.m2, capacity);
    this.deviation = grownF64(this.deviation, capacity);
    this.average = grownF64(this.average, capacity);
    this.decay = grownF64(this.decay, capacity);
  }
}

/**
 * The EWMA control chart of Roberts (1959): an average that weighs the last reading by lambda leaves the band of
 * `limit` of its own standard deviations around the target. Target and deviation are given, or learned once from
 * the first readings and kept with history.
 */
export class EwmaWatch implements Watch {
  readonly detector = 'ewma';
  readonly hysteresis: Hysteresis;
  readonly limits: EwmaConfig;
  readonly #columns: EwmaColumns;

  constructor(columns: EwmaColumns, config: EwmaConfig) {
    this.#columns = columns;
    this.hysteresis = columns.hysteresis;
    this.limits = config;
  }

  makeRoom(rows: number): void {
    this.#columns.makeRoom(rows);
  }

  forget(row: number): void {
    const { learned, complete, fresh, mean, m2 } = this.#columns;
    learned[row] = 0;
    complete[row] = 0;
    fresh[row] = 0;
    mean[row] = 0;
    m2[row] = 0;
  }

  level(row: number, { value }: Observation): Level {
    const { complete, mean, deviation, average, decay } = this.#columns;
    const { lambda, limit, margin, target, deviation: given } = this.limits;
    if (complete[row] !== 1) {
      if (target === undefined || given === undefined) {
        this.#learn(row, value);
        return BETWEEN;
      }
      this.#begin(row, target, given);
    }
    average[row] = lambda * value + (1 - lambda) * (average[row] ?? 0);
    decay[row] = (decay[row] ?? 0) * (1 - lambda) ** 2;
    const width = this.#width(row);
    if (deviation[row] === 0) return BETWEEN;
    const distance = Math.abs((average[row] ?? 0) - (mean[row] ?? 0)) / width;
    if (distance > limit) return BAD;
    return distance <= limit - margin ? GOOD : BETWEEN;
  }

  explain(row: number, { value }: Observation): Explanation {
    const target = this.#columns.mean[row] ?? 0;
    const average = this.#columns.average[row] ?? 0;
    const half = this.limits.limit * this.#width(row);
    const [lower, upper] = [target - half, target + half];
    const threshold = average < target ? lower : upper;
    const isInside = average >= lower && average <= upper;
    return {
      threshold,
      evidence: { average, target, deviation: this.#columns.deviation[row] ?? 0, lower, upper },
      message: isInside
        ? `the moving average ${shown(average)} is back between ${shown(lower)} and ${shown(upper)}`
        : `the moving average ${shown(average)} left ${shown(lower)} to ${shown(upper)}; now ${shown(value)}`,
    };
  }

  readonly baseline = {
    fresh: (row: number): boolean => {
      const isFresh = this.#columns.fresh[row] === 1;
      this.#columns.fresh[row] = 0;
      return isFresh;
    },
    get: (row: number): Baseline =>
      this.#columns.complete[row] === 1
        ? { center: this.#columns.mean[row] ?? 0, spread: this.#columns.deviation[row] ?? 0 }
        : { center: 0, spread: 0 },
    set: (row: number, { center, spread }: Baseline): void => {
      // The profile may have named either since it was learned.
      if (spread > 0) this.#begin(row, this.limits.target ?? center, this.limits.deviation ?? spread);
    },
  };

  /** Standard deviation of the average after as many readings as there were. */
  #width(row: number): number {
    const { lambda } = this.limits;
    const share = (lambda / (2 - lambda)) * (1 - (this.#columns.decay[row] ?? 0));
    return (this.#columns.deviation[row] ?? 0) * Math.sqrt(share);
  }

  #learn(row: number, value: number): void {
    const { learned, mean, m2 } = this.#columns;
    const { target, deviation, baseline } = this.limits;
    const count = (learned[row] ?? 0) + 1;
    const before = mean[row] ?? 0;
    const moved = before + (value - before) / count;
    learned[row] = count;
    mean[row] = moved;
    m2[row] = (m2[row] ?? 0) + (value - before) * (value - moved);
    if (count < baseline) return;
    const found = deviation ?? Math.sqrt((m2[row] ?? 0) / (count - 1));
    // A line without noise has no control limits: it goes on learning.
    if (found === 0) return;
    this.#begin(row, target ?? moved, found);
    this.#columns.fresh[row] = 1;
  }

  #begin(row: number, target: number, deviation: number): void {
    const { complete, mean, deviation: deviations, average, decay } = this.#columns;
    complete[row] = 1;
    mean[row] = target;
    deviations[row] = deviation;
    average[row] = target;
    decay[row] = 1;
  }
}
