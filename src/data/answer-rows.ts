import type { Aggregate, DeviceLatest, RankedDevice, ReadingRow } from '../model/ports/history.ts';
import type { ReadingValue } from '../model/reading.ts';
import type { RankedRow, RowColumns } from './protocol.ts';
import { KIND_BOOLEAN, KIND_TEXT, type Series } from './series.ts';

/**
 * Columns of the data worker as rows for people. `isKept`: a boolean series answers booleans; its averages, sums and
 * counts are numbers.
 */

const KEEPING: ReadonlySet<Aggregate | undefined> = new Set([undefined, 'first', 'last', 'min', 'max']);

/** Whether this aggregate of booleans is a boolean; undefined = readings as they came. */
export const keepsKind = (aggregate: Aggregate | undefined): boolean => KEEPING.has(aggregate);

export function toRows(columns: RowColumns, isKept: boolean): ReadingRow[] {
  const dictionary = dictionaryOf(columns);
  const rows: ReadingRow[] = [];
  for (let row = 0; row < columns.ts.length; row += 1) {
    const series = dictionary.get(columns.series[row] ?? 0);
    if (series !== undefined) rows.push(toRow(columns, row, series, isKept));
  }
  return rows;
}

/** Last values, device by device in the order of ids. */
export function latestByDevice(columns: RowColumns): readonly DeviceLatest[] {
  const dictionary = dictionaryOf(columns);
  const devices = new Map<string, ReadingRow[]>();
  for (let row = 0; row < columns.ts.length; row += 1) {
    const series = dictionary.get(columns.series[row] ?? 0);
    if (series === undefined) continue;
    const known = devices.get(series.device) ?? [];
    devices.set(series.device, known);
    known.push(toRow(columns, row, series, true));
  }
  return [...devices]
    .map(([device, rows]) => ({ device, readings: newestPerMetric(rows) }))
    .toSorted((a, b) => (a.device < b.device ? -1 : 1));
}

/** A metric that was sent in several units or kinds has several series: the newest speaks for it. */
export function newestPerMetric(rows: readonly ReadingRow[]): readonly ReadingRow[] {
  const newest = new Map<string, ReadingRow>();
  for (const row of rows) {
    const known = newest.get(row.metric);
    if (known === undefined || row.ts >= known.ts) newest.set(row.metric, row);
  }
  return [...newest.values()];
}

export function toRanked({ series, value, count }: RankedRow, isKept: boolean): RankedDevice {
  const { device, unit } = series;
  const told = kept(value, series, isKept);
  return unit === '' ? { device, value: told, count } : { device, value: told, unit, count };
}

const dictionaryOf = ({ dictionary }: RowColumns): ReadonlyMap<number, Series> =>
  new Map(dictionary.map((series) => [series.id, series]));

function toRow(columns: RowColumns, row: number, series: Series, isKept: boolean): ReadingRow {
  const { metric, unit, kind } = series;
  const ts = columns.ts[row] ?? 0;
  const value =
    kind === KIND_TEXT ? (columns.text.get(row) ?? '') : kept(columns.value[row] ?? 0, series, isKept);
  return unit === '' ? { metric, ts, value } : { metric, ts, value, unit };
}

const kept = (value: number, { kind }: Series, isKept: boolean): ReadingValue =>
  kind === KIND_BOOLEAN && isKept ? value !== 0 : value;
