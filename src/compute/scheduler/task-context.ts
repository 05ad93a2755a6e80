/**
 * The window of a job on its task: reads and writes the slot in shared memory where it lies. It must not know who runs
 * the task next or where tickets go.
 */
import { invariant } from '../../base/invariant.ts';
import {
  type BatchTable,
  TASK_ARGUMENTS,
  TASK_LENGTH,
  TASK_OFFSET,
  TASK_RESULTS,
  TASK_SLAB,
} from './batch-table.ts';
import { ARGUMENT_WORDS, RESULT_WORDS, type TaskContext, type TaskInput } from './task.ts';

const NO_SLAB = -1;
const NO_WORDS: readonly number[] = [];
const NO_BYTES = new Uint8Array(0);

/** Writes what a caller gives for one task into its slot; its results start as zeros. */
export function writeTask(
  words: Int32Array,
  at: number,
  { words: given = NO_WORDS, payload }: TaskInput,
): void {
  words[at + TASK_SLAB] = payload === undefined ? NO_SLAB : payload.slab;
  words[at + TASK_OFFSET] = payload === undefined ? 0 : payload.offset;
  words[at + TASK_LENGTH] = payload === undefined ? 0 : payload.length;
  for (let word = 0; word < ARGUMENT_WORDS; word += 1) words[at + TASK_ARGUMENTS + word] = given[word] ?? 0;
  for (let word = 0; word < RESULT_WORDS; word += 1) words[at + TASK_RESULTS + word] = 0;
}

interface SlotContextOptions {
  readonly table: BatchTable;
  readonly words: Int32Array;
  /** By number; the worker keeps it up to date. */
  readonly slabs: ReadonlyMap<number, Uint8Array<SharedArrayBuffer>>;
  /** The worker, as states name it. */
  readonly owner: number;
}

export class SlotContext implements TaskContext {
  readonly #options: SlotContextOptions;
  readonly #words: Int32Array;
  readonly #spawned: number[] = [];
  #batch = 0;
  #generation = 0;
  #at = 0;
  #index = 0;
  #attempt = 0;

  constructor(options: SlotContextOptions) {
    this.#options = options;
    this.#words = options.words;
  }

  /** The next task of all that the context is used for. */
  enter(batch: number, generation: number, index: number, attempt: number): void {
    this.#batch = batch;
    this.#generation = generation;
    this.#index = index;
    this.#attempt = attempt;
    this.#at = this.#options.table.taskAt(batch, index);
  }

  get index(): number {
    return this.#index;
  }

  get attempt(): number {
    return this.#attempt;
  }

  get strand(): number {
    return this.#options.table.strand(this.#batch);
  }

  get cancelled(): boolean {
    return this.#options.table.isCancelled(this.#batch);
  }

  argument(at: number): number {
    return at < ARGUMENT_WORDS ? (this.#words[this.#at + TASK_ARGUMENTS + at] ?? 0) : 0;
  }

  result(at: number, value: number): void {
    invariant(at >= 0 && at < RESULT_WORDS, `a task has ${RESULT_WORDS} result words`);
    this.#words[this.#at + TASK_RESULTS + at] = value;
  }

  bytes(): Uint8Array {
    return this.slab.subarray(this.offset, this.offset + this.length);
  }

  get slab(): Uint8Array {
    const slab = this.#words[this.#at + TASK_SLAB] ?? NO_SLAB;
    return slab === NO_SLAB ? NO_BYTES : this.slabOf(slab);
  }

  get offset(): number {
    return this.#words[this.#at + TASK_OFFSET] ?? 0;
  }

  get length(): number {
    return this.#words[this.#at + TASK_LENGTH] ?? 0;
  }

  slabOf(number: number): Uint8Array {
    const slab = this.#options.slabs.get(number);
    invariant(slab !== undefined, `slab ${number} is not shared`);
    return slab;
  }

  spawn(input: TaskInput): boolean {
    invariant((input.words?.length ?? 0) <= ARGUMENT_WORDS, `a task takes ${ARGUMENT_WORDS} words at most`);
    const { table, owner } = this.#options;
    const task = table.reserve(this.#batch, this.#generation, owner);
    if (task < 0) return false;
    writeTask(this.#words, table.taskAt(this.#batch, task), input);
    this.#spawned.push(task);
    return true;
  }

  /** The slots filled by the task that has just run, in order; asked once. */
  takeSpawned(): readonly number[] {
    return this.#spawned.length === 0 ? NO_WORDS : this.#spawned.splice(0);
  }
}
