import { execFile } from 'node:child_process';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WINDOW_PARTS_MAX } from '../../../base/limits.ts';
import { WINDOW_MS } from '../../../model/reading.ts';
import { KIND_NUMBER, type Series } from '../../series.ts';
import { NOW, tempDir } from '../../test-kit.ts';
import { rankCases } from '../rank.case.ts';
import { commitOf, storeCases } from '../store.case.ts';
import { windowStoreCases } from '../window-store.case.ts';
import { DuckDbStore } from './duckdb-store.ts';

const storeIn = (folder: string): DuckDbStore =>
  new DuckDbStore({ path: join(folder, 'history.duckdb'), tempDir: join(folder, "tmp's") });

const makeStore = async () => {
  const dir = await tempDir();
  return { open: () => storeIn(dir.path), remove: () => dir[Symbol.asyncDispose]() };
};
storeCases('DuckDB', makeStore);
rankCases('DuckDB', makeStore);
windowStoreCases('DuckDB', makeStore);

describe('a DuckDB store', () => {
  const never = new AbortController().signal;
  let dir: Awaited<ReturnType<typeof tempDir>>;

  beforeEach(async () => {
    dir = await tempDir();
  });

  afterEach(async () => {
    await dir[Symbol.asyncDispose]();
  });

  const change = async (sql: string): Promise<void> => {
    const instance = await DuckDBInstance.create(join(dir.path, 'history.duckdb'));
    const connection = await instance.connect();
    await connection.run(sql);
    connection.closeSync();
    instance.closeSync();
  };

  it('refuses a schema of a newer version and leaves it as it is', async () => {
    const store = storeIn(dir.path);
    await store.open();
    await store.close();
    await change('UPDATE meta SET version = 99');
    await expect(store.open()).rejects.toMatchObject({ code: 'data_dir.newer' });
    await change('UPDATE meta SET version = 2');
    await store.open();
    await store.close();
  });

  it('refuses a file that is no database and does not touch it', async () => {
    const path = join(dir.path, 'history.duckdb');
    await writeFile(path, 'precious bytes of somebody '.repeat(1_000));
    const before = await readFile(path);
    await expect(storeIn(dir.path).open()).rejects.toMatchObject({ code: 'store.failed' });
    expect(await readFile(path)).toEqual(before);
  });

  it('refuses a truncated database and does not make a new one', async () => {
    const store = storeIn(dir.path);
    await store.open();
    const series = [{ id: 0, device: 'a', metric: 't', unit: '', kind: KIND_NUMBER }] as const;
    await store.commit(commitOf([[series[0], NOW, 1]], { series }));
    await store.close();
    const path = join(dir.path, 'history.duckdb');
    await writeFile(path, (await readFile(path)).subarray(0, 9_000));
    await expect(store.open()).rejects.toMatchObject({ code: 'store.failed' });
    expect((await stat(path)).size).toBe(9_000);
  });

  it('refuses a database that another process has open', async () => {
    const store = storeIn(dir.path);
    await store.open();
    const module = JSON.stringify(new URL('./duckdb-store.ts', import.meta.url).href);
    const paths = JSON.stringify({ path: join(dir.path, 'history.duckdb'), tempDir: join(dir.path, 'tmp2') });
    const code = `const { DuckDbStore } = await import(${module});
      await new DuckDbStore(${paths}).open().catch((cause) => console.log(cause.code));`;
    const other = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code]);
    expect(other.stdout.trim()).toBe('data_dir.in_use');
    await store.close();
  });

  it('answers nothing while it is closed', async () => {
    const store = storeIn(dir.path);
    const nothing = { series: [], from: 0, to: 1, limit: 1, descending: false };
    await expect(store.rows(nothing, never)).rejects.toMatchObject({ code: 'store.unavailable' });
  });

  it('merges window parts when they pile up, and answers as before', async () => {
    const store = storeIn(dir.path);
    await store.open();
    const series: Series = { id: 0, device: 'a', metric: 't', unit: '', kind: KIND_NUMBER };
    const base = Math.floor(NOW / WINDOW_MS) * WINDOW_MS;
    const early = commitOf([[series, base, 5]], { series: [series] });
    await store.commit(early);
    // Two minutes that take turns make a part of every reading.
    const many = commitOf([]);
    for (let at = 0; at < WINDOW_PARTS_MAX; at += 1) many.parts.add(0, base + (at % 2) * WINDOW_MS + 1, at);
    await store.commit(many);
    await store.commit(commitOf([[series, base + 1, 7]]));
    const bucket = (aggregate: 'count' | 'last' | 'min') =>
      store.rows(
        {
          series: [series],
          from: 0,
          to: base + 2 * WINDOW_MS,
          limit: 10,
          descending: false,
          bucket: { intervalMs: WINDOW_MS, aggregate },
        },
        never,
      );
    expect([...(await bucket('count')).value]).toEqual([WINDOW_PARTS_MAX / 2 + 2, WINDOW_PARTS_MAX / 2]);
    expect([...(await bucket('last')).value]).toEqual([7, WINDOW_PARTS_MAX - 1]);
    expect([...(await bucket('min')).value]).toEqual([0, 1]);
    await store.close();
    const instance = await DuckDBInstance.create(join(dir.path, 'history.duckdb'));
    const connection = await instance.connect();
    const counts = await connection.runAndReadAll(
      'SELECT (SELECT count(*) FROM window_rows)::INTEGER, (SELECT count(*) FROM window_parts)::INTEGER',
    );
    expect(counts.getRows()).toEqual([[2, 1]]);
    connection.closeSync();
    instance.closeSync();
  });
});
