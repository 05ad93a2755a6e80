import { stat } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import { RETENTION_DAMAGED_NAMED_MAX, RETENTION_STEP_MAX_ROWS } from '../../../base/limits.ts';
import type { HistoryBytes, LevelStatus } from '../../../model/ports/retention.ts';
import { WINDOW_MS } from '../../../model/reading.ts';
import { RETENTION_LEVELS } from '../../../model/retention.ts';
import { type Cutoffs, LEVEL_OF, type PartitionKind, type Slice } from '../retention-store.ts';
import { appendColumns } from './chunks.ts';
import type { HoldingsView } from './holdings-view.ts';
import type { PartitionFile } from './partitions.ts';
import { KINDS, movableRows, NEWEST_TABLES, PARTITION_KINDS, type TimeRange } from './retention-sql.ts';

/** What retention looks at before it does anything: how much there is, how old, how large. Changes nothing durable. */

const DAY_MS = 86_400_000;

/** The part of a year that rows of one partition share: a UTC day, of hours a month. */
export function periodOf(kind: PartitionKind, time: number): TimeRange & { readonly name: string } {
  const day = new Date(time).toISOString().slice(0, 10);
  if (kind !== 'hours') {
    const from = Math.floor(time / DAY_MS) * DAY_MS;
    return { from, to: from + DAY_MS, name: `day=${day}` };
  }
  const from = Date.parse(`${day.slice(0, 7)}-01T00:00:00Z`);
  const next = new Date(from);
  return { from, to: next.setUTCMonth(next.getUTCMonth() + 1), name: `month=${day.slice(0, 7)}` };
}

/** The earliest and the latest time before which rows of a kind are expired, over all series. */
export function cutSpan(kind: PartitionKind, { defaults, overrides }: Cutoffs): TimeRange {
  const level = LEVEL_OF[kind];
  let from = defaults[level];
  let to = from;
  for (const times of overrides.values()) {
    from = Math.min(from, times[level]);
    to = Math.max(to, times[level]);
  }
  return { from, to };
}

/** Makes the temporary tables that the statements of retention join. */
export async function prepareTables(connection: DuckDBConnection, { overrides }: Cutoffs): Promise<void> {
  await connection.run(
    'CREATE OR REPLACE TEMP TABLE cutoffs (series UINTEGER, raw BIGINT, minute BIGINT, hour BIGINT)',
  );
  const times = [...overrides.values()];
  const appender = await connection.createAppender('cutoffs', 'main', 'temp');
  appendColumns(
    appender,
    [
      { type: 'uint', data: Uint32Array.from(overrides.keys()) },
      ...RETENTION_LEVELS.map(
        (level) => ({ type: 'long', data: Float64Array.from(times, (cut) => cut[level]) }) as const,
      ),
    ],
    times.length,
  );
  appender.closeSync();
  for (const statement of NEWEST_TABLES) await connection.run(statement);
}

/** Time of the newest reading, to the minute; 0 = none. After `prepareTables`. */
export async function newestTime(connection: DuckDBConnection): Promise<number> {
  const [row] = await numbers(
    connection,
    'SELECT greatest((SELECT max(time_ms) FROM newest_texts), (SELECT max(time_ms) FROM newest_minutes))',
  );
  return row?.[0] ?? 0;
}

/** Rows of the database from before a time that may leave it, in slices of a period or less. */
export async function readSlices(
  connection: DuckDBConnection,
  kind: PartitionKind,
  before: number,
): Promise<readonly Slice[]> {
  const rows = movableRows(kind, { from: 0, to: before });
  const days = await numbers(
    connection,
    `SELECT (time_ms // ${DAY_MS}) * ${DAY_MS} AS day, count(*) FROM ${rows} GROUP BY day ORDER BY day`,
  );
  const periods = new Map<number, number>();
  for (const [day = 0, count = 0] of days) {
    const { from } = periodOf(kind, day);
    periods.set(from, (periods.get(from) ?? 0) + count);
  }
  const slices: Slice[] = [];
  for (const [start, count] of periods) {
    const { from, to } = periodOf(kind, start);
    const period = { kind, from, to: Math.min(to, before), rows: count };
    if (count <= RETENTION_STEP_MAX_ROWS) slices.push(period);
    else slices.push(...(await cutUp(connection, period)));
  }
  return slices;
}

/** By whole minutes. One minute is never cut, however many rows it has. */
async function cutUp(connection: DuckDBConnection, { kind, from, to }: Slice): Promise<readonly Slice[]> {
  const minutes = await numbers(
    connection,
    `SELECT (time_ms // ${WINDOW_MS}) * ${WINDOW_MS} AS minute, count(*) FROM ${movableRows(kind, { from, to })}
     GROUP BY minute ORDER BY minute`,
  );
  const slices: Slice[] = [];
  let begin = from;
  let rows = 0;
  for (const [minute = 0, count = 0] of minutes) {
    if (rows > 0 && rows + count > RETENTION_STEP_MAX_ROWS) {
      slices.push({ kind, from: begin, to: minute, rows });
      begin = minute;
      rows = 0;
    }
    rows += count;
  }
  return [...slices, { kind, from: begin, to, rows }];
}

/** What history takes on disk. */
export async function readBytes(
  connection: DuckDBConnection,
  path: string,
  files: readonly PartitionFile[],
): Promise<HistoryBytes> {
  const [row] = await numbers(
    connection,
    'SELECT block_size * used_blocks, block_size * free_blocks FROM pragma_database_size()',
  );
  const [used = 0, reusable = 0] = row ?? [];
  const wal = await stat(`${path}.wal`).then(
    ({ size }) => size,
    () => 0,
  );
  const partitions = files.reduce((sum, { bytes }) => sum + bytes, 0);
  return { total: used + wal + partitions, used, reusable, wal, partitions };
}

/** Bytes of a row in the database, as measured over mixed values. */
const ROW_BYTES: Readonly<Record<PartitionKind, number>> = { numbers: 9, texts: 24, minutes: 40, hours: 44 };

/** What rows of the database take there, by estimate: together not more than it takes. */
export async function rowBytes(
  connection: DuckDBConnection,
  used: number,
): Promise<(kind: PartitionKind, rows: number) => number> {
  let estimate = 0;
  for (const kind of PARTITION_KINDS) {
    const [row] = await numbers(connection, `SELECT count(*) FROM (${KINDS[kind].rows})`);
    estimate += (row?.[0] ?? 0) * ROW_BYTES[kind];
  }
  const scale = estimate > used ? used / estimate : 1;
  return (kind, rows) => Math.round(rows * ROW_BYTES[kind] * scale);
}

export async function readLevels(
  connection: DuckDBConnection,
  files: readonly PartitionFile[],
): Promise<readonly LevelStatus[]> {
  const levels: LevelStatus[] = [];
  for (const level of RETENTION_LEVELS) {
    const kinds = PARTITION_KINDS.filter((kind) => LEVEL_OF[kind] === level);
    const own = files.filter(({ kind }) => LEVEL_OF[kind] === level);
    const spans: TimeRange[] = [...own];
    let rows = own.reduce((sum, file) => sum + file.rows, 0);
    for (const kind of kinds) {
      const { rows: table, time } = KINDS[kind];
      const [row] = await numbers(
        connection,
        `SELECT count(*), min(${time}), max(${time}) + 1 FROM (${table})`,
      );
      const [count = 0, from = 0, to = 0] = row ?? [];
      rows += count;
      if (count > 0) spans.push({ from, to });
    }
    levels.push({
      level,
      ...(spans.length > 0 && {
        oldestMs: Math.min(...spans.map(({ from }) => from)),
        newestMs: Math.max(...spans.map(({ to }) => to)) - 1,
      }),
      rows,
      partitions: own.length,
      partitionBytes: own.reduce((sum, file) => sum + file.bytes, 0),
    });
  }
  return levels;
}

/** Files that are not there as they were written, by path. */
export function namedDamage({ damaged }: HoldingsView): readonly string[] {
  const named = damaged.slice(0, RETENTION_DAMAGED_NAMED_MAX).map(({ path }) => path);
  const others = damaged.length - named.length;
  return others > 0 ? [...named, `and ${others} more`] : named;
}

/** How many rows a relation has, and their times: of the first, and just after the last. */
export async function spanOf(
  connection: DuckDBConnection,
  relation: string,
): Promise<TimeRange & { readonly rows: number }> {
  const [row] = await numbers(connection, `SELECT count(*), min(time_ms), max(time_ms) + 1 FROM ${relation}`);
  const [rows = 0, from = 0, to = 0] = row ?? [];
  return { rows, from, to };
}

/** Rows of a statement as numbers; NULL = 0. */
export async function numbers(
  connection: DuckDBConnection,
  sql: string,
): Promise<readonly (readonly number[])[]> {
  const reader = await connection.runAndReadAll(sql);
  return reader.getRows().map((row) => row.map((value) => Number(value ?? 0)));
}

/** Rows that a statement wrote or deleted. */
export async function changed(connection: DuckDBConnection, statement: string): Promise<number> {
  const [row] = await numbers(connection, statement);
  return row?.[0] ?? 0;
}
