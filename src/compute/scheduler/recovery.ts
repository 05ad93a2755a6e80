/**
 * Puts right what a dead thread leaves behind, wherever it died. Nothing it held is trusted: tasks it was running are
 * offered again or given up, and every batch that has begun gets a new ticket. Too many tickets do no harm, because a
 * task is claimed only once.
 */
import type { BatchTable } from './batch-table.ts';
import type { Flight, Flights } from './flights.ts';
import type { SharedState } from './shared-state.ts';
import {
  attemptOf,
  BatchPhase,
  isFinal,
  NO_OWNER,
  ownerOf,
  ownerOfWorker,
  phaseOf,
  TaskPhase,
  tagOf,
} from './tag.ts';

/** A task that took too long: its thread was ended for it. */
export interface Culprit {
  readonly batch: number;
  readonly generation: number;
  readonly task: number;
}

interface Death {
  readonly worker: number;
  /** Absent: the thread ended by itself, and the task it was running is to blame. */
  readonly culprit: Culprit | undefined;
}

interface RecoveryOptions {
  readonly state: SharedState;
  readonly flights: Flights;
}

/** Before a new thread takes the worker's place. Batches that had ended are settled by the caller before. */
export function recover({ state, flights }: RecoveryOptions, death: Death): void {
  const { worker } = death;
  for (const lane of state.lanes[worker] ?? []) lane.reset();
  const cell = state.workers[worker];
  if (cell !== undefined) {
    cell.setBusy(false);
    state.bell.forget(cell.parkMark);
  }
  for (const flight of flights.all()) recoverFlight({ state, flights }, death, flight);
}

function recoverFlight({ state, flights }: RecoveryOptions, death: Death, flight: Flight): void {
  const { table } = state;
  const { batch, generation } = flight;
  const owner = ownerOfWorker(death.worker);
  const tag = table.stateOf(batch);
  const phase = phaseOf(tag);
  // Won the end of the batch and died before it could say so.
  if (phase === BatchPhase.done && ownerOf(tag) === owner) {
    table.close(batch);
    settleWithSuccessor(flights, flight);
    return;
  }
  if (phase === BatchPhase.running) {
    judgeAll(state, death, flight);
    if (table.end(batch, generation, NO_OWNER)) {
      table.close(batch);
      settleWithSuccessor(flights, flight);
      return;
    }
  }
  // Its ticket may have been in the dead thread's hand.
  if (phase !== BatchPhase.done && flight.isDue) flights.lineUp(flight);
}

function settleWithSuccessor(flights: Flights, flight: Flight): void {
  const next = flight.successor === undefined ? undefined : flights.of(flight.successor);
  flights.settle(flight.batch);
  if (next !== undefined) flights.lineUp(next);
}

function judgeAll({ table }: SharedState, death: Death, flight: Flight): void {
  const { batch, generation } = flight;
  const remains = table.remains(batch, generation, ownerOfWorker(death.worker));
  // A worker runs one task at a time, and lets its children go before it begins another.
  const wasRunning = remains.some((task) => phaseOf(table.taskState(batch, task)) === TaskPhase.running);
  for (const task of remains) {
    if (phaseOf(table.taskState(batch, task)) === TaskPhase.reserved) {
      table.extend(batch, task + 1);
      if (wasRunning) table.settle(batch, task, tagOf(generation, TaskPhase.void));
      else table.offer(batch, task, generation, 0);
    } else {
      judge(table, death, flight, task);
    }
  }
}

function judge(table: BatchTable, { culprit }: Death, { batch, generation }: Flight, task: number): void {
  const tag = table.taskState(batch, task);
  const attempt = attemptOf(tag);
  const end = (phase: number): void => table.settle(batch, task, tagOf(generation, phase, NO_OWNER, attempt));
  if (isFinal(tag)) {
    // Perhaps said, perhaps not yet counted.
    table.settle(batch, task, tag);
  } else if (culprit === undefined) {
    if (attempt === 0) table.offer(batch, task, generation, 1);
    else end(TaskPhase.crashed);
  } else if (culprit.batch === batch && culprit.generation === generation && culprit.task === task) {
    end(TaskPhase.timedOut);
  } else {
    table.offer(batch, task, generation, attempt);
  }
}
