import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AGGREGATES } from '../../../model/ports/history.ts';
import { WindowRows } from '../../pipeline/windows/window-rows.ts';
import type { OpenWindow } from '../../pipeline/windows/window-set.ts';
import { commitOf } from '../store.case.ts';
import {
  all,
  cut,
  DAY,
  first,
  type Given,
  HOUR,
  keepAll,
  listed,
  MINUTE,
  never,
  ODD,
  RetentionKit,
  request,
  second,
  state,
  TODAY,
  WHOLE,
} from './retention-kit.case.ts';

describe('retention in DuckDB', () => {
  let kit: RetentionKit;

  beforeEach(async () => {
    kit = await RetentionKit.open();
  });

  afterEach(async () => {
    await kit[Symbol.asyncDispose]();
  });

  it('moves old days into partitions, and every question is answered as before', async () => {
    await kit.fill();
    const every = { ranges: [WHOLE, ...ODD], aggregates: AGGREGATES };
    const before = await kit.answers(every);
    await kit.moveAll();
    expect(await kit.answers(every)).toEqual(before);
    expect((await kit.files()).filter((name) => name.startsWith('raw/day='))).toHaveLength(3);
    const { levels, bytes } = await kit.store.retention.survey(never);
    expect(levels.find(({ level }) => level === 'minute')?.partitions).toBe(3);
    expect(bytes.partitions).toBeGreaterThan(1_000);
    await kit.store.close();
    await kit.open();
    expect(await kit.answers(every)).toEqual(before);
    expect(await kit.due(cut({}))).toEqual([]);
  });

  it('takes late readings for a day that was moved, and later moves them, too', async () => {
    const given = await kit.fill();
    await kit.moveAll();
    const at = TODAY - 3 * DAY + 7 * MINUTE;
    const late: Given[] = [
      [first, at, 999],
      [second, at + 1_000, -999],
      [state, at, 'late'],
    ];
    await kit.store.commit(commitOf(late));
    const known = await kit.answers();
    expect(known['raw 0']).toHaveLength(given.length + 3);
    const last = await kit.store.rows(
      request({ from: at, to: at + MINUTE, bucket: { intervalMs: MINUTE, aggregate: 'last' } }),
      never,
    );
    expect(last.value[0]).toBe(999);
    await kit.store.retention.prepare(cut({}), never);
    expect(await kit.store.retention.due({ moveBefore: TODAY - DAY, late: false }, never)).toEqual([]);
    await kit.moveAll();
    expect(await kit.answers()).toEqual(known);
    expect(await kit.due(cut({}))).toEqual([]);
  });

  it('makes one partition of many small ones of a day', async () => {
    await kit.fill();
    for (let round = 0; round < 8; round += 1) {
      const at = TODAY - 2 * DAY + round * HOUR;
      // The same millisecond again and again: the last one to come counts.
      await kit.store.commit(
        commitOf([
          [first, TODAY - 2 * DAY + 5, round],
          [state, at, `r${round}`],
        ]),
      );
      await kit.moveAll();
    }
    const before = await kit.answers();
    const many = (await kit.files()).length;
    for (const partitions of kit.store.retention.compactable())
      await kit.store.retention.compact(partitions, never);
    await kit.store.retention.bury(never);
    expect((await kit.files()).length).toBeLessThan(many - 12);
    expect(await kit.answers()).toEqual(before);
    expect(kit.store.retention.compactable()).toEqual([]);
  });

  it('answers minutes from hours where the minutes are over, and nothing raw where the readings are', async () => {
    const given = await kit.fill();
    const over = TODAY - 2 * DAY;
    await kit.moveAll();
    const aggregates = ['count', 'sum', 'min', 'max', 'last', 'stddev', 'avg'] as const;
    const known = await kit.answers({ aggregates });
    await kit.moveAll(cut({ raw: over, minute: over }));
    const now = await kit.answers({ aggregates });
    expect(now['raw 0']).toEqual(known['raw 0']?.filter((row) => Number(row.split(' ')[1]) >= over));
    for (const aggregate of ['count', 'sum', 'min', 'max', 'last', 'stddev', 'avg']) {
      expect(now[`${aggregate} ${HOUR} 0`]).toEqual(known[`${aggregate} ${HOUR} 0`]);
      expect(now[`${aggregate} ${DAY} 0`]).toEqual(known[`${aggregate} ${DAY} 0`]);
      expect(now[`rank ${aggregate} 0`]).toEqual(known[`rank ${aggregate} 0`]);
    }
    const inNumbers = given.filter(([series]) => series !== state).length;
    const counts = (rows: readonly string[] = []): number =>
      rows.reduce((sum, row) => sum + Number(row.split(' ')[2]), 0);
    expect(counts(now[`count ${5 * MINUTE} 0`])).toBe(inNumbers);
    expect(now['latest']).toEqual(known['latest']);
    // A reading for a day whose minutes are over is in the hours from now on.
    await kit.store.commit(commitOf([[first, over - DAY + 1, 5]]));
    expect(counts((await kit.answers())[`count ${5 * MINUTE} 0`])).toBe(inNumbers + 1);
    await kit.moveAll(cut({ raw: over, minute: over }));
    expect(counts((await kit.answers())[`count ${5 * MINUTE} 0`])).toBe(inNumbers + 1);
    expect(counts((await kit.answers())[`count ${DAY} 0`])).toBe(inNumbers + 1);
  });

  it('keeps series with times of their own, in the same files', async () => {
    await kit.fill();
    await kit.moveAll();
    const known = await kit.answers();
    const over = TODAY - 2 * DAY;
    const own = new Map([
      [1, { raw: TODAY - 3 * DAY, minute: 0, hour: 0 }],
      [3, { raw: 0, minute: 0, hour: 0 }],
    ]);
    const cutoffs = cut({ raw: over, minute: over }, own);
    await kit.moveAll(cutoffs);
    const kept = (row: string): boolean => {
      const [series, at] = row.split(' ').map(Number);
      return Number(at) >= (own.get(series ?? 0)?.raw ?? over);
    };
    const now = await kit.answers();
    expect(now['raw 0']).toEqual(known['raw 0']?.filter(kept));
    expect(now[`count ${DAY} 0`]).toEqual(known[`count ${DAY} 0`]);
    const ofOne = (rows: readonly string[] = []): string[] => rows.filter((row) => row.startsWith('1 '));
    expect(ofOne(now[`last ${5 * MINUTE} 0`])).toEqual(ofOne(known[`last ${5 * MINUTE} 0`]));
    const counts = (rows: readonly string[] = []): number =>
      rows.reduce((sum, row) => sum + Number(row.split(' ')[2]), 0);
    expect(counts(now[`count ${5 * MINUTE} 0`])).toBe(counts(known[`count ${5 * MINUTE} 0`]));
    // Looked at once: nothing of them is over, so they are not looked at again.
    await kit.store.retention.prepare(cutoffs, never);
    expect(kit.store.retention.aged()).toEqual([]);
  });

  it('removes hours by the month, but never the last value', async () => {
    await kit.fill(25);
    await kit.moveAll();
    await kit.moveAll(
      cut({ raw: TODAY + DAY, minute: TODAY + DAY, hour: Date.parse('2026-10-01') }),
      TODAY - DAY,
    );
    await kit.moveAll(
      cut({ raw: TODAY + DAY, minute: TODAY + DAY, hour: Date.parse('2026-10-01') }),
      TODAY - DAY,
    );
    expect(await kit.tables()).toEqual({ raw: 1, minute: 3, hour: 0 });
    expect(listed(await kit.store.latest(all, never))).toHaveLength(4);
    expect(await kit.files()).toEqual([]);
  });

  it('goes on without a partition whose file is gone, and says so', async () => {
    await kit.fill();
    await kit.moveAll();
    const known = await kit.answers();
    const [lost = ''] = (await kit.files()).filter((name) => name.startsWith('minute/'));
    await kit.store.close();
    await promisify(execFile)('rm', [join(kit.dir.path, "his'tory", lost)]);
    await kit.open();
    const now = await kit.answers();
    expect(now['raw 0']).toEqual(known['raw 0']);
    expect(now[`count ${HOUR} 0`]).toEqual(known[`count ${HOUR} 0`]);
    expect((await kit.store.retention.survey(never)).damaged).toEqual([lost]);
  });

  it('lets declared windows go with the minutes of their series', async () => {
    await kit.fill(2);
    const windows = new WindowRows();
    const ends = [TODAY - 2 * DAY, TODAY - DAY, TODAY];
    for (const series of [0, 1]) {
      for (const end of ends) {
        const window = { start: end - HOUR, end, revision: 0 } as OpenWindow;
        windows.add({ series, name: 'w', window, cause: 0, sum: undefined, quantiles: [] });
      }
    }
    await kit.store.commit(commitOf([], { windows }));
    await kit.due(cut({ minute: TODAY - DAY }, new Map([[1, keepAll]])));
    expect(await kit.store.retention.trimWindows(never)).toBe(false);
    await kit.store.close();
    const instance = await DuckDBInstance.create(join(kit.dir.path, 'history.duckdb'));
    const connection = await instance.connect();
    const left = await connection.runAndReadAll(
      'SELECT series, until::DOUBLE FROM window_results ORDER BY series, until',
    );
    connection.closeSync();
    instance.closeSync();
    expect(left.getRows()).toEqual([[0, TODAY], ...ends.map((end) => [1, end])]);
  });

  it('leaves files alone that it did not make', async () => {
    await kit.fill();
    await kit.moveAll();
    const foreign = join(kit.dir.path, "his'tory", 'raw', 'mine.parquet');
    await promisify(execFile)('touch', [foreign]);
    await kit.store.close();
    await kit.open();
    await kit.moveAll(cut({ raw: TODAY, minute: TODAY, hour: TODAY }));
    expect(existsSync(foreign)).toBe(true);
  });
});
