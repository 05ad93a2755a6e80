import type { DuckDBConnection } from '@duckdb/node-api';
import { problem } from '../../../model/errors.ts';
import { MIGRATIONS, SCHEMA_VERSION } from './migrations.ts';

/**
 * The first schema, as it was published; what came later is in migrations.ts.
 * Tables are append-only but for `progress` (one row), `preset_notes` and the bounded ones. Windows are kept in
 * parts: `window_parts` takes what each commit brings, `window_rows` what was merged of them. A window may have
 * several rows in both; `windows` adds them up. The order of arrival (rowid, parts after rows) decides which
 * reading of the same millisecond is the last one.
 */
export const FIRST_TABLES = [
  'CREATE TABLE meta (version INTEGER NOT NULL)',
  'INSERT INTO meta VALUES (1)',
  `CREATE TABLE series (id UINTEGER NOT NULL, device VARCHAR NOT NULL, metric VARCHAR NOT NULL,
     unit VARCHAR NOT NULL, kind UTINYINT NOT NULL)`,
  'CREATE TABLE readings (series UINTEGER NOT NULL, ts BIGINT NOT NULL, value DOUBLE NOT NULL)',
  'CREATE TABLE texts (series UINTEGER NOT NULL, ts BIGINT NOT NULL, text VARCHAR NOT NULL)',
  ...['window_rows', 'window_parts'].map(
    (
      table,
    ) => `CREATE TABLE ${table} (series UINTEGER NOT NULL, start BIGINT NOT NULL, count UINTEGER NOT NULL,
      sum DOUBLE NOT NULL, min DOUBLE NOT NULL, max DOUBLE NOT NULL, last DOUBLE NOT NULL, last_ts BIGINT NOT NULL)`,
  ),
  `CREATE VIEW window_union AS
     SELECT *, (last_ts::HUGEINT << 48) + rowid AS arrival FROM window_rows
     UNION ALL SELECT *, (last_ts::HUGEINT << 48) + (1::HUGEINT << 47) + rowid AS arrival FROM window_parts`,
  `CREATE VIEW windows AS
     SELECT series, start, sum(count)::BIGINT AS count, sum(sum) AS sum, min(min) AS min, max(max) AS max,
       arg_max(last, arrival) AS last, max(last_ts) AS last_ts
     FROM window_union GROUP BY series, start`,
  `CREATE TABLE quarantine (seq BIGINT NOT NULL, log_offset BIGINT NOT NULL, device VARCHAR NOT NULL,
     topic VARCHAR NOT NULL, received_at BIGINT NOT NULL, item INTEGER NOT NULL, code VARCHAR NOT NULL,
     message VARCHAR NOT NULL, sample VARCHAR NOT NULL)`,
  `CREATE TABLE progress (log_offset BIGINT NOT NULL, packets BIGINT NOT NULL, stored BIGINT NOT NULL,
     forwarded BIGINT NOT NULL, quarantined BIGINT NOT NULL, readings BIGINT NOT NULL, rejections BIGINT NOT NULL)`,
  'INSERT INTO progress VALUES (0, 0, 0, 0, 0, 0, 0)',
  'CREATE TABLE preset_notes (device VARCHAR NOT NULL, key VARCHAR NOT NULL, value VARCHAR NOT NULL)',
];

/** Makes or migrates the tables, in one transaction. Throws 'data_dir.newer' for those of a later version. */
export async function prepareSchema(connection: DuckDBConnection): Promise<void> {
  const found = await storedVersion(connection);
  if (found !== undefined && found > SCHEMA_VERSION) {
    throw problem('data_dir.newer', `history has schema ${found}, this version knows ${SCHEMA_VERSION}`);
  }
  if (found === SCHEMA_VERSION) return;
  const steps = MIGRATIONS.filter(({ version }) => version > (found ?? 1));
  await connection.run('BEGIN');
  if (found === undefined) for (const statement of FIRST_TABLES) await connection.run(statement);
  for (const { statements } of steps) for (const statement of statements) await connection.run(statement);
  await connection.run(`UPDATE meta SET version = ${SCHEMA_VERSION}`);
  await connection.run('COMMIT');
}

async function storedVersion(connection: DuckDBConnection): Promise<number | undefined> {
  const tables = await connection.runAndReadAll(
    "SELECT count(*)::INTEGER FROM duckdb_tables() WHERE table_name = 'meta'",
  );
  if (tables.getRows()[0]?.[0] === 0) return undefined;
  return Number((await connection.runAndReadAll('SELECT version FROM meta')).getRows()[0]?.[0]);
}
