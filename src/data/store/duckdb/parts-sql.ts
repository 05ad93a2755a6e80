/**
 * Minute parts in SQL: their table, and how parts become one. `m2` is the sum of squared deviations from the part's own
 * mean: unlike a sum of squares it keeps its digits where values are large and close together (101,325 Pa, counters).
 */

const COLUMNS = `series UINTEGER NOT NULL, start BIGINT NOT NULL, count UINTEGER NOT NULL, sum DOUBLE NOT NULL,
  min DOUBLE NOT NULL, max DOUBLE NOT NULL, last DOUBLE NOT NULL, last_ts BIGINT NOT NULL, m2 DOUBLE NOT NULL`;

/** Which of two readings came later: time, then order of arrival (below 2^47). */
export const ARRIVAL = '(last_ts::HUGEINT << 48) + rowid';

/**
 * Parts of `source` (columns of the table, and `arrival`) merged per series and `start`, an expression over the columns.
 * Chan, Golub, LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances" (1979): M2 of a
 * union is the sum of the parts' M2, and of n × (mean − mean of all)².
 */
export const mergedParts = (source: string, start: string): string =>
  `SELECT series, bucket AS start, sum(count)::UINTEGER AS count, sum(sum) AS sum, min(min) AS min, max(max) AS max,
     arg_max(last, arrival) AS last, max(last_ts) AS last_ts, ${MERGED_M2} AS m2
   FROM (${withMean(`SELECT *, ${start} AS bucket FROM ${source}`)}) GROUP BY series, bucket`;

/** Adds `mean`: that of all parts of the same series and bucket. */
export const withMean = (parts: string): string =>
  `SELECT *, sum(sum) OVER same / sum(count) OVER same AS mean FROM (${parts})
   WINDOW same AS (PARTITION BY series, bucket)`;

/** M2 of a group of parts with their common `mean` beside them. */
export const MERGED_M2 = 'sum(m2) + sum(count * (sum / count - mean) * (sum / count - mean))';

/** DuckDB's deviations fail where squares leave the range of a double: infinite then, as one would compute it. */
export const unlessHuge = (deviation: string): string =>
  `CASE WHEN max(abs(value)) < 1e150 THEN ${deviation.replace('(value)', '(value) FILTER (WHERE abs(value) < 1e150)')}
   ELSE 'Infinity'::DOUBLE END`;

/** Version 1 had no `m2`. It kept every reading: the parts are made anew from them. */
export const PARTS_WITH_M2: readonly string[] = [
  'DROP VIEW windows',
  'DROP VIEW window_union',
  ...['window_rows', 'window_parts'].flatMap((table) => [
    `DROP TABLE ${table}`,
    `CREATE TABLE ${table} (${COLUMNS})`,
  ]),
  `INSERT INTO window_rows
     SELECT series, ts - ts % 60000 AS start, count(*), sum(value), min(value), max(value),
       arg_max(value, (ts::HUGEINT << 48) + rowid), max(ts), ${unlessHuge('count(*) * var_pop(value)')}
     FROM readings GROUP BY series, start ORDER BY start, series`,
  `CREATE VIEW window_union AS
     SELECT *, ${ARRIVAL} AS arrival FROM window_rows
     UNION ALL SELECT *, ${ARRIVAL} + (1::HUGEINT << 47) AS arrival FROM window_parts`,
  `CREATE VIEW windows AS ${mergedParts('window_union', 'start')}`,
];
