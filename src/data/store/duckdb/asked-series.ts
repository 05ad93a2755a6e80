import type { DuckDBConnection } from '@duckdb/node-api';
import { SERIES_IN_STATEMENT_MAX } from '../../../base/limits.ts';
import type { Series } from '../../series.ts';
import { appendColumns } from './chunks.ts';

/**
 * Which series a statement is about: named in its text, or, where they are many, in a temporary table of the connection.
 * (100,000 ids in the text take the planner 1.5 s, in the table 2 ms.)
 */

const ASKED_SERIES = 'asked_series';

/** For `series IN (…)`. After `nameSeries` with these series, or more. */
export const idsOf = (series: readonly Series[], toText: (id: number) => string): string =>
  series.length > SERIES_IN_STATEMENT_MAX
    ? `SELECT id FROM ${ASKED_SERIES}`
    : series.map(({ id }) => toText(id)).join(', ');

/** Before a statement about so many series; a few need nothing. */
export async function nameSeries(connection: DuckDBConnection, series: readonly Series[]): Promise<void> {
  if (series.length <= SERIES_IN_STATEMENT_MAX) return;
  await connection.run(`CREATE OR REPLACE TEMP TABLE ${ASKED_SERIES} (id UINTEGER NOT NULL)`);
  const appender = await connection.createAppender(ASKED_SERIES, 'main', 'temp');
  appendColumns(appender, [{ type: 'uint', data: Uint32Array.from(series, ({ id }) => id) }], series.length);
  appender.closeSync();
}
