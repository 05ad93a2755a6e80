/**
 * The worker's side of the scheduler: an entry module calls `serveTasks` with its jobs as the last thing it does. The
 * thread then belongs to the scheduler: it sleeps in `Atomics.wait`, so timers and promises of the entry never run.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { invariant } from '../../base/invariant.ts';
import { seededRandom } from '../../base/random.ts';
import { SensoriumError } from '../../model/errors.ts';
import type { Ready, TaskFailure, ToWorker, WorkerStart } from './messages.ts';
import { sharedMicroseconds } from './shared-clock.ts';
import { SharedState } from './shared-state.ts';
import { ownerOfWorker } from './tag.ts';
import type { Job } from './task.ts';
import { SlotContext } from './task-context.ts';
import { WorkerLoop } from './worker-loop.ts';

export interface TaskService {
  /** By the names that batches use. */
  readonly jobs: Readonly<Record<string, Job>>;
  /**
   * What the scheduler's owner broadcasts, in order, each before any task that was submitted after it. What throws here
   * ends the worker.
   */
  readonly hear?: (message: unknown) => void;
}

/** Returns when the scheduler stops. */
export function serveTasks({ jobs, hear }: TaskService): void {
  invariant(parentPort !== null, 'tasks are served on a worker thread');
  const { plan, worker, port } = workerData as WorkerStart;
  const state = new SharedState(plan);
  const slabs = new Map<number, Uint8Array<SharedArrayBuffer>>();
  const owner = ownerOfWorker(worker);
  const loop = new WorkerLoop({
    state,
    worker,
    jobs: Object.values(jobs),
    context: new SlotContext({ table: state.table, words: state.cells.words, slabs, owner }),
    clockUs: sharedMicroseconds(),
    random: seededRandom(worker),
    hear: () => {
      for (let got = receiveMessageOnPort(port); got !== undefined; got = receiveMessageOnPort(port)) {
        take(got.message as ToWorker, slabs, hear);
      }
    },
    failed: (batch, generation, task, cause) => {
      port.postMessage(describe(batch, generation, task, cause));
    },
  });
  const ready: Ready = { jobs: Object.keys(jobs) };
  // eslint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort.postMessage(ready);
  loop.run();
}

function take(
  message: ToWorker,
  slabs: Map<number, Uint8Array<SharedArrayBuffer>>,
  hear: TaskService['hear'],
): void {
  switch (message.type) {
    case 'slab':
      slabs.set(message.slab, new Uint8Array(message.buffer));
      break;
    case 'slab-gone':
      slabs.delete(message.slab);
      break;
    case 'broadcast':
      hear?.(message.message);
      break;
  }
}

function describe(batch: number, generation: number, task: number, cause: unknown): TaskFailure {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  return {
    batch,
    generation,
    task,
    code: cause instanceof SensoriumError ? cause.code : undefined,
    message: error.message,
    stack: error.stack,
  };
}
