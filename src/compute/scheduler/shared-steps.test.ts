import { describe, expect, it } from 'vitest';
import { SCHEDULER_BATCH_TASKS_MAX } from '../../base/limits.ts';
import { BatchTable } from './batch-table.ts';
import { Bell } from './bell.ts';
import { type Cells, SharedCells } from './cells.ts';
import { GlobalQueue } from './global-queue.ts';
import { checkAllInterleavings } from './model-checker.fixture.ts';
import { BatchPhase, TaskPhase, tagOf } from './tag.ts';

const WORK = Bell.words;
const MARK = WORK + 1;

describe('parking, in every interleaving', () => {
  const bring = (cells: Cells): void => {
    cells.store(WORK, 1);
    new Bell({ cells, base: 0 }).ring(1);
  };
  const look = (cells: Cells): boolean => cells.exchange(WORK, 0) === 1;

  it('never sleeps through work that was brought', () => {
    const worker = (cells: Cells): boolean => {
      const bell = new Bell({ cells, base: 0 });
      const heard = bell.listen();
      if (look(cells)) return true;
      bell.park(heard, MARK);
      return look(cells);
    };
    checkAllInterleavings({
      words: WORK + 2,
      actors: [[worker], [bring]],
      check: ({ answers, stuck }) => {
        expect(answers[0]?.[0] === true || stuck.length === 0).toBe(true);
        expect(stuck.length === 1 && answers[1]?.length === 1).toBe(false);
      },
    });
  });

  it('finds a worker that listens only after it has looked', () => {
    const worker = (cells: Cells): boolean => {
      const bell = new Bell({ cells, base: 0 });
      if (look(cells)) return true;
      bell.park(bell.listen(), MARK);
      return look(cells);
    };
    expect(() =>
      checkAllInterleavings({
        words: WORK + 2,
        actors: [[worker], [bring]],
        check: ({ stuck }) => expect(stuck).toEqual([]),
      }),
    ).toThrow();
  });

  it('takes a worker that died asleep off the count', () => {
    const cells = new SharedCells(new SharedArrayBuffer(1_024));
    const bell = new Bell({ cells, base: 0 });
    cells.add(16, 1);
    cells.store(MARK, 1);
    bell.forget(MARK);
    bell.forget(MARK);
    expect(cells.load(16)).toBe(0);
  });
});

describe('the global queue, in every interleaving', () => {
  it('gives each ticket to one worker, oldest first', () => {
    const on = (cells: Cells): GlobalQueue => new GlobalQueue({ cells, base: 0, capacity: 4 });
    const push =
      (ticket: number) =>
      (cells: Cells): number =>
        on(cells).push(ticket, ticket);
    const take = (cells: Cells): number => {
      const ticket = { place: 0, generation: 0 };
      return on(cells).take(ticket) && ticket.place === ticket.generation ? ticket.place : 0;
    };
    checkAllInterleavings({
      words: GlobalQueue.wordsFor(4),
      initial: (cells) => {
        cells.store(0, -1);
        cells.store(16, -1);
      },
      actors: [[push(1), push(2), push(3)], [take, take], [take]],
      check: ({ answers, cells }) => {
        const got = answers
          .slice(1)
          .map((actor) => (actor as readonly number[]).filter((ticket) => ticket !== 0));
        const rest: number[] = [];
        for (let next = take(cells); next !== 0; next = take(cells)) rest.push(next);
        expect([...got.flat(), ...rest].toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
        for (const actor of got) expect(actor).toEqual(actor.toSorted((a, b) => a - b));
      },
    });
  });
});

describe('the steps of a batch', () => {
  const GENERATION = 5;
  const table = (): BatchTable => {
    const cells = new SharedCells(new SharedArrayBuffer(BatchTable.wordsFor(2) * 4));
    const made = new BatchTable({ cells, base: 0 });
    made.prepare(1, { kind: 0, job: 0, tasks: 2, strand: 9, submittedUs: 0 });
    for (const task of [0, 1]) made.offer(1, task, GENERATION, 0);
    made.open(1, GENERATION);
    return made;
  };

  it('let one worker claim a task, and nobody with a ticket of an earlier use', () => {
    const batches = table();
    expect(batches.claim(1, 0, GENERATION - 1, 1)).toBe(-1);
    expect(batches.claim(1, 0, GENERATION, 1)).toBe(0);
    expect(batches.claim(1, 0, GENERATION, 2)).toBe(-1);
  });

  it('let one worker hold a strand until it lets go', () => {
    const batches = table();
    expect(batches.hold(1, GENERATION, 1)).toBe(true);
    expect(batches.hold(1, GENERATION, 2)).toBe(false);
    batches.release(1, GENERATION, 2);
    expect(batches.hold(1, GENERATION, 2)).toBe(false);
    batches.release(1, GENERATION, 1);
    expect(batches.hold(1, GENERATION, 2)).toBe(true);
  });

  it('end it when its last task has ended, for any number of tasks', () => {
    const cells = new SharedCells(new SharedArrayBuffer(BatchTable.wordsFor(1) * 4));
    const batches = new BatchTable({ cells, base: 0 });
    const running = tagOf(GENERATION, BatchPhase.running);
    for (const tasks of [
      1,
      2,
      31,
      32,
      33,
      63,
      64,
      127,
      SCHEDULER_BATCH_TASKS_MAX - 1,
      SCHEDULER_BATCH_TASKS_MAX,
    ]) {
      batches.prepare(0, { kind: 0, job: 0, tasks, strand: undefined, submittedUs: 0 });
      batches.open(0, GENERATION);
      batches.move(0, tagOf(GENERATION, BatchPhase.queued), running);
      for (let task = 0; task < tasks; task += 1) {
        expect(batches.end(0, GENERATION, 1)).toBe(false);
        batches.settle(0, task, tagOf(GENERATION, TaskPhase.ok));
      }
      expect(batches.end(0, GENERATION, 1)).toBe(true);
      expect(batches.end(0, GENERATION, 2)).toBe(false);
    }
  });

  it('link a successor or say that it is too late, never both', () => {
    const open = table();
    expect(open.link(1, 0)).toBe(true);
    expect(open.close(1)).toBe(0);
    expect(open.close(1)).toBeUndefined();
    const ended = table();
    expect(ended.close(1)).toBeUndefined();
    expect(ended.link(1, 0)).toBe(false);
  });
});
