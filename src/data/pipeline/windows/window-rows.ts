import type { WindowChange } from '../../../model/windows.ts';
import { grownF64, grownU32 } from '../../columns.ts';
import type { Accumulator } from './accumulator.ts';
import type { OpenWindow, WindowCause } from './window-set.ts';

const FIRST_CAPACITY = 64;

/** Where the counting of a window of a series began, or begins again after it was closed by the clock or a bound. */
export interface WindowState {
  readonly series: number;
  readonly name: string;
  /** The declaration in force, as text (`definitionKey`). */
  readonly definition: string;
  /** Windows that start before are not counted; 0 = all are. */
  readonly floor: number;
  readonly isRetired: boolean;
}

/** Windows told with one commit, a column per field. A row of no readings withdraws what was told before. */
export class WindowRows {
  size = 0;
  series = new Uint32Array(FIRST_CAPACITY);
  names: string[] = [];
  start = new Float64Array(FIRST_CAPACITY);
  end = new Float64Array(FIRST_CAPACITY);
  count = new Uint32Array(FIRST_CAPACITY);
  min = new Float64Array(FIRST_CAPACITY);
  max = new Float64Array(FIRST_CAPACITY);
  mean = new Float64Array(FIRST_CAPACITY);
  stddev = new Float64Array(FIRST_CAPACITY);
  last = new Float64Array(FIRST_CAPACITY);
  lastTs = new Float64Array(FIRST_CAPACITY);
  revision = new Uint32Array(FIRST_CAPACITY);
  cause = new Uint32Array(FIRST_CAPACITY);
  /** Values in the order of the declaration, as JSON; empty where none were asked for. */
  quantiles: string[] = [];

  add(row: {
    readonly series: number;
    readonly name: string;
    readonly window: OpenWindow;
    readonly cause: WindowCause;
    readonly sum: Accumulator | undefined;
    readonly quantiles: readonly number[];
  }): void {
    const { series, name, window, cause, sum, quantiles } = row;
    const at = this.size;
    if (at === this.series.length) this.#grow(at * 2);
    this.series[at] = series;
    this.names.push(name);
    this.start[at] = window.start;
    this.end[at] = window.end;
    this.count[at] = sum?.count ?? 0;
    this.min[at] = sum?.min ?? 0;
    this.max[at] = sum?.max ?? 0;
    this.mean[at] = sum?.mean ?? 0;
    this.stddev[at] = sum?.stddev ?? 0;
    this.last[at] = sum?.last ?? 0;
    this.lastTs[at] = sum?.lastTs ?? window.start;
    this.revision[at] = window.revision + 1;
    this.cause[at] = cause;
    this.quantiles.push(sum === undefined ? '' : quantilesText(sum, quantiles));
    this.size = at + 1;
  }

  changeOf(row: number): WindowChange {
    if (this.count[row] === 0) return 'withdrawn';
    return this.revision[row] === 1 ? 'closed' : 'amended';
  }

  clear(): void {
    this.size = 0;
    this.names = [];
    this.quantiles = [];
  }

  #grow(capacity: number): void {
    this.series = grownU32(this.series, capacity);
    this.start = grownF64(this.start, capacity);
    this.end = grownF64(this.end, capacity);
    this.count = grownU32(this.count, capacity);
    this.min = grownF64(this.min, capacity);
    this.max = grownF64(this.max, capacity);
    this.mean = grownF64(this.mean, capacity);
    this.stddev = grownF64(this.stddev, capacity);
    this.last = grownF64(this.last, capacity);
    this.lastTs = grownF64(this.lastTs, capacity);
    this.revision = grownU32(this.revision, capacity);
    this.cause = grownU32(this.cause, capacity);
  }
}

/** `{"0.5":21.25}`: the names of the answers of the API. */
function quantilesText(sum: Accumulator, quantiles: readonly number[]): string {
  if (quantiles.length === 0) return '';
  return JSON.stringify(Object.fromEntries(quantiles.map((q) => [String(q), sum.quantile(q)])));
}
