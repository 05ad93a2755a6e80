import { join } from 'node:path';
import { DuckDBInstance, type DuckDBValue } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KIND_NUMBER, type Series } from '../../series.ts';
import { NOW, tempDir } from '../../test-kit.ts';
import { DuckDbStore } from './duckdb-store.ts';
import { FIRST_TABLES } from './schema.ts';

const series: Series = { id: 0, device: 'a', metric: 't', unit: '', kind: KIND_NUMBER };
const never = new AbortController().signal;

describe('a history of the first schema', () => {
  let dir: Awaited<ReturnType<typeof tempDir>>;

  beforeEach(async () => {
    dir = await tempDir();
  });

  afterEach(async () => {
    await dir[Symbol.asyncDispose]();
  });

  const storeAt = (name: string): DuckDbStore =>
    new DuckDbStore({ path: join(dir.path, name, 'h.duckdb'), tempDir: join(dir.path, name) });

  async function run(name: string, statements: readonly string[]): Promise<DuckDBValue[][]> {
    const instance = await DuckDBInstance.create(join(dir.path, name, 'h.duckdb'));
    const connection = await instance.connect();
    let rows: DuckDBValue[][] = [];
    for (const statement of statements) rows = (await connection.runAndReadAll(statement)).getRows();
    connection.closeSync();
    instance.closeSync();
    return rows;
  }

  /** Two minutes: three readings in two parts, then one huge reading. */
  async function makeOld(name: string): Promise<void> {
    // Its folder.
    const store = storeAt(name);
    await store.open();
    await store.close();
    const part = (count: number, values: readonly number[], ts: number): string =>
      `(0, ${NOW - (NOW % 60_000)}, ${count}, ${values.reduce((sum, value) => sum + value, 0)}, ${Math.min(...values)},
        ${Math.max(...values)}, ${values.at(-1)}, ${ts})`;
    await run(name, [...['windows', 'window_union'].map((view) => `DROP VIEW ${view}`), `SELECT 1`]);
    const tables = await run(name, ['SELECT table_name FROM duckdb_tables()']);
    await run(name, [
      ...tables.map(([table]) => `DROP TABLE ${String(table)}`),
      ...FIRST_TABLES,
      "INSERT INTO series VALUES (0, 'a', 't', '', 0)",
      `INSERT INTO readings VALUES (0, ${NOW}, 1), (0, ${NOW + 1}, 2), (0, ${NOW + 2}, 6), (0, ${NOW + 60_000}, 1.7e308)`,
      `INSERT INTO window_rows VALUES ${part(2, [1, 2], NOW + 1)}`,
      `INSERT INTO window_parts VALUES ${part(1, [6], NOW + 2)}`,
    ]);
  }

  it('opens with its readings, and knows the deviation of its minutes', async () => {
    await makeOld('old');
    const store = storeAt('old');
    expect((await store.open()).series).toEqual([series]);
    const bucket = async (aggregate: 'stddev' | 'sum' | 'last') => {
      const request = { series: [series], from: 0, to: NOW * 2, limit: 9, descending: false };
      const rows = await store.rows({ ...request, bucket: { intervalMs: 60_000, aggregate } }, never);
      return [...rows.value];
    };
    expect(await bucket('sum')).toEqual([9, 1.7e308]);
    expect(await bucket('last')).toEqual([6, 1.7e308]);
    expect((await bucket('stddev'))[0]).toBeCloseTo(Math.sqrt(7), 12);
    await store.close();
  });

  it('has the tables of a new one afterwards', async () => {
    await makeOld('old');
    for (const name of ['old', 'new']) {
      const store = storeAt(name);
      await store.open();
      await store.close();
    }
    const columns = `SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns()
      WHERE NOT internal ORDER BY ALL`;
    expect(await run('old', [columns])).toEqual(await run('new', [columns]));
    const version = await run('old', ['SELECT version FROM meta']);
    expect(version).toEqual(await run('new', ['SELECT version FROM meta']));
  });
});
