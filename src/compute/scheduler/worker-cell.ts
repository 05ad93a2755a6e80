/**
 * What a worker writes about itself, in shared words of its own: a step count by which the watchdog sees it move, and
 * counters. They run modulo 2^32; the main thread adds up the differences.
 */
import { CACHE_LINE_WORDS, type SharedCells } from './cells.ts';
import { TASK_KINDS } from './task.ts';

const STEP = 0;
const IS_BUSY = 1;
const PARK_MARK = 2;
const COUNTERS = 4;

/** Tasks by where the worker had them from, tasks by kind, times it slept, time it worked. */
export const COUNTER_NAMES = ['local', 'global', 'stolen', ...TASK_KINDS, 'parked', 'busyUs'] as const;
export type CounterName = (typeof COUNTER_NAMES)[number];

export class WorkerCell {
  static readonly words = CACHE_LINE_WORDS;
  readonly #cells: SharedCells;
  readonly #base: number;

  constructor({ cells, base }: { readonly cells: SharedCells; readonly base: number }) {
    this.#cells = cells;
    this.#base = base;
  }

  /** Of the worker, at each task. */
  step(): void {
    this.#cells.poke(this.#base + STEP, (this.#cells.peek(this.#base + STEP) + 1) | 0);
  }

  setBusy(isBusy: boolean): void {
    this.#cells.store(this.#base + IS_BUSY, isBusy ? 1 : 0);
  }

  get isBusy(): boolean {
    return this.#cells.load(this.#base + IS_BUSY) !== 0;
  }

  get steps(): number {
    return this.#cells.load(this.#base + STEP);
  }

  /** The word that `Bell.park` marks. */
  get parkMark(): number {
    return this.#base + PARK_MARK;
  }

  count(counter: number, by: number): void {
    this.#cells.add(this.#base + COUNTERS + counter, by);
  }

  /** Modulo 2^32. */
  counter(counter: number): number {
    return this.#cells.load(this.#base + COUNTERS + counter) >>> 0;
  }
}
