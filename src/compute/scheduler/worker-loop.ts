/**
 * What a worker does all its life: find a ticket (own lane, global queue, other lanes; the kind furthest behind its share
 * first), run its tasks, sleep when there is nothing. It gives half of a range away while its lane is empty, and sets a
 * range aside when another kind is due. It must not know the main thread's side.
 */
import { SCHEDULER_OLDEST_EVERY, SCHEDULER_SLICE_US } from '../../base/limits.ts';
import type { Random } from '../../base/random.ts';
import { LEFT_SUCCESSOR } from './batch-table.ts';
import type { Deque } from './deque.ts';
import type { SharedState } from './shared-state.ts';
import { BatchPhase, generationOf, ownerOfWorker, phaseOf, TaskPhase, tagOf } from './tag.ts';
import { type Job, TASK_KINDS } from './task.ts';
import type { SlotContext } from './task-context.ts';
import { batchOf, countOf, fromOf, placeOf, type Ticket } from './ticket.ts';
import { COUNTER_NAMES, type CounterName, type WorkerCell } from './worker-cell.ts';

export interface WorkerLoopOptions {
  readonly state: SharedState;
  readonly worker: number;
  /** By number. */
  readonly jobs: readonly Job[];
  readonly context: SlotContext;
  readonly clockUs: () => number;
  /** Where to begin to look for something to steal. */
  readonly random: Random;
  /** Takes in what the main thread has sent to all workers. */
  readonly hear: () => void;
  readonly failed: (batch: number, generation: number, task: number, cause: unknown) => void;
}

/** Counters of a worker's cell by what they count. */
const counterOf = (name: CounterName): number => COUNTER_NAMES.indexOf(name);
const LOCAL = counterOf('local');
const GLOBAL = counterOf('global');
const STOLEN = counterOf('stolen');
const FIRST_KIND = counterOf(TASK_KINDS[0]);
const PARKED = counterOf('parked');
const BUSY_US = counterOf('busyUs');
const NOWHERE = -1;

/** A range of one batch that this worker runs. */
interface Range {
  readonly batch: number;
  readonly generation: number;
  readonly kind: number;
  readonly job: Job | undefined;
  readonly isStrand: boolean;
  readonly begunUs: number;
  next: number;
  end: number;
  ran: number;
  /** Spawned tasks for which the lane had no room: run here, after the range. */
  readonly kept: number[];
}

export class WorkerLoop {
  readonly #options: WorkerLoopOptions;
  readonly #state: SharedState;
  readonly #lanes: readonly Deque[];
  readonly #cell: WorkerCell;
  readonly #owner: number;
  readonly #kinds: number[] = TASK_KINDS.map((_, kind) => kind);
  readonly #ticket: Ticket = { place: 0, generation: 0 };
  #turns = 0;
  #heard = -1;

  constructor(options: WorkerLoopOptions) {
    const { state, worker } = options;
    const cell = state.workers[worker];
    if (cell === undefined) throw new RangeError(`there is no worker ${worker}`);
    this.#options = options;
    this.#state = state;
    this.#lanes = state.lanes[worker] ?? [];
    this.#cell = cell;
    this.#owner = ownerOfWorker(worker);
  }

  /** Returns when the scheduler stops. */
  run(): void {
    const { bell } = this.#state;
    for (;;) {
      const rung = bell.listen();
      if (this.#state.isStopping) return;
      const found = this.#turn();
      if (found) continue;
      this.#cell.setBusy(false);
      this.#cell.count(PARKED, 1);
      bell.park(rung, this.#cell.parkMark);
    }
  }

  #turn(): boolean {
    this.#turns += 1;
    const oldestFirst = this.#turns % SCHEDULER_OLDEST_EVERY === 0;
    this.#state.shares.sort(this.#kinds);
    for (const kind of this.#kinds) {
      const source = oldestFirst ? this.#takeOldest(kind) : this.#take(kind);
      if (source === NOWHERE) continue;
      // After the ticket was taken: whatever was sent before its batch was submitted is heard before it runs.
      this.#hear();
      this.#cell.setBusy(true);
      this.#use(kind, source);
      return true;
    }
    this.#hear();
    return false;
  }

  #hear(): void {
    const messages = this.#state.messages;
    if (messages === this.#heard) return;
    this.#heard = messages;
    this.#options.hear();
  }

  #take(kind: number): number {
    if (this.#lanes[kind]?.pop(this.#ticket)) return LOCAL;
    if (this.#state.queues[kind]?.take(this.#ticket)) return GLOBAL;
    return this.#steal(kind) ? STOLEN : NOWHERE;
  }

  #takeOldest(kind: number): number {
    if (this.#state.queues[kind]?.take(this.#ticket)) return GLOBAL;
    if (this.#stealFrom(this.#lanes[kind])) return LOCAL;
    return this.#steal(kind) ? STOLEN : NOWHERE;
  }

  #steal(kind: number): boolean {
    const { lanes } = this.#state;
    const first = Math.floor(this.#options.random.next() * lanes.length);
    for (let step = 0; step < lanes.length; step += 1) {
      const victim = lanes[(first + step) % lanes.length];
      if (victim !== this.#lanes && this.#stealFrom(victim?.[kind])) return true;
    }
    return false;
  }

  #stealFrom(lane: Deque | undefined): boolean {
    if (lane === undefined) return false;
    for (;;) {
      const answer = lane.steal(this.#ticket);
      // Each loss is another worker's gain; it ends when the lane is empty.
      if (answer !== 'lost') return answer === 'taken';
    }
  }

  #use(kind: number, source: number): void {
    const { place, generation } = this.#ticket;
    const batch = batchOf(place);
    const { table } = this.#state;
    if (!this.#begin(batch, generation)) return;
    const isStrand = table.isStrand(batch);
    if (isStrand && !table.hold(batch, generation, this.#owner)) return;
    const from = fromOf(place);
    const range: Range = {
      batch,
      generation,
      kind,
      job: this.#options.jobs[table.job(batch)],
      isStrand,
      begunUs: this.#options.clockUs(),
      next: from,
      end: from + countOf(place),
      ran: 0,
      kept: [],
    };
    this.#state.shares.enter(kind);
    this.#runRange(range, source);
  }

  /** Whether there is anything to run: not when the ticket is of an earlier use of the record, or all is cancelled. */
  #begin(batch: number, generation: number): boolean {
    const { table } = this.#state;
    const queued = tagOf(generation, BatchPhase.queued);
    const state = table.stateOf(batch);
    if (generationOf(state) !== generation) return false;
    if (state === queued && this.#start(batch, generation)) return true;
    const cancelled = tagOf(generation, BatchPhase.cancelled);
    if (table.move(batch, cancelled, tagOf(generation, BatchPhase.done, this.#owner))) this.#ended(batch);
    return phaseOf(table.stateOf(batch)) === BatchPhase.running;
  }

  #start(batch: number, generation: number): boolean {
    const { table } = this.#state;
    // Off the count first: who dies here leaves the queue a place too large, not too small, until it is empty.
    this.#state.addQueued(-1);
    const isFirst = table.move(
      batch,
      tagOf(generation, BatchPhase.queued),
      tagOf(generation, BatchPhase.running),
    );
    if (isFirst) table.setStartedUs(batch, this.#options.clockUs());
    else this.#state.addQueued(1);
    return isFirst;
  }

  #runRange(range: Range, source: number): void {
    const { table } = this.#state;
    const { batch, generation } = range;
    let rung = this.#state.bell.listen();
    let isContended = true;
    let isSetAside = false;
    while (range.next < this.#endOf(range) && !isSetAside) {
      this.#share(range);
      const task = range.next;
      range.next += 1;
      const attempt = table.claim(batch, task, generation, this.#owner);
      if (attempt >= 0) this.#runTask(range, task, attempt);
      // Whoever brings work rings: while it is quiet, nobody can have become due.
      if (!isContended && !this.#state.bell.hasRung(rung)) continue;
      if (range.next >= this.#endOf(range)) break;
      rung = this.#state.bell.listen();
      isContended = this.#othersWait(range.kind);
      isSetAside = isContended && this.#isAnotherDue(range) && this.#setAside(range);
    }
    this.#account(range, source);
    for (const task of range.kept) this.#runKept(range, task);
    if (table.end(batch, generation, this.#owner)) this.#ended(batch);
    else if (range.isStrand) table.release(batch, generation, this.#owner);
  }

  #runKept(range: Range, task: number): void {
    this.#runRange(
      { ...range, begunUs: this.#options.clockUs(), next: task, end: task + 1, ran: 0, kept: [] },
      LOCAL,
    );
  }

  /** A strand's batch is never split: who runs it goes on to its end, as long as that may move. */
  #endOf(range: Range): number {
    return range.isStrand ? this.#state.table.used(range.batch) : range.end;
  }

  /** Lazy binary splitting: thieves find half of the rest as long as there is one. */
  #share(range: Range): void {
    const rest = range.end - range.next;
    if (range.isStrand || rest < 2 || !this.#lanes[range.kind]?.isEmpty) return;
    const given = rest >> 1;
    if (this.#offer(range, range.end - given, given)) range.end -= given;
  }

  #offer({ batch, generation, kind }: Range, from: number, count: number): boolean {
    if (!this.#lanes[kind]?.push(placeOf(batch, from, count), generation)) return false;
    this.#state.bell.ring(1);
    return true;
  }

  #othersWait(kind: number): boolean {
    for (const other of this.#kinds) if (other !== kind && this.#hasWork(other)) return true;
    return false;
  }

  #hasWork(kind: number): boolean {
    return !(this.#state.queues[kind]?.isEmpty && this.#lanes[kind]?.isEmpty);
  }

  #isAnotherDue({ kind, begunUs }: Range): boolean {
    const usedUs = (this.#options.clockUs() - begunUs) | 0;
    const { shares } = this.#state;
    return this.#kinds.some(
      (other) =>
        other !== kind && this.#hasWork(other) && shares.isBehind(other, kind, usedUs - SCHEDULER_SLICE_US),
    );
  }

  #setAside(range: Range): boolean {
    const { batch, generation, next } = range;
    const { table } = this.#state;
    // Released first: a thief that finds the ticket must be able to hold the batch.
    if (range.isStrand) table.release(batch, generation, this.#owner);
    if (this.#offer(range, next, this.#endOf(range) - next)) return true;
    // No room. Where another worker has taken the strand's batch over meanwhile, it goes on.
    return range.isStrand && !table.hold(batch, generation, this.#owner);
  }

  #runTask(range: Range, task: number, attempt: number): void {
    const { table } = this.#state;
    const { batch, generation } = range;
    this.#cell.step();
    if (table.seemsCancelled(batch)) {
      table.settle(batch, task, tagOf(generation, TaskPhase.cancelled, this.#owner, attempt));
      return;
    }
    range.ran += 1;
    let phase: number = TaskPhase.ok;
    try {
      this.#options.context.enter(batch, generation, task, attempt);
      range.job?.(this.#options.context);
    } catch (cause) {
      phase = TaskPhase.failed;
      this.#options.failed(batch, generation, task, cause);
    }
    const spawned = this.#options.context.takeSpawned();
    const isFine = phase === TaskPhase.ok;
    if (spawned.length > 0) for (const child of spawned) this.#adopt(range, child, isFine);
    table.settle(batch, task, tagOf(generation, phase, this.#owner, attempt));
    if (spawned.length > 0 && isFine) for (const child of spawned) this.#admit(range, child);
  }

  /**
   * A spawned task becomes part of the batch before its parent ends, so that the batch cannot end without it. It may run
   * only afterwards: whoever dies in between has either a parent to run anew, or children to let go (`recovery.ts`).
   */
  #adopt({ batch, generation }: Range, child: number, isParentFine: boolean): void {
    const { table } = this.#state;
    table.extend(batch, child + 1);
    if (!isParentFine) table.settle(batch, child, tagOf(generation, TaskPhase.void, this.#owner));
  }

  #admit(range: Range, child: number): void {
    this.#state.table.offer(range.batch, child, range.generation, 0);
    // The holder of a strand's batch comes to it by itself.
    if (!range.isStrand && !this.#offer(range, child, 1)) range.kept.push(child);
  }

  #account({ kind, begunUs, ran }: Range, source: number): void {
    const usedUs = (this.#options.clockUs() - begunUs) | 0;
    this.#state.shares.charge(kind, usedUs);
    this.#cell.count(source, ran);
    this.#cell.count(FIRST_KIND + kind, ran);
    this.#cell.count(BUSY_US, usedUs);
  }

  /** Told to the main thread; what waited for this batch may go. */
  #ended(batch: number): void {
    const { table, ended } = this.#state;
    // No room in the lane: the main thread puts it in line.
    if (table.isStrand(batch) && !this.#follow(table.close(batch))) table.raise(batch, LEFT_SUCCESSOR);
    ended.push(batch);
  }

  #follow(successor: number | undefined): boolean {
    if (successor === undefined) return true;
    const { table, bell } = this.#state;
    const place = placeOf(successor, 0, table.used(successor));
    const pushed = this.#lanes[table.kind(successor)]?.push(place, generationOf(table.stateOf(successor)));
    if (pushed) bell.ring(1);
    return pushed === true;
  }
}
