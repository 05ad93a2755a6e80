/** What does cross threads as messages: the rare things. Tasks never do. */
import type { MessagePort } from 'node:worker_threads';
import type { SharedPlan } from './shared-state.ts';

/** `workerData` of a worker of ours. */
export interface WorkerStart {
  readonly plan: SharedPlan;
  readonly worker: number;
  /** Read by both sides without an event loop: `receiveMessageOnPort`. */
  readonly port: MessagePort;
}

export type ToWorker =
  | { readonly type: 'slab'; readonly slab: number; readonly buffer: SharedArrayBuffer }
  | { readonly type: 'slab-gone'; readonly slab: number }
  | { readonly type: 'broadcast'; readonly message: unknown };

/** A job threw; posted before the task is said to have failed. */
export interface TaskFailure {
  readonly batch: number;
  readonly generation: number;
  readonly task: number;
  /** Of the error table, where the job threw one of those. */
  readonly code: string | undefined;
  readonly message: string;
  readonly stack: string | undefined;
}

/** The worker's first word, to its parent: the names of its jobs, by number. */
export interface Ready {
  readonly jobs: readonly string[];
}
