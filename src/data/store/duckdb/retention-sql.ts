import { RETENTION_ROW_GROUP_ROWS } from '../../../base/limits.ts';
import { HOUR_MS } from '../../../model/reading.ts';
import { type Cutoffs, LEVEL_OF, type PartitionKind } from '../retention-store.ts';
import { mergedParts } from './parts-sql.ts';

/**
 * The statements of retention: which rows of the database may leave it, what a partition holds, what is expired. The
 * newest text and the newest minute of each series never leave: they are its last value. Temporary tables of the
 * connection hold what varies: `cutoffs` (series with times of their own) and `newest_texts`, `newest_minutes`.
 */

interface KindSql {
  readonly tables: readonly string[];
  readonly time: string;
  /** Of a partition. */
  readonly columns: readonly string[];
  /** Rows of the database, with `seq` for the order of arrival. */
  readonly rows: string;
  /** Rows of the database that stay whatever their age. */
  readonly newest?: string;
}

const PART_COLUMNS = ['series', 'start', 'count', 'sum', 'min', 'max', 'last', 'last_ts', 'm2'];

export const KINDS: Readonly<Record<PartitionKind, KindSql>> = {
  numbers: {
    tables: ['readings'],
    time: 'ts',
    columns: ['series', 'ts', 'value'],
    rows: 'SELECT *, rowid AS seq FROM readings',
  },
  texts: {
    tables: ['texts'],
    time: 'ts',
    columns: ['series', 'ts', 'text'],
    rows: 'SELECT *, rowid AS seq FROM texts',
    newest: 'newest_texts',
  },
  minutes: {
    tables: ['window_rows', 'window_parts'],
    time: 'start',
    columns: PART_COLUMNS,
    rows: 'SELECT *, arrival AS seq FROM window_union',
    newest: 'newest_minutes',
  },
  hours: {
    tables: ['window_hours'],
    time: 'start',
    columns: [...PART_COLUMNS, 'source'],
    rows: 'SELECT *, rowid AS seq FROM window_hours',
  },
};

export const PARTITION_KINDS = Object.keys(KINDS) as readonly PartitionKind[];

export interface TimeRange {
  readonly from: number;
  readonly to: number;
}

export const NEWEST_TABLES: readonly string[] = [
  'CREATE OR REPLACE TEMP TABLE newest_texts AS SELECT series, max(ts) AS time_ms FROM texts GROUP BY series',
  'CREATE OR REPLACE TEMP TABLE newest_minutes AS SELECT series, max(start) AS time_ms FROM window_union GROUP BY series',
];

/** Rows of the database in the range that may leave it; as a relation, with `time_ms` for their time. */
export function movableRows(kind: PartitionKind, { from, to }: TimeRange): string {
  const { rows, time, newest } = KINDS[kind];
  const leaves =
    newest === undefined
      ? ''
      : `AND EXISTS (SELECT 1 FROM ${newest} n WHERE n.series = r.series AND r.${time} < n.time_ms)`;
  return `(SELECT *, ${time} AS time_ms FROM (${rows}) r WHERE ${time} >= ${from} AND ${time} < ${to} ${leaves})`;
}

/** Rows of partitions (a list of quoted paths by id), as above. */
export function partitionRows(kind: PartitionKind, paths: readonly string[]): string {
  const seq = '(file_index::BIGINT << 28) + file_row_number';
  const arrival = kind === 'minutes' ? `, (last_ts::HUGEINT << 48) + ${seq} AS arrival` : '';
  return `(SELECT *, ${KINDS[kind].time} AS time_ms, ${seq} AS seq ${arrival} FROM read_parquet([${paths.join(', ')}]))`;
}

/** `rows` with the time before which each is expired. */
function withCut(rows: string, kind: PartitionKind, { defaults }: Cutoffs): string {
  const level = LEVEL_OF[kind];
  return `(SELECT r.*, coalesce(c.${level}, ${defaults[level]}) AS cut
    FROM ${rows} r LEFT JOIN cutoffs c ON c.series = r.series)`;
}

export const expiredRows = (rows: string, kind: PartitionKind, cutoffs: Cutoffs): string =>
  `(SELECT * EXCLUDE (cut) FROM ${withCut(rows, kind, cutoffs)} WHERE time_ms < cut)`;

export const survivingRows = (rows: string, kind: PartitionKind, cutoffs: Cutoffs): string =>
  `(SELECT * EXCLUDE (cut) FROM ${withCut(rows, kind, cutoffs)} WHERE time_ms >= cut)`;

/** `rows` as a file: by series, time and arrival, so that a query for some series reads a small part of it. */
export function writePartition(rows: string, kind: PartitionKind, path: string): string {
  const { columns, time } = KINDS[kind];
  return `COPY (SELECT ${columns.join(', ')} FROM ${rows} ORDER BY series, ${time}, seq) TO ${path}
    (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${RETENTION_ROW_GROUP_ROWS})`;
}

/** Minutes with their parts added up, where there are several; `seq` has no meaning then. */
export function mergedMinutes(rows: string): string {
  const minutes = `(SELECT ${PART_COLUMNS.join(', ')}, arrival FROM ${rows})`;
  return `(SELECT *, 0 AS seq FROM (${mergedParts(minutes, 'start')}))`;
}

/** Hours of minutes that leave the database. `partition` is where those that are kept go. */
export function rollUp(rows: string, cutoffs: Cutoffs, partition: number): string {
  const minutes = `(SELECT ${PART_COLUMNS.join(', ')}, arrival FROM ${rows})`;
  const hours = mergedParts(minutes, `(start // ${HOUR_MS}) * ${HOUR_MS}`);
  return `INSERT INTO window_hours
    SELECT h.*, CASE WHEN h.start >= coalesce(c.minute, ${cutoffs.defaults.minute}) THEN ${partition} ELSE 0 END
    FROM (${hours}) h LEFT JOIN cutoffs c ON c.series = h.series ORDER BY h.start, h.series`;
}

/** Some declared windows whose minutes are over. */
export function deleteWindows({ defaults }: Cutoffs, limit: number): string {
  return `DELETE FROM window_results WHERE rowid IN (
    SELECT w.rowid FROM window_results w LEFT JOIN cutoffs c ON c.series = w.series
    WHERE w.until <= coalesce(c.minute, ${defaults.minute}) LIMIT ${limit})`;
}

/** The rows of `movableRows`, table by table. */
export function deleteRows(kind: PartitionKind, { from, to }: TimeRange): readonly string[] {
  const { tables, time, newest } = KINDS[kind];
  const inRange = (alias: string): string => `${alias}.${time} >= ${from} AND ${alias}.${time} < ${to}`;
  return tables.map((table) =>
    newest === undefined
      ? `DELETE FROM ${table} WHERE ${inRange(table)}`
      : `DELETE FROM ${table} USING ${newest} n
         WHERE ${inRange(table)} AND n.series = ${table}.series AND ${table}.${time} < n.time_ms`,
  );
}
