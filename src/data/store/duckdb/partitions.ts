import type { DuckDBConnection } from '@duckdb/node-api';
import { LEVEL_OF, type Partition, type PartitionKind } from '../retention-store.ts';
import type { PartitionFolder } from './partition-files.ts';

/**
 * The catalogue of Parquet partitions: which files hold history beside the database, in tables and as the queries
 * see it. A file counts from the commit that says `live`, the one that takes its rows out of the database, until the
 * commit that says `removed`. It knows nothing of why something is moved.
 */

/**
 * `origins`: the ids that its rows first came with. They outlive rewriting and merging: hour roll-ups name them as the
 * partition of their minutes, and they keep the order of arrival. `partial`: some series were taken out since.
 */
export const PARTITION_TABLES: readonly string[] = [
  'CREATE SEQUENCE IF NOT EXISTS partition_ids START 1',
  `CREATE TABLE IF NOT EXISTS partitions (id UINTEGER NOT NULL, kind VARCHAR NOT NULL, state VARCHAR NOT NULL,
     path VARCHAR NOT NULL, from_ts BIGINT NOT NULL, to_ts BIGINT NOT NULL, rows BIGINT NOT NULL,
     bytes BIGINT NOT NULL, origins UINTEGER[] NOT NULL, partial BOOLEAN NOT NULL)`,
  'CREATE TABLE IF NOT EXISTS window_hours AS SELECT *, 0::UINTEGER AS source FROM window_rows LIMIT 0',
];

/** A file to be. */
export type Announced = Pick<PartitionFile, 'id' | 'path'>;

export interface PartitionFile extends Partition {
  /** Below the folder of partitions. */
  readonly path: string;
  readonly origins: readonly number[];
  readonly partial: boolean;
}

/** What there is beside the tables of readings. */
export interface Holdings {
  readonly partitions: readonly PartitionFile[];
  /** Whether there are hours in the database. */
  readonly hasHours: boolean;
}

export const NO_HOLDINGS: Holdings = { partitions: [], hasHours: false };

const COLUMNS = `id, kind, path, from_ts::DOUBLE, to_ts::DOUBLE, rows::DOUBLE, bytes::DOUBLE,
  array_to_string(origins, ' '), partial`;

/** Live partitions in order of arrival: a rewritten one stands where the newest of those it was made of stood. */
export async function readHoldings(connection: DuckDBConnection): Promise<Holdings> {
  const partitions = await connection.runAndReadAll(
    `SELECT ${COLUMNS} FROM partitions WHERE state = 'live' ORDER BY list_max(origins)`,
  );
  const hours = await connection.runAndReadAll('SELECT 1 FROM window_hours LIMIT 1');
  return { partitions: partitions.getRows().map(toPartition), hasHours: hours.currentRowCount > 0 };
}

/**
 * Removes files of steps that did not end, and of partitions that count no more: those with these ids, or all. What
 * counts stays, whatever the caller thinks.
 */
export async function removeLeftovers(
  connection: DuckDBConnection,
  folder: PartitionFolder,
  ids?: ReadonlySet<number>,
): Promise<void> {
  const reader = await connection.runAndReadAll("SELECT id, path FROM partitions WHERE state <> 'live'");
  const found = reader.getRows().map(([id, path]) => ({ id: Number(id), path: String(path) }));
  const gone = ids === undefined ? found : found.filter(({ id }) => ids.has(id));
  if (gone.length === 0) return;
  await folder.remove(gone.map(({ path }) => path));
  const named = gone.map(({ id }) => id).join(', ');
  await connection.run(`DELETE FROM partitions WHERE state <> 'live' AND id IN (${named})`);
}

/** Says that a file is about to be written. Committed at once: what a crash leaves behind is known. */
export async function announcePartition(
  connection: DuckDBConnection,
  kind: PartitionKind,
  period: string,
): Promise<Announced> {
  const path = `'${LEVEL_OF[kind]}/${kind === 'texts' ? 'texts/' : ''}${period}/' || id || '.parquet'`;
  const made = await connection.runAndReadAll(
    `INSERT INTO partitions SELECT id, '${kind}', 'writing', ${path}, 0, 0, 0, 0, [], false
       FROM (SELECT nextval('partition_ids')::UINTEGER AS id) RETURNING id, path`,
  );
  const [id, name] = made.getRows()[0] ?? [];
  return { id: Number(id), path: String(name) };
}

/** The commit it is part of makes the file count. */
export async function admitPartition(connection: DuckDBConnection, file: PartitionFile): Promise<void> {
  const { id, from, to, rows, bytes, origins, partial } = file;
  await connection.run(
    `UPDATE partitions SET state = 'live', from_ts = ${from}, to_ts = ${to}, rows = ${rows}, bytes = ${bytes},
       origins = [${origins.join(', ')}], partial = ${partial} WHERE id = ${id}`,
  );
}

/** The commit it is part of makes the files count no more. */
export async function dismissPartitions(connection: DuckDBConnection, ids: readonly number[]): Promise<void> {
  await connection.run(`UPDATE partitions SET state = 'removed' WHERE id IN (${ids.join(', ')})`);
}

function toPartition(row: readonly unknown[]): PartitionFile {
  const [id, kind, path, from, to, rows, bytes, origins, partial] = row;
  return {
    id: Number(id),
    kind: String(kind) as PartitionKind,
    path: String(path),
    from: Number(from),
    to: Number(to),
    rows: Number(rows),
    bytes: Number(bytes),
    origins: String(origins).split(' ').filter(Boolean).map(Number),
    partial: partial === true,
  };
}
