import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, it } from 'vitest';
import { NOW, tempDir } from '../../test-kit.ts';
import { ledgerCases } from '../ledger.case.ts';
import { quarantineCases } from '../quarantine.case.ts';
import { commitOf } from '../store.case.ts';
import { DuckDbStore } from './duckdb-store.ts';
import { FIRST_TABLES } from './schema.ts';

/** What is kept beside readings. */

const pathsIn = (folder: string) => ({ path: join(folder, 'history.duckdb'), tempDir: join(folder, 'tmp') });

const make = async () => {
  const dir = await tempDir();
  return {
    open: () => new DuckDbStore(pathsIn(dir.path)),
    remove: () => dir[Symbol.asyncDispose](),
  };
};

quarantineCases('DuckDB', make);
ledgerCases('DuckDB', make);

it('keeps the quarantine of the first schema: its reasons, which cannot be replayed, and can be dropped', async () => {
  await using dir = await tempDir();
  const instance = await DuckDBInstance.create(pathsIn(dir.path).path);
  const connection = await instance.connect();
  const reason = (seq: number, offset: number, item: number): string =>
    `INSERT INTO quarantine VALUES (${seq}, ${offset}, 'a', 't', ${NOW}, ${item}, 'reading.type', 'why', '{')`;
  for (const sql of [...FIRST_TABLES, reason(0, 5, 0), reason(1, 5, 1), reason(2, 9, -1)])
    await connection.run(sql);
  connection.closeSync();
  instance.closeSync();
  const store = new DuckDbStore(pathsIn(dir.path));
  await store.open();
  const never = new AbortController().signal;
  expect(await store.quarantine({}, 9, never)).toMatchObject([
    { offset: 9, index: -1, origin: 'a', replayable: false, profile: '' },
    { offset: 5, index: 0, sample: '{' },
    { offset: 5, index: 1 },
  ]);
  const { packets } = await store.asides({ filter: {}, after: -1, limit: 9, maxBytes: 9 });
  expect(packets).toMatchObject([
    { offset: 5, refused: 2, isStored: true, payload: undefined, part: undefined },
    { offset: 9, refused: 1 },
  ]);
  await store.commit(commitOf([], { released: [5, 9] }));
  expect(await store.quarantine({}, 9, never)).toEqual([]);
  await store.close();
});
