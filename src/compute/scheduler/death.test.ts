import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../base/random.ts';
import { SharedCells } from './cells.ts';
import { Flights } from './flights.ts';
import { recover } from './recovery.ts';
import { planShared, SharedState } from './shared-state.ts';
import { ownerOfWorker } from './tag.ts';
import type { Batch, Job } from './task.ts';
import { SlotContext } from './task-context.ts';
import { WorkerLoop } from './worker-loop.ts';

class Death extends Error {}
class Idle extends Error {}

/** A thread's access to shared memory that ends after so many steps. */
class MortalCells extends SharedCells {
  left: number;

  constructor(buffer: SharedArrayBuffer, steps: number) {
    super(buffer);
    this.left = steps;
  }

  #step(): void {
    if (this.left <= 0) throw new Death();
    this.left -= 1;
  }

  override peek(at: number): number {
    this.#step();
    return super.peek(at);
  }

  override poke(at: number, value: number): void {
    this.#step();
    super.poke(at, value);
  }

  override load(at: number): number {
    this.#step();
    return super.load(at);
  }

  override store(at: number, value: number): void {
    this.#step();
    super.store(at, value);
  }

  override compareExchange(at: number, expected: number, replacement: number): number {
    this.#step();
    return super.compareExchange(at, expected, replacement);
  }

  override exchange(at: number, value: number): number {
    this.#step();
    return super.exchange(at, value);
  }

  override add(at: number, value: number): number {
    this.#step();
    return super.add(at, value);
  }

  override or(at: number, bits: number): number {
    this.#step();
    return super.or(at, bits);
  }

  override wait(): void {
    this.#step();
    throw new Idle();
  }

  override notify(at: number, count: number): void {
    this.#step();
    super.notify(at, count);
  }
}

const plan = planShared(2, [2, 1, 1]);
const IMMORTAL = Number.MAX_SAFE_INTEGER;

/** A worker on this thread, until it goes to sleep or dies; answers whether it lived, and the steps it took. */
function live(worker: number, steps: number, job: Job): { readonly lived: boolean; readonly took: number } {
  const cells = new MortalCells(plan.buffer, IMMORTAL);
  const state = new SharedState(plan, cells);
  const { table } = state;
  const owner = ownerOfWorker(worker);
  const loop = new WorkerLoop({
    state,
    worker,
    jobs: [job],
    context: new SlotContext({ table, words: cells.words, slabs: new Map(), owner }),
    clockUs: () => 0,
    random: seededRandom(worker),
    hear: () => undefined,
    failed: () => undefined,
  });
  cells.left = steps;
  try {
    loop.run();
  } catch (cause) {
    if (!(cause instanceof Death) && !(cause instanceof Idle)) throw cause;
    return { lived: cause instanceof Idle, took: steps - cells.left };
  }
  throw new Error('a worker does not stop by itself');
}

const task = (...words: readonly number[]): { readonly words: readonly number[] } => ({ words });
const DATA = { kind: 'data-processing', job: 'note' } as const;

/** First word: its name; second: how many tasks it spawns, named one after the other. */
const scenarios: Readonly<Record<string, readonly Batch[]>> = {
  'one batch': [{ ...DATA, tasks: [task(1), task(2), task(3), task(4), task(5)] }],
  'two kinds': [
    { ...DATA, tasks: [task(1), task(2), task(3)] },
    { ...DATA, kind: 'security-check', tasks: [task(4), task(5)] },
  ],
  'a strand': [
    { ...DATA, strand: 1, tasks: [task(1), task(2)] },
    { ...DATA, strand: 1, kind: 'security-check', tasks: [task(3)] },
    { ...DATA, strand: 1, tasks: [task(4), task(5)] },
  ],
  'tasks that spawn': [{ ...DATA, tasks: [task(1, 2), task(4), task(5, 1)] }],
  'a strand that spawns': [
    { ...DATA, strand: 1, tasks: [task(1, 2), task(4)] },
    { ...DATA, strand: 1, tasks: [task(5)] },
  ],
};

describe('a worker that dies at any single step leaves nothing undone and nothing done twice:', () => {
  const state = new SharedState(plan);

  it('where its lane has no room: children run with their parent, a successor is put in line by the owner', () => {
    const batches = [
      { ...DATA, strand: 1, tasks: [task(1)] },
      { ...DATA, strand: 1, tasks: [task(2)] },
      { ...DATA, tasks: [task(3, 2)] },
    ];
    const fill = (): void => {
      while (state.lanes[0]?.[0]?.push(0, 0));
    };
    const { ran } = history(batches, IMMORTAL, fill);
    expect(ran.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 31, 32]);
  });

  /** Answers what ran, in order; the worker may die, another one goes on. */
  function history(
    batches: readonly Batch[],
    steps: number,
    meanwhile = (): void => undefined,
  ): { readonly ran: readonly number[]; readonly took: number } {
    const ran: number[] = [];
    const job: Job = (context) => {
      ran.push(context.argument(0));
      meanwhile();
      for (let child = 1; child <= context.argument(1); child += 1)
        context.spawn(task(context.argument(0) * 10 + child));
    };
    let resolved = 0;
    const flights = new Flights({
      state,
      clockUs: () => 0,
      readFailures: () => undefined,
      ended: (_flight, outcome) => {
        expect(outcome?.failures.size).toBe(0);
        resolved += 1;
      },
    });
    const collect = (): void => {
      for (const batch of state.ended.takeAll()) flights.settle(batch);
    };
    const promise = { resolve: () => undefined, reject: () => undefined, forget: () => undefined };
    for (const batch of batches) flights.open(batch, 0, promise);
    const { lived, took } = live(0, steps, job);
    collect();
    if (!lived) recover({ state, flights }, { worker: 0, culprit: undefined });
    live(1, IMMORTAL, job);
    collect();
    expect(resolved).toBe(batches.length);
    expect(flights.size).toBe(0);
    state.clearQueued();
    return { ran, took };
  }

  for (const [name, batches] of Object.entries(scenarios)) {
    it(name, () => {
      const whole = history(batches, IMMORTAL);
      const names = new Set(whole.ran);
      expect(whole.ran.length).toBe(names.size);
      expect(whole.took).toBeGreaterThan(50);
      for (let steps = 0; steps < whole.took; steps += 1) {
        const { ran } = history(batches, steps);
        expect(new Set(ran)).toEqual(names);
        // Only the one in its hands is begun again.
        expect(ran.length - names.size).toBeLessThanOrEqual(1);
        const firsts = ran.filter((number, at) => ran.indexOf(number) === at);
        if (batches.some(({ strand }) => strand !== undefined)) expect(firsts).toEqual(whole.ran);
      }
    });
  }
});
