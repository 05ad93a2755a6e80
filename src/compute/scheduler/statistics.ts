/** Adds up what the workers count about themselves, and what the main thread sees of batches. */
import type { SharedState } from './shared-state.ts';
import { TASK_KINDS, type TaskKind } from './task.ts';
import { COUNTER_NAMES, type CounterName } from './worker-cell.ts';

export interface WorkerStatistics {
  /** Tasks run, by where their ticket came from; they add up to all tasks run. */
  readonly local: number;
  readonly global: number;
  readonly stolen: number;
  /** Times the worker went to sleep. */
  readonly parked: number;
  readonly busyMs: number;
}

export interface KindStatistics {
  /** Tasks run. */
  readonly tasks: number;
  readonly batches: number;
  /** From submission to the start of the first task, all batches together, and the longest one. */
  readonly waitedMs: number;
  readonly longestWaitMs: number;
}

export interface SchedulerStatistics {
  readonly total: WorkerStatistics;
  readonly workers: readonly WorkerStatistics[];
  readonly kinds: Readonly<Record<TaskKind, KindStatistics>>;
  /** Batches no worker has begun, and all that are not settled. */
  readonly queued: number;
  readonly inFlight: number;
  /** Threads at work now, and those replaced so far. */
  readonly threads: number;
  readonly crashes: number;
  readonly timeouts: number;
  readonly failedTasks: number;
  readonly cancelledBatches: number;
  readonly refusedBatches: number;
}

const US_PER_MS = 1_000;

interface KindSums {
  batches: number;
  waitedUs: number;
  longestWaitUs: number;
}

export class Counters {
  readonly #state: SharedState;
  /** By worker and counter: what was read last, and the sum. */
  readonly #seen: readonly number[][];
  readonly #sums: readonly number[][];
  readonly #kinds: readonly KindSums[] = TASK_KINDS.map(() => ({
    batches: 0,
    waitedUs: 0,
    longestWaitUs: 0,
  }));

  constructor(state: SharedState) {
    this.#state = state;
    this.#seen = state.workers.map(() => COUNTER_NAMES.map(() => 0));
    this.#sums = state.workers.map(() => COUNTER_NAMES.map(() => 0));
  }

  batchEnded(kind: number, waitedUs: number): void {
    const sums = this.#kinds[kind];
    if (sums === undefined) return;
    sums.batches += 1;
    sums.waitedUs += waitedUs;
    sums.longestWaitUs = Math.max(sums.longestWaitUs, waitedUs);
  }

  /** At least once per 2^32 microseconds of work. */
  absorb(): void {
    for (const [worker, cell] of this.#state.workers.entries()) {
      const seen = this.#seen[worker] ?? [];
      const sums = this.#sums[worker] ?? [];
      for (const counter of COUNTER_NAMES.keys()) {
        const now = cell.counter(counter);
        sums[counter] = (sums[counter] ?? 0) + ((now - (seen[counter] ?? 0)) >>> 0);
        seen[counter] = now;
      }
    }
  }

  workers(): readonly WorkerStatistics[] {
    return this.#sums.map((sums) => {
      const of = (name: CounterName): number => sums[COUNTER_NAMES.indexOf(name)] ?? 0;
      return {
        local: of('local'),
        global: of('global'),
        stolen: of('stolen'),
        parked: of('parked'),
        busyMs: of('busyUs') / US_PER_MS,
      };
    });
  }

  kinds(): Readonly<Record<TaskKind, KindStatistics>> {
    const of = (kind: TaskKind): KindStatistics => {
      const { batches, waitedUs, longestWaitUs } = this.#kinds[TASK_KINDS.indexOf(kind)] ?? {
        batches: 0,
        waitedUs: 0,
        longestWaitUs: 0,
      };
      const counter = COUNTER_NAMES.indexOf(kind);
      return {
        tasks: this.#sums.reduce((sum, sums) => sum + (sums[counter] ?? 0), 0),
        batches,
        waitedMs: waitedUs / US_PER_MS,
        longestWaitMs: longestWaitUs / US_PER_MS,
      };
    };
    return {
      'data-processing': of('data-processing'),
      'device-communication': of('device-communication'),
      'security-check': of('security-check'),
    };
  }
}

export function sumOf(workers: readonly WorkerStatistics[]): WorkerStatistics {
  const sum = (pick: (worker: WorkerStatistics) => number): number =>
    workers.reduce((total, worker) => total + pick(worker), 0);
  return {
    local: sum((worker) => worker.local),
    global: sum((worker) => worker.global),
    stolen: sum((worker) => worker.stolen),
    parked: sum((worker) => worker.parked),
    busyMs: sum((worker) => worker.busyMs),
  };
}
