import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SCHEDULER_BATCH_TASKS_MAX } from '../../base/limits.ts';
import { seededRandom } from '../../base/random.ts';
import { type Bench, DATA, ENTRY, numbers, raised, startScheduler } from './scheduler.fixture.ts';
import { Scheduler } from './scheduler.ts';
import { TASK_KINDS } from './task.ts';

describe('a scheduler', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await startScheduler();
  });
  afterAll(async () => {
    await bench[Symbol.asyncDispose]();
  });

  it('brings words and bytes to a job and its words back', async () => {
    const { scheduler, at, words } = bench;
    expect((await scheduler.run({ ...DATA, job: 'add', words: [40, 2] }))[0]).toBe(42);
    Buffer.from(words.buffer).write('grüße', 0, 'utf8');
    expect((await scheduler.run({ ...DATA, job: 'text', payload: { ...at(0, 1), length: 7 } }))[0]).toBe(5);
  });

  it('answers each task of a batch in its place', async () => {
    const tasks = numbers(SCHEDULER_BATCH_TASKS_MAX).map((number) => ({ words: [number, 1] }));
    const outcome = await bench.scheduler.submit({ ...DATA, job: 'add', tasks, resultWords: 1 });
    expect(outcome.count).toBe(tasks.length);
    expect([...outcome.results]).toEqual(numbers(tasks.length, 1));
    expect(outcome.failures.size).toBe(0);
  });

  it('says of each failed task why, and runs the others', async () => {
    const tasks = [0, 1, 2, 3, 0].map((what) => ({ words: [what] }));
    const { failures } = await bench.scheduler.submit({ ...DATA, job: 'fail', tasks });
    expect([...failures].map(([task, { code, message }]) => [task, code, message])).toEqual([
      [1, 'payload.empty', 'nothing in it'],
      [2, 'scheduler.task_failed', 'not a number'],
      [3, 'scheduler.task_failed', 'a string'],
    ]);
    expect(failures.get(2)?.cause).toMatchObject({ stack: expect.stringContaining('scheduler.worker') });
    await expect(bench.scheduler.run({ ...DATA, job: 'fail', words: [1] })).rejects.toMatchObject({
      code: 'payload.empty',
    });
  });

  it('keeps the order within a strand, over kinds too, while strands run side by side', async () => {
    const { scheduler, words, at } = bench;
    words.fill(0);
    const outcomes: Promise<unknown>[] = [];
    const [strands, batches, perBatch] = [4, 25, 3];
    for (let batch = 0; batch < batches; batch += 1) {
      for (let strand = 0; strand < strands; strand += 1) {
        const tasks = numbers(perBatch, batch * perBatch).map((number) => ({
          words: [number, 20],
          payload: at(strand * 1_000, 1_000),
        }));
        const kind = TASK_KINDS[(batch + strand) % TASK_KINDS.length] ?? DATA.kind;
        outcomes.push(scheduler.submit({ kind, job: 'append', strand: 0xffff_fff0 + strand, tasks }));
      }
    }
    await Promise.all(outcomes);
    for (let strand = 0; strand < strands; strand += 1) {
      const [length = 0, ...items] = words.subarray(strand * 1_000, strand * 1_000 + 1 + batches * perBatch);
      expect(length).toBe(batches * perBatch);
      expect(items).toEqual(numbers(batches * perBatch));
    }
  });

  it('lets a task split itself, on all workers, until the batch is full', async () => {
    const { scheduler, words, at } = bench;
    words.fill(0);
    const payload = at(0, 300);
    // 100 leaves make 199 tasks; 200 leaves would make 399.
    const fits = await scheduler.submit({
      ...DATA,
      job: 'split',
      tasks: [{ words: [0, 100], payload }],
      resultWords: 1,
    });
    expect(fits.count).toBe(199);
    expect(fits.results.includes(1)).toBe(false);
    expect([...words.subarray(0, 101)]).toEqual([...numbers(100).map(() => 1), 0]);
    const full = await scheduler.submit({
      ...DATA,
      job: 'split',
      tasks: [{ words: [0, 200], payload }],
      resultWords: 1,
    });
    expect(full.count).toBe(SCHEDULER_BATCH_TASKS_MAX);
    expect(full.results.includes(1)).toBe(true);
    words.fill(0);
    const failed = await scheduler.submit({
      ...DATA,
      job: 'split',
      tasks: [{ words: [0, 100, 1], payload }],
    });
    expect([...failed.failures.keys()]).toEqual([0]);
    expect(words.includes(1)).toBe(false);
    words.fill(0);
    const strand = await scheduler.submit({
      ...DATA,
      job: 'split',
      strand: 1,
      tasks: [{ words: [0, 100], payload }],
    });
    expect(strand.count).toBe(199);
    expect(words.subarray(0, 100).every((times) => times === 1)).toBe(true);
  });

  it('is heard on every worker before any task submitted after it', async () => {
    const { scheduler } = bench;
    for (let number = 1; number <= 20; number += 1) {
      scheduler.broadcast(number);
      const tasks = numbers(8).map(() => ({}));
      const { results } = await scheduler.submit({ ...DATA, job: 'heard', tasks, resultWords: 2 });
      expect([...results]).toEqual(tasks.flatMap(() => [number, number]));
    }
  });

  it('refuses what only a bug can ask for', async () => {
    const { scheduler, at } = bench;
    const ask = (batch: object) => () => scheduler.submit({ ...DATA, job: 'add', tasks: [{}], ...batch });
    expect(ask({ job: 'nothing' })).toThrow('nothing is a job');
    expect(ask({ tasks: [] })).toThrow('1 to 256 tasks');
    expect(ask({ tasks: [{ words: [1, 2, 3, 4, 5, 6, 7] }] })).toThrow('6 words');
    expect(ask({ tasks: [{ payload: at(262_144, 1) }] })).toThrow('within a shared slab');
    expect(ask({ tasks: [{ payload: { slab: 9, offset: 0, length: 0 } }] })).toThrow('within a shared slab');
    expect((await scheduler.run({ ...DATA, job: 'add', words: [1, 1] }))[0]).toBe(2);
  });
});

describe('no task is lost and none runs twice', () => {
  it('with three threads, random kinds, sizes, strands and pauses', async () => {
    await using bench = await startScheduler({ threads: 3 });
    const { scheduler, words, at } = bench;
    const random = seededRandom(4);
    const total = 40_000;
    const payload = at(0, total);
    const outcomes: Promise<{ readonly results: Int32Array }>[] = [];
    let submitted = 0;
    while (submitted < total) {
      while (scheduler.room === 0) await new Promise(setImmediate);
      const size = Math.min(total - submitted, 1 + Math.floor(random.next() * SCHEDULER_BATCH_TASKS_MAX));
      const tasks = numbers(size, submitted).map((number) => ({
        words: [number, random.next() < 0.01 ? Math.floor(random.next() * 200) : 0],
        payload,
      }));
      const kind = TASK_KINDS[Math.floor(random.next() * TASK_KINDS.length)] ?? DATA.kind;
      const strand = random.next() < 0.3 ? { strand: Math.floor(random.next() * 5) } : {};
      outcomes.push(scheduler.submit({ kind, job: 'count', tasks, resultWords: 1, ...strand }));
      submitted += size;
      if (random.next() < 0.1) await new Promise(setImmediate);
    }
    const results = (await Promise.all(outcomes)).flatMap((outcome) => [...outcome.results]);
    expect(words.subarray(0, total).every((times) => times === 1)).toBe(true);
    expect(results.every((result, number) => result === 2 * number)).toBe(true);
    const { total: sum, workers, kinds, inFlight, queued } = scheduler.statistics();
    expect(sum.local + sum.global + sum.stolen).toBe(total);
    expect(workers.reduce((all, { local, global, stolen }) => all + local + global + stolen, 0)).toBe(total);
    expect(Object.values(kinds).reduce((all, { tasks }) => all + tasks, 0)).toBe(total);
    expect(Object.values(kinds).reduce((all, { batches }) => all + batches, 0)).toBe(outcomes.length);
    expect([inFlight, queued]).toEqual([0, 0]);
  });

  it('where one batch is large enough for all: the idle ones steal from it', async () => {
    await using bench = await startScheduler({ threads: 2 });
    const { scheduler } = bench;
    const tasks = numbers(64).map(() => ({ words: [1_000] }));
    await scheduler.submit({ ...DATA, job: 'spin', tasks });
    const { total, workers } = scheduler.statistics();
    expect(total.stolen).toBeGreaterThan(0);
    for (const worker of workers) expect(worker.local + worker.global + worker.stolen).toBeGreaterThan(8);
  });
});

describe('kinds', () => {
  it('are served while another saturates the workers', async () => {
    await using bench = await startScheduler();
    const { scheduler } = bench;
    let done = 0;
    const flood = numbers(60).map(async () => {
      const tasks = numbers(20).map(() => ({ words: [200] }));
      await scheduler.submit({ ...DATA, job: 'spin', tasks });
      done += 1;
    });
    for (const kind of ['security-check', 'device-communication'] as const) {
      await scheduler.run({ kind, job: 'add', words: [1, 1] });
      // 240 ms of work are in line before it; in order of submission it would be last.
      expect(done).toBeLessThan(40);
    }
    await Promise.all(flood);
  });

  it('do not starve older work of their own that was set aside for others', async () => {
    await using bench = await startScheduler({ threads: 1 });
    const { scheduler } = bench;
    const settings = { ...DATA, job: 'spin' };
    const oldest = scheduler.submit({
      ...settings,
      strand: 1,
      tasks: numbers(8).map(() => ({ words: [500] })),
    });
    let isOldestDone = false;
    const whenOldestIsDone = (async () => {
      await oldest;
      isOldestDone = true;
    })();
    const chain = numbers(400).map((number) =>
      scheduler.submit({
        ...settings,
        kind: number % 2 === 0 ? 'security-check' : DATA.kind,
        strand: 2,
        tasks: [{ words: [200] }],
      }),
    );
    await chain[300];
    expect(isOldestDone).toBe(true);
    await Promise.all([...chain, whenOldestIsDone]);
  });
});

describe('a full scheduler', () => {
  it('refuses with a code, and takes more when there is room', async () => {
    await using bench = await startScheduler({ threads: 1, queueMax: 3 });
    const { scheduler, words, at } = bench;
    const holding = new AbortController();
    const held = scheduler.submit({
      ...DATA,
      job: 'untilCancelled',
      tasks: [{ payload: at(0, 2) }],
      signal: holding.signal,
    });
    const isHeld = expect(held).rejects.toMatchObject({ code: 'scheduler.cancelled' });
    await raised(words, 0);
    const add = { ...DATA, job: 'add', words: [1, 1] };
    const waiting = numbers(3).map(() => scheduler.run(add));
    expect(scheduler.room).toBe(0);
    await expect(scheduler.run(add)).rejects.toMatchObject({ code: 'scheduler.full' });
    expect(scheduler.statistics().refusedBatches).toBe(1);
    holding.abort();
    await isHeld;
    await Promise.all(waiting);
    expect((await scheduler.run(add))[0]).toBe(2);
  });
});

describe('cancelling', () => {
  it('tells a running task, and takes queued ones away so that they never run', async () => {
    await using bench = await startScheduler({ threads: 1, queueMax: 2 });
    const { scheduler, words, at } = bench;
    const [running, queued] = [new AbortController(), new AbortController()];
    const cancelled = { code: 'scheduler.cancelled' };
    const first = scheduler.submit({
      ...DATA,
      job: 'untilCancelled',
      tasks: [{ payload: at(0, 2) }],
      signal: running.signal,
    });
    await raised(words, 0);
    const tasks = numbers(2).map((number) => ({ words: [number], payload: at(10, 2) }));
    const removed: Promise<void>[] = [];
    for (const strand of [undefined, 7]) {
      const options = strand === undefined ? {} : { strand };
      const never = scheduler.submit({ ...DATA, job: 'count', tasks, signal: queued.signal, ...options });
      removed.push(expect(never).rejects.toMatchObject(cancelled));
    }
    const after = scheduler.submit({ ...DATA, job: 'count', tasks, strand: 7, signal: AbortSignal.abort() });
    await expect(after).rejects.toMatchObject(cancelled);
    expect(scheduler.room).toBe(0);
    queued.abort(new Error('no longer wanted'));
    expect(scheduler.room).toBe(2);
    await Promise.all(removed);
    const behind = scheduler.run({ ...DATA, job: 'add', words: [2, 3], strand: 7 });
    running.abort();
    await expect(first).rejects.toMatchObject(cancelled);
    await raised(words, 1);
    expect((await behind)[0]).toBe(5);
    expect([...words.subarray(10, 12)]).toEqual([0, 0]);
    expect(scheduler.statistics()).toMatchObject({ inFlight: 0, queued: 0, cancelledBatches: 3 });
  });
});

describe('stopping', () => {
  it('lets what is in flight end, and accepts nothing more', async () => {
    const { scheduler, words, at } = await startScheduler();
    const tasks = numbers(200).map((number) => ({ words: [number], payload: at(0, 200) }));
    const outcomes = numbers(5).map(() => scheduler.submit({ ...DATA, job: 'count', tasks }));
    const stopped = scheduler.stop();
    await expect(scheduler.submit({ ...DATA, job: 'count', tasks })).rejects.toMatchObject({
      code: 'scheduler.stopped',
    });
    await Promise.all([...outcomes, stopped, scheduler.stop()]);
    expect(words.subarray(0, 200).every((times) => times === 5)).toBe(true);
    expect(scheduler.statistics().threads).toBe(0);
  });

  it('rejects what does not end in time, even where a task never returns', async () => {
    const { scheduler } = await startScheduler({ threads: 1 });
    const outcomes = ['hang', 'add'].map((job) => scheduler.submit({ ...DATA, job, tasks: [{}] }));
    const rejected = Promise.all(
      outcomes.map(
        async (outcome) => await expect(outcome).rejects.toMatchObject({ code: 'scheduler.stopped' }),
      ),
    );
    await scheduler.stop(20);
    await rejected;
  });
});

describe('starting', () => {
  it('says why an entry does not come up', async () => {
    const broken = new URL('data:text/javascript,throw new Error("not today")');
    const scheduler = new Scheduler({ entry: broken, threads: 2 });
    await expect(scheduler.start()).rejects.toMatchObject({
      code: 'scheduler.failed',
      message: expect.stringContaining('not today'),
    });
    const unstarted = new Scheduler({ entry: ENTRY });
    await expect(unstarted.submit({ ...DATA, job: 'add', tasks: [{}] })).rejects.toMatchObject({
      code: 'scheduler.stopped',
    });
  });
});
