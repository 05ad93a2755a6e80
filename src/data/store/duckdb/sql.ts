import { invariant } from '../../../base/invariant.ts';
import type { Aggregate } from '../../../model/ports/history.ts';
import { HOUR_MS, WINDOW_MS } from '../../../model/reading.ts';
import { KIND_TEXT, type Series } from '../../series.ts';
import type { RankRequest, RowsRequest } from '../store.ts';
import { idsOf } from './asked-series.ts';
import { MERGED_M2, unlessHuge, withMean } from './parts-sql.ts';
import type { Sources } from './sources.ts';

/**
 * The statements that read history. Only whole numbers of our own making (series ids, times, limits) stand in the
 * text; everything a user named is resolved to series ids before, or bound.
 */

const AGGREGATE_OF_ROWS: Readonly<Record<Aggregate, string>> = {
  avg: 'avg(value)',
  min: 'min(value)',
  max: 'max(value)',
  sum: 'sum(value)',
  count: 'count(*)',
  last: 'arg_max(value, arrival)',
  first: 'arg_min(value, arrival)',
  stddev: `coalesce(${unlessHuge('stddev_samp(value)')}, 0)`,
  p50: 'quantile_cont(value, 0.5)',
  p90: 'quantile_cont(value, 0.9)',
  p95: 'quantile_cont(value, 0.95)',
  p99: 'quantile_cont(value, 0.99)',
};

/** Those that minutes can be added up to. */
const AGGREGATE_OF_WINDOWS: Readonly<Partial<Record<Aggregate, string>>> = {
  avg: 'sum(sum) / sum(count)',
  min: 'min(min)',
  max: 'max(max)',
  sum: 'sum(sum)',
  count: 'sum(count)',
  last: 'arg_max(last, arrival)',
  stddev: `CASE WHEN sum(count) > 1 THEN sqrt((${MERGED_M2}) / (sum(count) - 1)) ELSE 0 END`,
};

function whole(value: number): string {
  invariant(Number.isSafeInteger(value) && value >= 0, `${value} cannot stand in a statement`);
  return String(value);
}

const ids = (series: readonly Series[]): string => idsOf(series, whole);
const numeric = (series: readonly Series[]): readonly Series[] =>
  series.filter(({ kind }) => kind !== KIND_TEXT);
const textual = (series: readonly Series[]): readonly Series[] =>
  series.filter(({ kind }) => kind === KIND_TEXT);

const within = (series: readonly Series[], time: string, from: number, to: number): string =>
  `series IN (${ids(series)}) AND ${time} >= ${whole(from)} AND ${time} < ${whole(to)}`;

const order = (request: RowsRequest, ties: string): string => {
  const direction = request.descending ? 'DESC' : 'ASC';
  return `ORDER BY r.ts ${direction}, ${ties} ${direction} LIMIT ${whole(request.limit)}`;
};

/** Raw numbers and booleans: series, ts, value. Undefined where none of the series has any. */
export function numbersSql(request: RowsRequest, sources: Sources): string | undefined {
  const series = numeric(request.series);
  if (series.length === 0) return undefined;
  return `SELECT series, ts::DOUBLE AS at, value FROM ${sources.numbers(request.from, request.to)} r
    WHERE ${within(series, 'ts', request.from, request.to)} ${order(request, 'seq')}`;
}

/** Raw texts: series, ts, text. */
export function textsSql(request: RowsRequest, sources: Sources): string | undefined {
  const series = textual(request.series);
  if (series.length === 0) return undefined;
  return `SELECT series, ts::DOUBLE AS at, text FROM ${sources.texts(request.from, request.to)} r
    WHERE ${within(series, 'ts', request.from, request.to)} ${order(request, 'seq')}`;
}

/** Buckets: series, ts (their start), value. */
export function bucketsSql(request: RowsRequest, sources: Sources): string | undefined {
  const series = numeric(request.series);
  if (series.length === 0) return undefined;
  return `SELECT series, ts::DOUBLE AS at, value FROM (${bucketRows(request, series, sources)}) r ${order(request, 'series')}`;
}

function bucketRows(request: RowsRequest, series: readonly Series[], sources: Sources): string {
  const { from, to, bucket } = request;
  invariant(bucket !== undefined, 'buckets need an interval');
  return aggregatedRows({ series, from, to, ...bucket }, sources);
}

interface Aggregated {
  /** Numbers and booleans. */
  readonly series: readonly Series[];
  readonly from: number;
  readonly to: number;
  readonly aggregate: Aggregate;
  /** Absent = the whole range is one bucket, whose `ts` is 0. */
  readonly intervalMs?: number | undefined;
}

/** series, ts (start of the bucket), value, readings (how many it was made of): from minutes where they answer exactly. */
function aggregatedRows(asked: Aggregated, sources: Sources): string {
  const { series, from, to, aggregate, intervalMs } = asked;
  const start = (time: string): string =>
    intervalMs === undefined ? '0' : `(${time} // ${whole(intervalMs)}) * ${whole(intervalMs)}`;
  const ofWindows = AGGREGATE_OF_WINDOWS[aggregate];
  const widthMs = intervalMs ?? HOUR_MS;
  const innerFrom = Math.ceil(from / WINDOW_MS) * WINDOW_MS;
  const innerTo = Math.floor(to / WINDOW_MS) * WINDOW_MS;
  const arrival = '(ts::HUGEINT << 48) + seq AS arrival';
  if (ofWindows === undefined || widthMs % WINDOW_MS !== 0 || innerFrom >= innerTo) {
    return `SELECT series, ts, ${AGGREGATE_OF_ROWS[aggregate]}::DOUBLE AS value, count(*) AS readings FROM (
      SELECT series, ${start('ts')} AS ts, value, ${arrival} FROM ${sources.numbers(from, to)}
      WHERE ${within(series, 'ts', from, to)})
      GROUP BY series, ts`;
  }
  // Whole minutes come from the windows, the ends of the range from the readings.
  const edge = (edgeFrom: number, edgeTo: number): string =>
    edgeFrom >= edgeTo
      ? ''
      : `UNION ALL SELECT series, ${start('ts')} AS bucket, 1, value, value, value, value, 0, ${arrival}
         FROM ${sources.numbers(edgeFrom, edgeTo)} WHERE ${within(series, 'ts', edgeFrom, edgeTo)}`;
  const rollups = sources
    .rollups({ ids: ids(series), intervalMs: widthMs, from: innerFrom, to: innerTo })
    .map(
      (part) => `SELECT series, ${start('start')} AS bucket, count, sum, min, max, last, m2, arrival
      FROM ${part.relation} WHERE ${within(series, 'start', part.from, part.to)}`,
    );
  const parts = `${rollups.join(' UNION ALL ')} ${edge(from, innerFrom)} ${edge(innerTo, to)}`;
  return `SELECT series, bucket AS ts, (${ofWindows})::DOUBLE AS value, sum(count) AS readings
    FROM (${aggregate === 'stddev' ? withMean(parts) : parts}) GROUP BY series, bucket`;
}

/** Series by an aggregate of each over the range, the first of them: series, value, readings. */
export function rankSql({ limit, descending, ...asked }: RankRequest, sources: Sources): string | undefined {
  const series = numeric(asked.series);
  if (series.length === 0) return undefined;
  return `SELECT r.series, r.value, r.readings::DOUBLE FROM (${aggregatedRows({ ...asked, series }, sources)}) r
    JOIN series s ON s.id = r.series
    ORDER BY r.value ${descending ? 'DESC' : 'ASC'}, s.device, r.series LIMIT ${whole(limit)}`;
}

/** The newest number of every series there is: series, ts, value. */
export const NEWEST_NUMBERS = `SELECT series, max(last_ts)::DOUBLE AS at, arg_max(last, arrival) AS value
  FROM window_union GROUP BY series`;

/** The newest text of each series: series, ts, text. */
export function latestTextsSql(all: readonly Series[]): string | undefined {
  const series = textual(all);
  if (series.length === 0) return undefined;
  return `SELECT series, max(ts)::DOUBLE AS at, arg_max(text, (ts::HUGEINT << 48) + rowid) AS text FROM texts
    WHERE series IN (${ids(series)}) GROUP BY series ORDER BY series`;
}

/** A path inside a statement; it is made by us, its folder is not. */
const quoted = (path: string): string => `'${path.replaceAll("'", "''")}'`;

/** Numbers as people write them: 21, not 21.0. An average of booleans is a number. */
const textOfValue = (isRaw: boolean): string => `CASE s.kind WHEN 2 THEN r.text
  ${isRaw ? "WHEN 1 THEN CASE WHEN r.value = 0 THEN 'false' ELSE 'true' END" : ''}
  ELSE regexp_replace(r.value::VARCHAR, '\\.0$', '') END`;

/** The rows of a request into a file: device, metric, ts, value, unit (Parquet: value as number, text beside it). */
export function fileSql(
  request: RowsRequest,
  {
    format,
    path,
    sources,
  }: { readonly format: 'csv' | 'parquet'; readonly path: string; readonly sources: Sources },
): string {
  const { series, from, to, bucket } = request;
  const numbers = numeric(series);
  const texts = bucket === undefined ? textual(series) : [];
  const selects = [
    'SELECT 0::UINTEGER AS series, 0::BIGINT AS ts, 0::DOUBLE AS value, NULL::VARCHAR AS text, 0 AS seq WHERE false',
  ];
  if (numbers.length > 0 && bucket !== undefined) {
    selects.push(`SELECT series, ts, value, NULL, series FROM (${bucketRows(request, numbers, sources)})`);
  } else if (numbers.length > 0) {
    selects.push(
      `SELECT series, ts, value, NULL, seq FROM ${sources.numbers(from, to)}
       WHERE ${within(numbers, 'ts', from, to)}`,
    );
  }
  if (texts.length > 0) {
    selects.push(
      `SELECT series, ts, NULL, text, seq + (1::BIGINT << 46) FROM ${sources.texts(from, to)}
       WHERE ${within(texts, 'ts', from, to)}`,
    );
  }
  const value =
    format === 'csv' ? `${textOfValue(bucket === undefined)} AS value` : 'r.value AS value, r.text AS text';
  const options = format === 'csv' ? 'FORMAT csv, HEADER' : 'FORMAT parquet';
  return `COPY (SELECT s.device AS device, s.metric AS metric, r.ts AS ts, ${value}, nullif(s.unit, '') AS unit
    FROM (${selects.join(' UNION ALL ')}) r JOIN series s ON s.id = r.series ${order(request, 'seq')})
    TO ${quoted(path)} (${options})`;
}
