/**
 * The threads of the scheduler: started from the entry module, replaced when they end by themselves or are ended for a
 * task that took too long. Knows how to reach them; not what they run.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { backoffMs } from '../../base/backoff.ts';
import { invariant } from '../../base/invariant.ts';
import {
  DATA_WORKER_YOUNG_MIB,
  SCHEDULER_BACKOFF_INITIAL_MS,
  SCHEDULER_BACKOFF_MAX_MS,
  SCHEDULER_START_MS,
  SCHEDULER_STARTS_MAX,
} from '../../base/limits.ts';
import { systemRandom } from '../../base/random.ts';
import { problem } from '../../model/errors.ts';
import type { Ready, TaskFailure, ToWorker, WorkerStart } from './messages.ts';
import type { SharedPlan } from './shared-state.ts';

interface CrewOptions {
  readonly plan: SharedPlan;
  readonly entry: URL;
  readonly name: string;
  readonly heapMib: number;
  /** What a new thread hears before anything else. */
  readonly greeting: () => readonly ToWorker[];
  /** A thread that was at work has ended; a new one starts when this returns. */
  readonly lost: (worker: number, cause: Error) => void;
  /** The last thread has ended, and no new one starts. */
  readonly gaveUp: (cause: Error) => void;
}

interface Member {
  readonly thread: Worker;
  readonly port: MessagePort;
  readonly exited: Promise<void>;
  isReady: boolean;
}

export class Crew {
  readonly #options: CrewOptions;
  /** By worker; absent while there is none. */
  readonly #members: (Member | undefined)[] = [];
  readonly #retries = new Set<NodeJS.Timeout>();
  #failedStarts = 0;
  #isStopping = false;
  #jobs: readonly string[] = [];

  constructor(options: CrewOptions) {
    this.#options = options;
  }

  /** Names by number; known when a thread is ready. */
  get jobs(): readonly string[] {
    return this.#jobs;
  }

  get ready(): number {
    return this.#members.filter((member) => member?.isReady).length;
  }

  /** Rejects when a thread does not come up: `scheduler.failed`. */
  async start(): Promise<void> {
    const { threads } = this.#options.plan;
    try {
      await Promise.all(Array.from({ length: threads }, (_, worker) => this.#launch(worker)));
    } catch (cause) {
      await this.stop();
      throw problem('scheduler.failed', `A worker thread did not start: ${String(cause)}`, { cause });
    }
  }

  broadcast(message: ToWorker): void {
    // eslint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    for (const member of this.#members) member?.port.postMessage(message);
  }

  readFailures(hear: (failure: TaskFailure) => void): void {
    for (const member of this.#members) if (member !== undefined) readPort(member.port, hear);
  }

  /** The thread is ended; `lost` follows. */
  end(worker: number): void {
    void this.#members[worker]?.thread.terminate();
  }

  /** Threads that were told to end are waited for, `withinMs`; then they are ended. */
  async stop(withinMs = 0): Promise<void> {
    this.#isStopping = true;
    for (const retry of this.#retries) clearTimeout(retry);
    const timer = setTimeout(() => {
      for (const member of this.#members) void member?.thread.terminate();
    }, withinMs);
    await Promise.all(this.#members.flatMap((member) => (member === undefined ? [] : [member.exited])));
    clearTimeout(timer);
  }

  async #launch(worker: number): Promise<void> {
    const { plan, entry, name, heapMib, greeting } = this.#options;
    const { port1: port, port2 } = new MessageChannel();
    for (const message of greeting()) port.postMessage(message);
    const workerData: WorkerStart = { plan, worker, port: port2 };
    const thread = new Worker(entry, {
      name: `${name}-${worker}`,
      workerData,
      transferList: [port2],
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: heapMib, maxYoungGenerationSizeMb: DATA_WORKER_YOUNG_MIB },
    });
    let error: unknown;
    thread.on('error', (cause) => {
      error = cause;
    });
    const exited = new Promise<void>((resolve) => {
      thread.once('exit', (code) => {
        resolve();
        this.#hasEnded(worker, asError(error, code));
      });
    });
    const member: Member = { thread, port, exited, isReady: false };
    this.#members[worker] = member;
    await this.#becomesReady(member);
  }

  async #becomesReady(member: Member): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => void member.thread.terminate(), SCHEDULER_START_MS);
    member.thread.once('message', ({ jobs }: Ready) => {
      invariant(
        this.#jobs.length === 0 || this.#jobs.join() === jobs.join(),
        'all workers know the same jobs',
      );
      this.#jobs = jobs;
      this.#failedStarts = 0;
      member.isReady = true;
      resolve();
    });
    member.thread.once('error', reject);
    void member.exited.then(() => reject(new Error('the thread ended')));
    try {
      await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  #hasEnded(worker: number, cause: Error): void {
    const member = this.#members[worker];
    this.#members[worker] = undefined;
    if (member === undefined || this.#isStopping) {
      member?.port.close();
      return;
    }
    if (member.isReady) this.#options.lost(worker, cause);
    else if (this.#jobs.length === 0) return;
    member.port.close();
    this.#replace(worker, member.isReady ? 0 : ++this.#failedStarts, cause);
  }

  #replace(worker: number, failedStarts: number, cause: Error): void {
    if (failedStarts >= SCHEDULER_STARTS_MAX) {
      if (this.#members.every((member) => member === undefined)) this.#options.gaveUp(cause);
      return;
    }
    const delayMs =
      failedStarts === 0
        ? 0
        : backoffMs(
            failedStarts - 1,
            { initialMs: SCHEDULER_BACKOFF_INITIAL_MS, maxMs: SCHEDULER_BACKOFF_MAX_MS },
            systemRandom,
          );
    const retry = setTimeout(() => {
      this.#retries.delete(retry);
      // A start that fails is seen by the thread's end.
      this.#launch(worker).catch(() => undefined);
    }, delayMs);
    this.#retries.add(retry);
  }
}

function readPort(port: MessagePort, hear: (failure: TaskFailure) => void): void {
  for (let got = receiveMessageOnPort(port); got !== undefined; got = receiveMessageOnPort(port))
    hear(got.message as TaskFailure);
}

function asError(cause: unknown, code: number): Error {
  if (cause instanceof Error) return cause;
  return new Error(`the worker thread ended with code ${code}`);
}
