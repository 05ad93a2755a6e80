/**
 * The words of the scheduler: what callers submit, what comes back, and what a job sees of its task. Types and sizes
 * only; how tasks cross threads is the business of the other files.
 */
import type { SensoriumError } from '../../model/errors.ts';

/** Each kind has its own queue and its own lane in each worker; a kind is served by its share, never by luck. */
export const TASK_KINDS = ['data-processing', 'device-communication', 'security-check'] as const;
export type TaskKind = (typeof TASK_KINDS)[number];

/** Words (32 bit, signed) that go with one task, and that come back: with its state they fill one cache line. */
export const ARGUMENT_WORDS = 6;
export const RESULT_WORDS = 6;

/** Bytes in a slab of shared memory that was made known with `share`. */
export interface PayloadRef {
  readonly slab: number;
  readonly offset: number;
  readonly length: number;
}

export interface TaskInput {
  /** At most ARGUMENT_WORDS; the others are 0. */
  readonly words?: ArrayLike<number>;
  readonly payload?: PayloadRef;
}

export interface BatchSettings {
  readonly kind: TaskKind;
  /** A name of the worker entry's `jobs`. */
  readonly job: string;
  /**
   * Any u32. Batches of one strand run one after the other in the order of submission, their tasks too; different
   * strands run side by side.
   */
  readonly strand?: number;
  /** Time for each task from its start, not from its submission. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** How many result words of each task are copied out; 0 (the default) where results stay in the payload. */
  readonly resultWords?: number;
}

export interface Batch extends BatchSettings {
  /** 1 to SCHEDULER_BATCH_TASKS_MAX. */
  readonly tasks: readonly TaskInput[];
}

export interface Outcome {
  /** Tasks submitted and spawned. */
  readonly count: number;
  /** `resultWords` for each task, in the order of submission, spawned ones after them. */
  readonly results: Int32Array;
  /**
   * By task, what went wrong: the error of the job (its own code, or `scheduler.task_failed`), `scheduler.timeout`,
   * `scheduler.crashed`. Empty when all went well.
   */
  readonly failures: ReadonlyMap<number, SensoriumError>;
}

/** One object per worker, reused: valid until the job returns. */
export interface TaskContext {
  /** Place in the batch. */
  readonly index: number;
  readonly strand: number;
  /** 1 when a worker died on this task before. */
  readonly attempt: number;
  /** True when the caller has lost interest: return soon, results are thrown away. Costs one load. */
  readonly cancelled: boolean;
  argument(at: number): number;
  result(at: number, value: number): void;
  /** The payload. Makes a view object; tight loops take `slab` with `offset` and `length`. */
  bytes(): Uint8Array;
  /** All of the slab that the payload lies in. */
  readonly slab: Uint8Array;
  readonly offset: number;
  readonly length: number;
  /** Words and bytes of any shared slab, for jobs whose arguments name more than one. */
  slabOf(number: number): Uint8Array;
  /**
   * Adds a task to this batch. It may start on any worker when this task has returned; a task that throws or dies
   * has added none. False when the batch is full: do the work here.
   */
  spawn(task: TaskInput): boolean;
}

/** Runs to its end on a worker without waiting for anything; throws to fail its task. */
export type Job = (task: TaskContext) => void;
