import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../base/random.ts';
import { type Bench, DATA, numbers, startScheduler } from './scheduler.fixture.ts';
import { TASK_KINDS } from './task.ts';

describe('where a thread ends', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await startScheduler();
  });
  beforeEach(() => bench.words.fill(0));
  afterAll(async () => {
    await bench[Symbol.asyncDispose]();
  });

  it('a task that ends its thread is tried once more on a new one', async () => {
    const { scheduler, words, at } = bench;
    const tasks = [
      { words: [1], payload: at(0, 1) },
      { words: [0], payload: at(1, 1) },
    ];
    const { failures, results } = await scheduler.submit({ ...DATA, job: 'crash', tasks, resultWords: 1 });
    expect(failures.size).toBe(0);
    expect([...results]).toEqual([1, 0]);
    expect([words[0], words[1]]).toEqual([2, 1]);
    expect(scheduler.statistics().crashes).toBeGreaterThan(0);
  });

  it('a task that ends its thread twice is given up; its neighbours are not', async () => {
    const { scheduler, words, at } = bench;
    const tasks = numbers(20).map((number) => ({ words: [number === 10 ? 9 : 0], payload: at(number, 1) }));
    const { failures } = await scheduler.submit({ ...DATA, job: 'crash', tasks });
    expect([...failures].map(([task, { code }]) => [task, code])).toEqual([[10, 'scheduler.crashed']]);
    expect([...words.subarray(0, 20)]).toEqual(numbers(20).map((number) => (number === 10 ? 2 : 1)));
  });

  it('a task without an end is ended with its thread, and named; the rest of its batch goes on', async () => {
    const { scheduler } = bench;
    const tasks = [{ words: [-1] }, { words: [0] }, { words: [-1] }];
    const { failures } = await scheduler.submit({ ...DATA, job: 'hang', tasks, timeoutMs: 60 });
    expect([...failures].map(([task, { code }]) => [task, code])).toEqual([[1, 'scheduler.timeout']]);
    expect((await scheduler.run({ ...DATA, job: 'add', words: [1, 2] }))[0]).toBe(3);
    expect(scheduler.statistics().timeouts).toBe(1);
  });

  it('a strand goes on in order after the death of its thread', async () => {
    const { scheduler, words, at } = bench;
    const list = at(0, 100);
    const settings = { ...DATA, strand: 3 };
    const append = (from: number): Promise<unknown> =>
      scheduler.submit({
        ...settings,
        job: 'append',
        tasks: numbers(5, from).map((number) => ({ words: [number, 0], payload: list })),
      });
    const crash = scheduler.submit({ ...settings, job: 'crash', tasks: [{ words: [1] }, { words: [9] }] });
    const appended = [append(0), append(5), append(10)];
    const again = scheduler.submit({ ...settings, job: 'crash', tasks: [{ words: [1] }] });
    appended.push(append(15));
    const outcome = await crash;
    expect([...outcome.failures.keys()]).toEqual([1]);
    await Promise.all([...appended, again]);
    expect([...words.subarray(0, 21)]).toEqual([20, ...numbers(20)]);
  });
});

it('a task that takes all memory ends its thread, not the process', async () => {
  await using bench = await startScheduler({ threads: 1, heapMib: 16 });
  const { scheduler } = bench;
  await expect(scheduler.run({ ...DATA, job: 'outOfMemory' })).rejects.toMatchObject({
    code: 'scheduler.crashed',
  });
  expect((await scheduler.run({ ...DATA, job: 'add', words: [1, 2] }))[0]).toBe(3);
});

it('a new thread is told what the others know', async () => {
  let state = 1;
  await using bench = await startScheduler({ setup: () => [state] });
  const { scheduler } = bench;
  state = 2;
  scheduler.broadcast(state);
  await scheduler.submit({ ...DATA, job: 'crash', tasks: numbers(4).map(() => ({ words: [9] })) });
  const tasks = numbers(50).map(() => ({ words: [100] }));
  await scheduler.submit({ ...DATA, job: 'spin', tasks });
  const { results } = await scheduler.submit({ ...DATA, job: 'heard', tasks, resultWords: 2 });
  expect([...results].filter((_, at) => at % 2 === 1)).toEqual(tasks.map(() => 2));
});

it('nothing is lost and nothing runs twice while threads keep dying', async () => {
  await using bench = await startScheduler({ threads: 3 });
  const { scheduler, words, at } = bench;
  const random = seededRandom(11);
  const batches = 150;
  const perBatch = 40;
  const payload = at(0, batches * perBatch);
  const outcomes = numbers(batches).map((batch) => {
    const settings = {
      kind: TASK_KINDS[batch % 3] ?? DATA.kind,
      ...(random.next() < 0.4 ? { strand: batch % 4 } : {}),
    };
    if (batch % 25 === 12) void scheduler.submit({ ...settings, job: 'crash', tasks: [{ words: [1] }, {}] });
    const tasks = numbers(perBatch, batch * perBatch).map((number) => ({ words: [number], payload }));
    return scheduler.submit({ ...settings, job: 'count', tasks });
  });
  const failures = (await Promise.all(outcomes)).flatMap((outcome) => [...outcome.failures]);
  expect(failures).toEqual([]);
  expect(words.subarray(0, batches * perBatch).every((times) => times === 1)).toBe(true);
  expect(scheduler.statistics().crashes).toBe(6);
});
