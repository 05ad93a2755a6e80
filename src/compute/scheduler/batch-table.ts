/**
 * The records of all batches with their tasks, in shared words, and the steps that worker and main thread may take on
 * them. Each step is one atomic operation that says whether it took place: a thread may die between any two, and what it
 * held can be found and put right (`recovery.ts`). It must not know queues, threads or jobs.
 */
import { SCHEDULER_BATCH_TASKS_MAX } from '../../base/limits.ts';
import { CACHE_LINE_WORDS, type SharedCells } from './cells.ts';
import {
  attemptOf,
  BatchPhase,
  generationOf,
  isFinal,
  NO_OWNER,
  ownerOf,
  phaseOf,
  TaskPhase,
  tagOf,
} from './tag.ts';

const STATE = 0;
const JOB = 1;
/** Tasks submitted and spawned. */
const USED = 2;
const FLAGS = 3;
const CANCELLED = 4;
const NEXT = 5;
const STRAND = 6;
const SUCCESSOR = 7;
/** Who runs a strand's batch: generation and owner. */
const HOLDER = 8;
const STARTED_US = 9;
const KIND = 10;
/** One bit per task that has ended; written by other threads than the words above, so on a line of its own. */
const ENDED = CACHE_LINE_WORDS;
const TASKS = 2 * CACHE_LINE_WORDS;
const BITS = 32;

const TASK_WORDS = CACHE_LINE_WORDS;
export const TASK_SLAB = 1;
export const TASK_OFFSET = 2;
export const TASK_LENGTH = 3;
export const TASK_ARGUMENTS = 4;
export const TASK_RESULTS = 10;

const RECORD_WORDS = TASKS + SCHEDULER_BATCH_TASKS_MAX * TASK_WORDS;

/** Bits of FLAGS. */
const IS_STRAND = 1;
export const HAS_FAILURES = 2;
/** The worker that ended a strand's batch had no room for the one after it. */
export const LEFT_SUCCESSOR = 4;

/** What SUCCESSOR holds beside a batch number + 1. */
const NO_SUCCESSOR = 0;
const CLOSED = -1;

interface BatchFields {
  readonly kind: number;
  readonly job: number;
  readonly tasks: number;
  readonly strand: number | undefined;
  readonly submittedUs: number;
}

export class BatchTable {
  readonly #cells: SharedCells;
  readonly #words: Int32Array;
  readonly #base: number;

  static wordsFor(batches: number): number {
    return batches * RECORD_WORDS;
  }

  constructor({ cells, base }: { readonly cells: SharedCells; readonly base: number }) {
    this.#cells = cells;
    this.#words = cells.words;
    this.#base = base;
  }

  // --- a batch

  stateOf(batch: number): number {
    return this.#cells.load(this.#at(batch) + STATE);
  }

  /** The main thread describes a free batch; `open` shows it. Its tasks are filled with `prepareTask`. */
  prepare(batch: number, fields: BatchFields): void {
    const at = this.#at(batch);
    this.#words[at + KIND] = fields.kind;
    this.#words[at + JOB] = fields.job;
    this.#words[at + USED] = fields.tasks;
    this.#words[at + FLAGS] = fields.strand === undefined ? 0 : IS_STRAND;
    this.#words[at + STRAND] = fields.strand ?? 0;
    this.#words[at + STARTED_US] = fields.submittedUs;
    this.#words[at + CANCELLED] = 0;
    this.#words[at + SUCCESSOR] = NO_SUCCESSOR;
    this.#words.fill(0, at + ENDED, at + TASKS);
  }

  open(batch: number, generation: number): void {
    const at = this.#at(batch);
    this.#cells.store(at + HOLDER, tagOf(generation, 0));
    this.#cells.store(at + STATE, tagOf(generation, BatchPhase.queued));
  }

  /** The main thread, when nobody can hold a ticket that works: the slots are made empty for the next use. */
  free(batch: number, generation: number): void {
    const used = this.used(batch);
    for (let task = 0; task < used; task += 1) this.#words[this.taskAt(batch, task)] = 0;
    this.#cells.store(this.#at(batch) + STATE, tagOf(generation, BatchPhase.free));
  }

  move(batch: number, from: number, to: number): boolean {
    return this.#cells.compareExchange(this.#at(batch) + STATE, from, to) === from;
  }

  job(batch: number): number {
    return this.#words[this.#at(batch) + JOB] ?? 0;
  }

  strand(batch: number): number {
    return (this.#words[this.#at(batch) + STRAND] ?? 0) >>> 0;
  }

  used(batch: number): number {
    return this.#cells.load(this.#at(batch) + USED);
  }

  isStrand(batch: number): boolean {
    return this.has(batch, IS_STRAND);
  }

  kind(batch: number): number {
    return this.#words[this.#at(batch) + KIND] ?? 0;
  }

  has(batch: number, flag: number): boolean {
    return (this.#cells.load(this.#at(batch) + FLAGS) & flag) !== 0;
  }

  raise(batch: number, flag: number): void {
    this.#cells.or(this.#at(batch) + FLAGS, flag);
  }

  cancel(batch: number): void {
    this.#cells.store(this.#at(batch) + CANCELLED, 1);
  }

  isCancelled(batch: number): boolean {
    return this.#cells.load(this.#at(batch) + CANCELLED) !== 0;
  }

  /** The same, perhaps late to notice. */
  seemsCancelled(batch: number): boolean {
    return this.#cells.peek(this.#at(batch) + CANCELLED) !== 0;
  }

  startedUs(batch: number): number {
    return this.#words[this.#at(batch) + STARTED_US] ?? 0;
  }

  setStartedUs(batch: number, us: number): void {
    this.#words[this.#at(batch) + STARTED_US] = us;
  }

  /** The word by which ended batches hang together. */
  nextAt(batch: number): number {
    return this.#at(batch) + NEXT;
  }

  /** All tasks have ended: the first to say so has the batch. */
  end(batch: number, generation: number, owner: number): boolean {
    const running = tagOf(generation, BatchPhase.running);
    return (
      this.stateOf(batch) === running &&
      this.#haveAllEnded(batch) &&
      this.move(batch, running, tagOf(generation, BatchPhase.done, owner))
    );
  }

  #haveAllEnded(batch: number): boolean {
    const ended = this.#at(batch) + ENDED;
    const used = this.used(batch);
    for (let first = 0; first < used; first += BITS) {
      // A shift by 31 less one leaves 32 bits: back to a word.
      const asked = used - first >= BITS ? -1 : ((1 << (used - first)) - 1) | 0;
      if ((this.#cells.load(ended + first / BITS) & asked) !== asked) return false;
    }
    return true;
  }

  // --- a strand

  /** False when another worker runs this batch: it goes on to the end, the ticket is not needed. */
  hold(batch: number, generation: number, owner: number): boolean {
    const free = tagOf(generation, 0);
    return this.#cells.compareExchange(this.#at(batch) + HOLDER, free, tagOf(generation, 0, owner)) === free;
  }

  release(batch: number, generation: number, owner: number): void {
    this.#cells.compareExchange(this.#at(batch) + HOLDER, tagOf(generation, 0, owner), tagOf(generation, 0));
  }

  /** False when the batch has ended already: its successor need not wait. */
  link(batch: number, successor: number): boolean {
    const at = this.#at(batch) + SUCCESSOR;
    return this.#cells.compareExchange(at, NO_SUCCESSOR, successor + 1) === NO_SUCCESSOR;
  }

  /** Nothing can be linked any more. Answers what was, once. */
  close(batch: number): number | undefined {
    const successor = this.#cells.exchange(this.#at(batch) + SUCCESSOR, CLOSED);
    return successor > NO_SUCCESSOR ? successor - 1 : undefined;
  }

  // --- a task

  taskAt(batch: number, task: number): number {
    return this.#at(batch) + TASKS + task * TASK_WORDS;
  }

  taskState(batch: number, task: number): number {
    return this.#cells.load(this.taskAt(batch, task));
  }

  /** Answers the attempt (0, 1), or -1 when the task is not this worker's to run. */
  claim(batch: number, task: number, generation: number, owner: number): number {
    const at = this.taskAt(batch, task);
    const state = this.#cells.peek(at);
    if (phaseOf(state) !== TaskPhase.ready || generationOf(state) !== generation) return -1;
    const attempt = attemptOf(state);
    const claimed = tagOf(generation, TaskPhase.running, owner, attempt);
    return this.#cells.compareExchange(at, state, claimed) === state ? attempt : -1;
  }

  /** The owner of a task, or the main thread for one that has died, says how it ended. */
  settle(batch: number, task: number, tag: number): void {
    const at = this.#at(batch);
    this.#cells.poke(this.taskAt(batch, task), tag);
    const phase = phaseOf(tag);
    if (phase !== TaskPhase.ok && phase !== TaskPhase.void) this.raise(batch, HAS_FAILURES);
    // Last, because it may end the batch; it publishes the state and what the job has written.
    this.#cells.or(at + ENDED + (task >>> 5), 1 << (task & 31));
  }

  /** Ready for (another) worker. */
  offer(batch: number, task: number, generation: number, attempt: number): void {
    this.#cells.store(this.taskAt(batch, task), tagOf(generation, TaskPhase.ready, NO_OWNER, attempt));
  }

  /** A slot for a task that is being spawned; -1 when the batch is full. */
  reserve(batch: number, generation: number, owner: number): number {
    const reserved = tagOf(generation, TaskPhase.reserved, owner);
    for (let task = this.used(batch); task < SCHEDULER_BATCH_TASKS_MAX; task += 1) {
      const at = this.taskAt(batch, task);
      if (this.#cells.compareExchange(at, TaskPhase.empty, reserved) === TaskPhase.empty) return task;
    }
    return -1;
  }

  /** The batch now has the tasks below `used`. */
  extend(batch: number, used: number): void {
    const at = this.#at(batch) + USED;
    for (;;) {
      const before = this.#cells.load(at);
      // Each turn that fails is another worker's success.
      if (before >= used || this.#cells.compareExchange(at, before, used) === before) return;
    }
  }

  /** What the thread that `owner` was has left behind in a running batch. For the main thread, after it has ended. */
  remains(batch: number, generation: number, owner: number): readonly number[] {
    this.release(batch, generation, owner);
    return Array.from({ length: SCHEDULER_BATCH_TASKS_MAX }, (_, task) => task).filter((task) => {
      const state = this.taskState(batch, task);
      return generationOf(state) === generation && ownerOf(state) === owner;
    });
  }

  isFinal(batch: number, task: number): boolean {
    return isFinal(this.taskState(batch, task));
  }

  #at(batch: number): number {
    return this.#base + batch * RECORD_WORDS;
  }
}
