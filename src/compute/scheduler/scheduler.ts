/**
 * The work-stealing scheduler as its owner sees it: batches in, outcomes out, on threads that share memory with this one.
 * Promises that a batch ends once and its promise is settled, whatever its tasks do to their thread. It must not know
 * what jobs mean.
 */
import { availableParallelism } from 'node:os';
import { type Clock, systemClock } from '../../base/clock.ts';
import { invariant } from '../../base/invariant.ts';
import {
  SCHEDULER_BATCH_TASKS_MAX,
  SCHEDULER_QUEUE_MAX_BATCHES,
  SCHEDULER_SLABS_MAX,
  SCHEDULER_STOP_MS,
  SCHEDULER_THREAD_END_MS,
  SCHEDULER_THREADS_MAX,
  SCHEDULER_THREADS_MIN,
  SCHEDULER_WORKER_HEAP_MIB,
} from '../../base/limits.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import { Crew } from './crew.ts';
import { type Flight, Flights } from './flights.ts';
import type { ToWorker } from './messages.ts';
import { type Culprit, recover } from './recovery.ts';
import { sharedMicroseconds } from './shared-clock.ts';
import { planShared, SharedState } from './shared-state.ts';
import { Counters, type SchedulerStatistics, sumOf } from './statistics.ts';
import {
  ARGUMENT_WORDS,
  type Batch,
  type BatchSettings,
  type Outcome,
  RESULT_WORDS,
  TASK_KINDS,
  type TaskInput,
  type TaskKind,
} from './task.ts';
import { Watchdog } from './watchdog.ts';

export interface SchedulerOptions {
  /** The module that the threads run; it ends with `serveTasks`. */
  readonly entry: URL;
  /** Of the threads, as debuggers show them. */
  readonly name?: string;
  /** Default: one per core, at least SCHEDULER_THREADS_MIN. */
  readonly threads?: number;
  /** Shares of processor time where kinds compete, 1 to 16 each. */
  readonly weights?: Readonly<Record<TaskKind, number>>;
  /** Batches that may wait; default SCHEDULER_QUEUE_MAX_BATCHES. */
  readonly queueMax?: number;
  readonly heapMib?: number;
  /** What a thread that starts must be told first: the state that broadcasts have led to. */
  readonly setup?: () => readonly unknown[];
  /** No thread is left and none can be started; called once. All that was in flight is rejected. */
  readonly onFailure?: (cause: Error) => void;
  readonly clock?: Clock;
}

/** Readings are the mass of the work; the others are short and somebody waits for them. */
const DEFAULT_WEIGHTS: Readonly<Record<TaskKind, number>> = {
  'data-processing': 2,
  'device-communication': 1,
  'security-check': 1,
};

const defaultThreads = (): number =>
  Math.min(SCHEDULER_THREADS_MAX, Math.max(SCHEDULER_THREADS_MIN, availableParallelism()));

export class Scheduler implements AsyncDisposable {
  readonly #options: SchedulerOptions;
  readonly #state: SharedState;
  readonly #flights: Flights;
  readonly #crew: Crew;
  readonly #watchdog: Watchdog;
  readonly #counters: Counters;
  readonly #slabs = new Map<number, SharedArrayBuffer>();
  /** Threads being ended, and for which task. */
  readonly #culprits = new Map<number, Culprit>();
  readonly #counts = { crashes: 0, timeouts: 0, failedTasks: 0, cancelledBatches: 0, refusedBatches: 0 };
  readonly #idle = new Set<() => void>();
  #slabsGiven = 0;
  #phase: 'new' | 'starting' | 'running' | 'stopping' | 'stopped' = 'new';
  #stopped: Promise<void> | undefined;

  constructor(options: SchedulerOptions) {
    const { threads = defaultThreads(), weights = DEFAULT_WEIGHTS, clock = systemClock } = options;
    invariant(threads >= 1 && threads <= SCHEDULER_THREADS_MAX, `1 to ${SCHEDULER_THREADS_MAX} threads`);
    invariant(
      TASK_KINDS.every((kind) => weights[kind] >= 1 && weights[kind] <= 16),
      'a weight is 1 to 16',
    );
    const plan = planShared(
      threads,
      TASK_KINDS.map((kind) => weights[kind]),
    );
    const state = new SharedState(plan);
    this.#options = options;
    this.#state = state;
    this.#counters = new Counters(state);
    this.#flights = new Flights({
      state,
      clockUs: sharedMicroseconds(),
      readFailures: () => this.#crew.readFailures((failure) => this.#flights.noteFailure(failure)),
      ended: (flight, outcome, waitedUs) => this.#count(flight, outcome, waitedUs),
    });
    this.#crew = new Crew({
      plan,
      entry: options.entry,
      name: options.name ?? 'compute',
      heapMib: options.heapMib ?? SCHEDULER_WORKER_HEAP_MIB,
      greeting: () => this.#greeting(),
      lost: (worker) => this.#lost(worker),
      gaveUp: (cause) => this.#fail(cause),
    });
    this.#watchdog = new Watchdog({
      state,
      flights: this.#flights,
      clock,
      overdue: (worker, culprit) => this.#overdue(worker, culprit),
      looked: () => this.#counters.absorb(),
    });
  }

  /** Rejects when a thread does not come up: `scheduler.failed`. */
  async start(): Promise<void> {
    invariant(this.#phase === 'new', 'a scheduler starts once');
    this.#phase = 'starting';
    await this.#crew.start();
    // Stopped meanwhile: its threads have ended.
    if (this.#phase !== 'starting') return;
    this.#phase = 'running';
    this.#listen();
  }

  /**
   * Resolves when all tasks of the batch have ended, well or not. Rejects with `scheduler.full`, `scheduler.stopped`,
   * `scheduler.cancelled`, `scheduler.failed` when the batch as a whole did not take place.
   */
  submit(batch: Batch): Promise<Outcome> {
    const job = this.#check(batch);
    const refusal = this.#refusalOf(batch);
    if (refusal !== undefined) {
      this.#counts.refusedBatches += 1;
      return Promise.reject(refusal);
    }
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    const { signal } = batch;
    const onAbort = (): void => this.#flights.cancel(flight, cancelledBy(signal));
    const forget = (): void => signal?.removeEventListener('abort', onAbort);
    const flight = this.#flights.open(batch, job, { resolve, reject, forget });
    signal?.addEventListener('abort', onAbort);
    this.#watchdog.wake();
    return promise;
  }

  /** One task; answers all its result words, or rejects with what it failed by. */
  async run(task: TaskInput & Omit<BatchSettings, 'resultWords'>): Promise<Int32Array> {
    const { results, failures } = await this.submit({ ...task, resultWords: RESULT_WORDS, tasks: [task] });
    const [failure] = failures.values();
    if (failure !== undefined) throw failure;
    return results;
  }

  /** To all threads, as a structured clone; heard before any task that is submitted after it. For rare things. */
  broadcast(message: unknown): void {
    this.#tell({ type: 'broadcast', message });
  }

  /** Makes a buffer known to all threads; answers its number, for `PayloadRef`. */
  share(buffer: SharedArrayBuffer): number {
    invariant(this.#slabs.size < SCHEDULER_SLABS_MAX, `at most ${SCHEDULER_SLABS_MAX} slabs are shared`);
    const slab = this.#slabsGiven;
    this.#slabsGiven += 1;
    this.#slabs.set(slab, buffer);
    this.#tell({ type: 'slab', slab, buffer });
    return slab;
  }

  /** When no task that uses it is in flight. */
  unshare(slab: number): void {
    this.#slabs.delete(slab);
    this.#tell({ type: 'slab-gone', slab });
  }

  /** Batches that can be submitted before `scheduler.full`. */
  get room(): number {
    const { queueMax = SCHEDULER_QUEUE_MAX_BATCHES } = this.#options;
    return this.#flights.hasRoom ? Math.max(0, queueMax - this.#state.queued) : 0;
  }

  statistics(): SchedulerStatistics {
    this.#counters.absorb();
    const workers = this.#counters.workers();
    return {
      total: sumOf(workers),
      workers,
      kinds: this.#counters.kinds(),
      queued: this.#state.queued,
      inFlight: this.#flights.size,
      threads: this.#crew.ready,
      ...this.#counts,
    };
  }

  /**
   * Nothing more is accepted; what is in flight has `withinMs` to end, then it is rejected with `scheduler.stopped` and
   * the threads are ended. Safe to call more than once.
   */
  stop(withinMs = SCHEDULER_STOP_MS): Promise<void> {
    this.#stopped ??= this.#stop(withinMs);
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(withinMs: number): Promise<void> {
    const wasRunning = this.#phase === 'running';
    this.#phase = 'stopping';
    if (wasRunning && this.#flights.size > 0 && withinMs > 0) await this.#drained(withinMs);
    this.#rejectAll(problem('scheduler.stopped', 'The scheduler stopped before the batch had ended.'));
    this.#phase = 'stopped';
    this.#watchdog.stop();
    this.#state.stop();
    await this.#crew.stop(SCHEDULER_THREAD_END_MS);
    this.#state.ended.wake();
  }

  async #drained(withinMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, withinMs);
    this.#idle.add(resolve);
    await promise;
    clearTimeout(timer);
    this.#idle.clear();
  }

  #rejectAll(cause: SensoriumError): void {
    for (const flight of this.#flights.all()) this.#flights.cancel(flight, cause);
  }

  /** What the caller can only get wrong by a bug. Answers the job's number. */
  #check({ job, kind, tasks, resultWords = 0, timeoutMs = 1 }: Batch): number {
    invariant(TASK_KINDS.includes(kind), `${kind} is a kind of task`);
    invariant(
      tasks.length > 0 && tasks.length <= SCHEDULER_BATCH_TASKS_MAX,
      `a batch has 1 to ${SCHEDULER_BATCH_TASKS_MAX} tasks`,
    );
    invariant(resultWords >= 0 && resultWords <= RESULT_WORDS, `a task has ${RESULT_WORDS} result words`);
    invariant(timeoutMs > 0, 'a timeout is positive');
    for (const { words = [], payload } of tasks) {
      invariant(words.length <= ARGUMENT_WORDS, `a task takes ${ARGUMENT_WORDS} words at most`);
      if (payload === undefined) continue;
      const size = this.#slabs.get(payload.slab)?.byteLength ?? -1;
      invariant(
        payload.offset >= 0 && payload.length >= 0 && payload.offset + payload.length <= size,
        'a payload lies within a shared slab',
      );
    }
    const number = this.#crew.jobs.indexOf(job);
    invariant(number >= 0 || this.#phase !== 'running', `${job} is a job of the worker entry`);
    return number;
  }

  #refusalOf({ signal }: Batch): SensoriumError | undefined {
    if (this.#phase !== 'running') return problem('scheduler.stopped', 'The scheduler does not run.');
    if (signal?.aborted) return cancelledBy(signal);
    if (this.room > 0) return undefined;
    return problem('scheduler.full', `${this.#state.queued} batches wait for a worker.`);
  }

  #greeting(): readonly ToWorker[] {
    const slabs = [...this.#slabs].map(([slab, buffer]): ToWorker => ({ type: 'slab', slab, buffer }));
    const setup = this.#options.setup?.() ?? [];
    return [...slabs, ...setup.map((message): ToWorker => ({ type: 'broadcast', message }))];
  }

  #tell(message: ToWorker): void {
    this.#crew.broadcast(message);
    this.#state.announceMessages();
  }

  /** One wake-up for all batches that have ended until then. */
  #listen(): void {
    if (this.#phase === 'stopped') return;
    const next = this.#state.ended.next();
    const collect = (): void => {
      this.#collect();
      this.#listen();
    };
    // More has ended meanwhile: after input and output had their turn.
    if (next === false) setImmediate(collect);
    else void next.then(collect);
  }

  #collect(): void {
    for (const batch of this.#state.ended.takeAll()) this.#flights.settle(batch);
    if (this.#flights.size > 0) return;
    this.#state.clearQueued();
    for (const resolve of this.#idle) resolve();
  }

  #count(flight: Flight, outcome: Outcome | undefined, waitedUs: number): void {
    if (outcome === undefined) {
      this.#counts.cancelledBatches += 1;
      return;
    }
    this.#counts.failedTasks += outcome.failures.size;
    this.#counters.batchEnded(flight.kind, waitedUs);
  }

  #overdue(worker: number, culprit: Culprit): void {
    if (this.#culprits.has(worker)) return;
    this.#culprits.set(worker, culprit);
    this.#crew.end(worker);
  }

  #lost(worker: number): void {
    const culprit = this.#culprits.get(worker);
    this.#culprits.delete(worker);
    if (culprit === undefined) this.#counts.crashes += 1;
    else this.#counts.timeouts += 1;
    this.#collect();
    recover({ state: this.#state, flights: this.#flights }, { worker, culprit });
    this.#collect();
  }

  #fail(cause: Error): void {
    this.#phase = 'stopped';
    this.#watchdog.stop();
    this.#rejectAll(
      problem('scheduler.failed', `No worker thread can be started: ${cause.message}`, { cause }),
    );
    this.#state.ended.wake();
    this.#options.onFailure?.(cause);
  }
}

const cancelledBy = (signal: AbortSignal | undefined): SensoriumError =>
  problem('scheduler.cancelled', 'The caller has cancelled the batch.', { cause: signal?.reason });
