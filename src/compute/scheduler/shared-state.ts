/**
 * The map of the shared memory: where each structure lies, for the main thread and the workers alike. One buffer, made
 * once; untouched records cost address space, not memory.
 */
import {
  SCHEDULER_BATCHES_MAX,
  SCHEDULER_GLOBAL_TICKETS_MAX,
  SCHEDULER_LANE_TICKETS_MAX,
} from '../../base/limits.ts';
import { BatchTable } from './batch-table.ts';
import { Bell } from './bell.ts';
import { CACHE_LINE_WORDS, SharedCells } from './cells.ts';
import { Deque } from './deque.ts';
import { EndedBatches } from './ended-batches.ts';
import { FairShare } from './fair-share.ts';
import { GlobalQueue } from './global-queue.ts';
import { TASK_KINDS } from './task.ts';
import { WorkerCell } from './worker-cell.ts';

/** All a thread needs to find its way; crosses threads as it is. */
export interface SharedPlan {
  readonly buffer: SharedArrayBuffer;
  readonly threads: number;
  /** By number of kind. */
  readonly weights: readonly number[];
}

const KINDS = TASK_KINDS.length;
const WORD_BYTES = 4;

/** Gives out words one structure after the other, each on a cache line of its own. */
class Allotment {
  #next = 0;

  take(words: number): number {
    const base = this.#next;
    this.#next += Math.ceil(words / CACHE_LINE_WORDS) * CACHE_LINE_WORDS;
    return base;
  }

  get words(): number {
    return this.#next;
  }
}

function allot(threads: number) {
  const space = new Allotment();
  const many = (count: number, words: number): readonly number[] =>
    Array.from({ length: count }, () => space.take(words));
  const queueWords = GlobalQueue.wordsFor(SCHEDULER_GLOBAL_TICKETS_MAX);
  const laneWords = Deque.wordsFor(SCHEDULER_LANE_TICKETS_MAX);
  const bases = {
    bell: space.take(Bell.words),
    ended: space.take(EndedBatches.words),
    shares: space.take(FairShare.wordsFor(KINDS)),
    stopping: space.take(1),
    queued: space.take(1),
    messages: space.take(1),
    cells: many(threads, WorkerCell.words),
    queues: many(KINDS, queueWords),
    lanes: Array.from({ length: threads }, () => many(KINDS, laneWords)),
    table: space.take(BatchTable.wordsFor(SCHEDULER_BATCHES_MAX)),
  };
  return { ...bases, bytes: space.words * WORD_BYTES };
}

export const planShared = (threads: number, weights: readonly number[]): SharedPlan => ({
  buffer: new SharedArrayBuffer(allot(threads).bytes),
  threads,
  weights,
});

export class SharedState {
  readonly cells: SharedCells;
  readonly bell: Bell;
  readonly ended: EndedBatches;
  readonly shares: FairShare;
  /** By kind. */
  readonly queues: readonly GlobalQueue[];
  /** By worker, then kind. */
  readonly lanes: readonly (readonly Deque[])[];
  readonly workers: readonly WorkerCell[];
  readonly table: BatchTable;
  readonly #bases: ReturnType<typeof allot>;

  constructor({ buffer, threads, weights }: SharedPlan, cells = new SharedCells(buffer)) {
    const bases = allot(threads);
    this.cells = cells;
    this.#bases = bases;
    this.bell = new Bell({ cells, base: bases.bell });
    this.table = new BatchTable({ cells, base: bases.table });
    this.ended = new EndedBatches({ cells, base: bases.ended, table: this.table });
    this.shares = new FairShare({ cells, base: bases.shares, weights });
    const capacity = SCHEDULER_GLOBAL_TICKETS_MAX;
    this.queues = bases.queues.map((base) => new GlobalQueue({ cells, base, capacity }));
    this.lanes = bases.lanes.map((lanes) =>
      lanes.map((base) => new Deque({ cells, base, capacity: SCHEDULER_LANE_TICKETS_MAX })),
    );
    this.workers = bases.cells.map((base) => new WorkerCell({ cells, base }));
  }

  get isStopping(): boolean {
    return this.cells.load(this.#bases.stopping) !== 0;
  }

  stop(): void {
    this.cells.store(this.#bases.stopping, 1);
    this.bell.ring(this.workers.length);
  }

  /** Batches that no worker has begun, those that wait for their strand among them. */
  get queued(): number {
    return this.cells.load(this.#bases.queued);
  }

  addQueued(by: number): void {
    this.cells.add(this.#bases.queued, by);
  }

  /** When nothing is in flight: what dead threads have left of the count. */
  clearQueued(): void {
    this.cells.store(this.#bases.queued, 0);
  }

  /** How many times the main thread has sent something to all workers. */
  get messages(): number {
    return this.cells.load(this.#bases.messages);
  }

  /** After the messages were posted. */
  announceMessages(): void {
    this.cells.add(this.#bases.messages, 1);
    this.bell.ring(this.workers.length);
  }
}
