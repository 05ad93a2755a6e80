import { type DuckDBConnection, DuckDBVarCharVector } from '@duckdb/node-api';
import type { RankedSeries, SeriesRows } from '../store.ts';
import { itemsOf } from './chunks.ts';
import { NO_ROWS } from './merge.ts';

/** What statements over history answer, out of DuckDB as columns. It must not know what was asked. */

/** Runs a statement of (series, ts, value or text) and takes its vectors as they are. */
export async function readRows(connection: DuckDBConnection, sql: string | undefined): Promise<SeriesRows> {
  if (sql === undefined) return NO_ROWS;
  const result = await connection.run(sql);
  const chunks = await result.fetchAllChunks();
  const size = chunks.reduce((sum, chunk) => sum + chunk.rowCount, 0);
  const rows = {
    series: new Uint32Array(size),
    ts: new Float64Array(size),
    value: new Float64Array(size),
    text: new Map<number, string>(),
  };
  let at = 0;
  for (const chunk of chunks) {
    if (chunk.rowCount === 0) continue;
    const value = chunk.getColumnVector(2);
    rows.series.set(itemsOf(chunk.getColumnVector(0), Uint32Array), at);
    rows.ts.set(itemsOf(chunk.getColumnVector(1), Float64Array), at);
    if (value instanceof DuckDBVarCharVector) {
      for (let row = 0; row < chunk.rowCount; row += 1) rows.text.set(at + row, value.getItem(row) ?? '');
    } else {
      rows.value.set(itemsOf(value, Float64Array), at);
    }
    at += chunk.rowCount;
  }
  return rows;
}

/** Runs a statement of (series, value, readings). */
export async function readRanked(
  connection: DuckDBConnection,
  sql: string | undefined,
): Promise<readonly RankedSeries[]> {
  if (sql === undefined) return [];
  const found = await connection.runAndReadAll(sql);
  return found.getRows().map((row) => {
    const [series = 0, value = 0, count = 0] = row.map(Number);
    return { series, value, count };
  });
}
