/**
 * The main thread's side of the batch table: which record is whose, which promise waits for it, and the order of strands.
 * Opens records for submitted batches and settles them when they have ended. It must not know threads.
 */
import { invariant } from '../../base/invariant.ts';
import { SCHEDULER_BATCHES_MAX, SCHEDULER_TASK_TIMEOUT_MS } from '../../base/limits.ts';
import { ERRORS, type ErrorCode, problem, type SensoriumError } from '../../model/errors.ts';
import { HAS_FAILURES, LEFT_SUCCESSOR, TASK_RESULTS } from './batch-table.ts';
import type { TaskFailure } from './messages.ts';
import type { SharedState } from './shared-state.ts';
import { BatchPhase, GENERATIONS, phaseOf, TaskPhase, tagOf } from './tag.ts';
import { type Batch, type Outcome, RESULT_WORDS, TASK_KINDS } from './task.ts';
import { writeTask } from './task-context.ts';
import { placeOf } from './ticket.ts';

/** A batch between submission and the return of its record. */
export interface Flight {
  readonly batch: number;
  readonly generation: number;
  readonly kind: number;
  readonly strand: number | undefined;
  readonly timeoutMs: number;
  readonly resultWords: number;
  readonly submittedUs: number;
  failures: Map<number, SensoriumError> | undefined;
  /** Where its ticket stands in the global queue; absent while it waits for its strand. */
  placeInLine: number | undefined;
  /** The batch that waits for this one. */
  successor: number | undefined;
  /** Its strand has come to it. */
  isDue: boolean;
  /** Absent when the promise is settled already. */
  promise: Settle | undefined;
}

interface Settle {
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (cause: SensoriumError) => void;
  /** Ends listening to the caller's signal. */
  readonly forget: () => void;
}

interface FlightsOptions {
  readonly state: SharedState;
  readonly clockUs: () => number;
  /** Reads what workers have said about failed tasks, into `noteFailure`. */
  readonly readFailures: () => void;
  readonly ended: (flight: Flight, outcome: Outcome | undefined, waitedUs: number) => void;
}

const NO_RESULTS = new Int32Array(0);
const NO_FAILURES: ReadonlyMap<number, SensoriumError> = new Map();

export class Flights {
  readonly #options: FlightsOptions;
  readonly #state: SharedState;
  readonly #flights: (Flight | undefined)[] = Array.from({ length: SCHEDULER_BATCHES_MAX });
  readonly #generations = new Uint32Array(SCHEDULER_BATCHES_MAX);
  /** The one used last first: its memory is warm, and records never used cost none. */
  readonly #free = Array.from({ length: SCHEDULER_BATCHES_MAX }, (_, at) => SCHEDULER_BATCHES_MAX - 1 - at);
  /** The last batch of each strand in flight. */
  readonly #strands = new Map<number, Flight>();

  constructor(options: FlightsOptions) {
    this.#options = options;
    this.#state = options.state;
  }

  get size(): number {
    return SCHEDULER_BATCHES_MAX - this.#free.length;
  }

  get hasRoom(): boolean {
    return this.#free.length > 0;
  }

  of(batch: number): Flight | undefined {
    return this.#flights[batch];
  }

  all(): readonly Flight[] {
    return this.#flights.filter((flight) => flight !== undefined);
  }

  /** Takes a record (there must be one), fills it, and puts it in line or behind its strand. */
  open(input: Batch, job: number, promise: Settle): Flight {
    const batch = this.#free.pop();
    invariant(batch !== undefined, 'a batch is opened where there is room');
    const generation = ((this.#generations[batch] ?? 0) + 1) % GENERATIONS;
    this.#generations[batch] = generation;
    const flight: Flight = {
      batch,
      generation,
      kind: TASK_KINDS.indexOf(input.kind),
      strand: input.strand === undefined ? undefined : input.strand >>> 0,
      timeoutMs: input.timeoutMs ?? SCHEDULER_TASK_TIMEOUT_MS,
      resultWords: input.resultWords ?? 0,
      submittedUs: this.#options.clockUs(),
      failures: undefined,
      placeInLine: undefined,
      successor: undefined,
      isDue: true,
      promise,
    };
    this.#flights[batch] = flight;
    this.#fill(flight, input, job);
    this.#state.addQueued(1);
    if (!this.#waitsForStrand(flight)) this.lineUp(flight);
    return flight;
  }

  #fill({ batch, generation, kind, strand, submittedUs }: Flight, { tasks }: Batch, job: number): void {
    const { table, cells } = this.#state;
    table.prepare(batch, { kind, job, tasks: tasks.length, strand, submittedUs });
    const ready = tagOf(generation, TaskPhase.ready);
    for (let task = 0; task < tasks.length; task += 1) {
      const at = table.taskAt(batch, task);
      writeTask(cells.words, at, tasks[task] ?? {});
      cells.words[at] = ready;
    }
    table.open(batch, generation);
  }

  #waitsForStrand(flight: Flight): boolean {
    if (flight.strand === undefined) return false;
    const last = this.#strands.get(flight.strand);
    this.#strands.set(flight.strand, flight);
    if (last === undefined || !this.#state.table.link(last.batch, flight.batch)) return false;
    last.successor = flight.batch;
    flight.isDue = false;
    return true;
  }

  /** A ticket for the whole batch, at the end of its queue. One that is still there is enough. */
  lineUp(flight: Flight): void {
    const queue = this.#state.queues[flight.kind];
    invariant(queue !== undefined, 'each kind has a queue');
    flight.isDue = true;
    if (flight.placeInLine !== undefined && queue.isWaiting(flight.placeInLine)) return;
    const { batch, generation, strand } = flight;
    const tasks = this.#state.table.used(batch);
    flight.placeInLine = queue.push(placeOf(batch, 0, tasks), generation);
    this.#state.bell.ring(strand === undefined ? tasks : 1);
  }

  /** Rejects the promise; what has not begun never does. The record comes back when a worker has passed it. */
  cancel(flight: Flight, cause: SensoriumError): void {
    if (flight.promise === undefined) return;
    const { batch, generation } = flight;
    const { table } = this.#state;
    table.cancel(batch);
    const wasQueued = table.move(
      batch,
      tagOf(generation, BatchPhase.queued),
      tagOf(generation, BatchPhase.cancelled),
    );
    if (wasQueued) this.#state.addQueued(-1);
    this.#reject(flight, cause);
    // Workers that sleep need not be woken: they are awake while anything is in line.
  }

  /** A batch is done: its promise is settled and its record free. */
  settle(batch: number): void {
    const flight = this.#flights[batch];
    invariant(flight !== undefined, 'a batch ends once');
    const { table } = this.#state;
    const { generation, strand, successor } = flight;
    const waitedUs = (table.startedUs(batch) - flight.submittedUs) | 0;
    if (flight.promise === undefined) this.#options.ended(flight, undefined, 0);
    else this.#resolve(flight, waitedUs);
    const next = successor === undefined ? undefined : this.#flights[successor];
    if (next !== undefined) {
      next.isDue = true;
      if (table.has(batch, LEFT_SUCCESSOR)) this.lineUp(next);
    }
    if (strand !== undefined && this.#strands.get(strand) === flight) this.#strands.delete(strand);
    table.free(batch, generation);
    this.#flights[batch] = undefined;
    this.#free.push(batch);
  }

  /** From a worker: why a task of this batch failed. Nobody asks any more: forgotten. */
  noteFailure({ batch, generation, task, code, message, stack }: TaskFailure): void {
    const flight = this.#flights[batch];
    if (flight?.generation !== generation) return;
    const known = code !== undefined && code in ERRORS ? (code as ErrorCode) : 'scheduler.task_failed';
    const cause = Object.assign(new Error(message), { stack });
    flight.failures ??= new Map();
    flight.failures.set(task, problem(known, message, { cause }));
  }

  #resolve(flight: Flight, waitedUs: number): void {
    const outcome = this.#outcomeOf(flight);
    this.#options.ended(flight, outcome, waitedUs);
    flight.promise?.forget();
    flight.promise?.resolve(outcome);
    flight.promise = undefined;
  }

  #reject(flight: Flight, cause: SensoriumError): void {
    flight.promise?.forget();
    flight.promise?.reject(cause);
    flight.promise = undefined;
  }

  #outcomeOf(flight: Flight): Outcome {
    const { table } = this.#state;
    const { batch, resultWords } = flight;
    const count = table.used(batch);
    const failures = table.has(batch, HAS_FAILURES) ? this.#failuresOf(flight, count) : NO_FAILURES;
    return {
      count,
      results: resultWords === 0 ? NO_RESULTS : this.#resultsOf(batch, count, resultWords),
      failures,
    };
  }

  #resultsOf(batch: number, count: number, resultWords: number): Int32Array {
    invariant(resultWords <= RESULT_WORDS, `a task has ${RESULT_WORDS} result words`);
    const { table, cells } = this.#state;
    const results = new Int32Array(count * resultWords);
    for (let task = 0; task < count; task += 1) {
      const at = table.taskAt(batch, task) + TASK_RESULTS;
      for (let word = 0; word < resultWords; word += 1)
        results[task * resultWords + word] = cells.words[at + word] ?? 0;
    }
    return results;
  }

  #failuresOf(flight: Flight, count: number): ReadonlyMap<number, SensoriumError> {
    this.#options.readFailures();
    const { table } = this.#state;
    const failures = new Map<number, SensoriumError>();
    for (let task = 0; task < count; task += 1) {
      const phase = phaseOf(table.taskState(flight.batch, task));
      const said = phase === TaskPhase.failed ? flight.failures?.get(task) : undefined;
      const failure = said ?? failureOf(phase, flight);
      if (failure !== undefined) failures.set(task, failure);
    }
    return failures;
  }
}

function failureOf(phase: number, { timeoutMs }: Flight): SensoriumError | undefined {
  switch (phase) {
    case TaskPhase.failed:
      return problem('scheduler.task_failed', 'The task failed on a thread that could not say why.');
    case TaskPhase.timedOut:
      return problem('scheduler.timeout', `The task ran for more than ${timeoutMs} ms.`);
    case TaskPhase.crashed:
      return problem('scheduler.crashed', 'The task ended the thread it ran on, twice.');
    default:
      return undefined;
  }
}
