import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commitOf } from '../store.case.ts';
import { cut, DAY, first, never, RetentionKit, request, TODAY } from './retention-kit.case.ts';

describe('a partition on its way', () => {
  let kit: RetentionKit;

  beforeEach(async () => {
    kit = await RetentionKit.open();
  });

  afterEach(async () => {
    await kit[Symbol.asyncDispose]();
  });

  for (const point of ['announced', 'written', 'synced', 'deleted'] as const) {
    it(`loses and doubles nothing when a step fails after "${point}"`, async () => {
      await kit.fill();
      const before = await kit.answers();
      const slices = await kit.due(cut({}));
      kit.stopAt = point;
      for (const slice of slices) await expect(kit.store.retention.move(slice, never)).rejects.toThrow(point);
      expect(await kit.answers()).toEqual(before);
      await kit.store.retention.bury(never);
      expect(await kit.files()).toEqual([]);
      kit.stopAt = undefined;
      await kit.moveAll();
      expect(await kit.answers()).toEqual(before);
    });
  }

  for (const point of ['announced', 'written', 'synced', 'deleted', 'committed'] as const) {
    it(`loses and doubles nothing when the process is killed after "${point}"`, async () => {
      await kit.fill();
      const before = await kit.answers();
      await kit.store.close();
      const module = JSON.stringify(new URL('./duckdb-store.ts', import.meta.url).href);
      const paths = JSON.stringify(kit.paths);
      const code = `const { DuckDbStore } = await import(${module});
        let steps = 0;
        const onRetentionPoint = (point) => {
          if (point === '${point}' && (steps += 1) === 4) process.kill(process.pid, 'SIGKILL');
        };
        const store = new DuckDbStore({ ...${paths}, onRetentionPoint });
        await store.open();
        const never = new AbortController().signal;
        await store.retention.prepare({ defaults: { raw: 0, minute: 0, hour: 0 }, overrides: new Map() }, never);
        const due = await store.retention.due({ moveBefore: ${TODAY - DAY}, late: true }, never);
        for (const slice of due) await store.retention.move(slice, never);`;
      const run = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code]);
      await expect(run).rejects.toMatchObject({ signal: 'SIGKILL' });
      await kit.open();
      expect(await kit.answers()).toEqual(before);
      expect((await kit.files()).length).toBe(point === 'committed' ? 4 : 3);
      await kit.moveAll();
      expect(await kit.answers()).toEqual(before);
    });
  }

  it('waits with a file until the queries that may read it have ended, and does not wait when it is stopped', async () => {
    await kit.fill();
    await kit.moveAll();
    await kit.due(cut({ raw: TODAY - DAY }));
    const files = await kit.files();
    const stop = new AbortController();
    const asked = kit.store.rows(request(), never);
    for (const partition of kit.store.retention.aged()) await kit.store.retention.expire(partition, never);
    expect(await kit.files()).toEqual(files);
    const burial = kit.store.retention.bury(stop.signal);
    stop.abort(new Error('stopped'));
    await expect(burial).rejects.toThrow('stopped');
    // With or without the partitions, as it began before or after they went: all of it, or none.
    expect((await asked).ts.length).toBeGreaterThan(0);
    await kit.store.close();
    await kit.open();
    expect((await kit.files()).filter((name) => name.startsWith('raw'))).toEqual([]);
  });

  it('moves while readings are committed and asked for: each answer has all of them, once', async () => {
    const given = await kit.fill(6);
    let committed = given.length;
    const progress = { done: false };
    const moving = kit.moveAll().finally(() => {
      progress.done = true;
    });
    let asked = 0;
    while (!progress.done) {
      const least = committed;
      const [rows] = await Promise.all([
        kit.store.rows(request(), never),
        kit.store.commit(commitOf([[first, TODAY - 5 * DAY + asked, 1]])),
      ]);
      committed += 1;
      asked += 1;
      expect(rows.ts.length - least).toBeOneOf([0, 1]);
    }
    await moving;
    expect(asked).toBeGreaterThan(3);
    expect((await kit.store.rows(request(), never)).ts).toHaveLength(committed);
  });
});
