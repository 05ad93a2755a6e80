import { BATCH_MAX_ITEMS } from '../../base/limits.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import { tooManyItems } from './bounds.ts';
import { type CsvRow, csvRows } from './csv-rows.ts';
import { numberOf } from './number-text.ts';
import type { ValueSink } from './sink.ts';
import { shown } from './text.ts';

/**
 * Telemetry as CSV with a header row: wide (`ts,temperature,humidity`) or long (`ts,metric,value[,unit]`).
 * Cells have no types, so that a cell that reads as a number is one, quoted or not.
 */

const TIME_COLUMNS = new Set(['ts', 'time', 'timestamp', 'date']);
/** As spreadsheets, pandas and R write them: numbers that are none, for the validate stage to name. */
const NOT_FINITE = /^[+-]?(?:nan|inf|infinity)$/i;

interface Columns {
  readonly names: readonly string[];
  /** Index of the time column, or -1. */
  readonly time: number;
  /** Indices of the long form; undefined = wide. */
  readonly long: { readonly metric: number; readonly value: number; readonly unit: number } | undefined;
}

export function decodeCsv(text: string, sink: ValueSink): SensoriumError | undefined {
  const rows = csvRows(text);
  const header = rows.next();
  if (header.done === true) return problem('payload.empty', 'there is no header row');
  const columns = readHeader(header.value);
  if (!('names' in columns)) return columns;
  let index = 0;
  for (const row of rows) {
    if (index === BATCH_MAX_ITEMS) return tooManyItems();
    const fault = row.fault ?? emitRow(index, row.cells, columns, sink);
    if (fault !== undefined) sink.reject(index, 'payload.not_csv', `line ${row.line}: ${fault}`);
    index += 1;
  }
  return index === 0 ? problem('payload.empty', 'there is no row below the header') : undefined;
}

function readHeader(row: CsvRow): Columns | SensoriumError {
  const { cells: names } = row;
  if (row.fault !== undefined) return problem('payload.not_csv', `header: ${row.fault}`);
  const wrong = names.find((name) => name === '' || numberOf(name) !== undefined);
  if (wrong !== undefined) {
    return problem('payload.not_csv', `the first line must name the columns, ${shown(wrong)} is no name`);
  }
  if (new Set(names).size !== names.length)
    return problem('payload.not_csv', 'two columns have the same name');
  if (names.length === 1 && names[0]?.includes(';')) {
    return problem('payload.not_csv', 'columns must be separated by commas, not semicolons');
  }
  const lower = names.map((name) => name.toLowerCase());
  const time = lower.findIndex((name) => TIME_COLUMNS.has(name));
  const metric = lower.indexOf('metric');
  const value = lower.indexOf('value');
  const unit = lower.indexOf('unit');
  const known = [time, metric, value, unit].filter((column) => column >= 0).length;
  const isLong = metric >= 0 && value >= 0 && known === names.length;
  if (time >= 0 && names.length === 1)
    return problem('payload.not_csv', 'there is no column beside the time');
  return { names, time, long: isLong ? { metric, value, unit } : undefined };
}

/** One row; returned: why nothing of it can be used. An empty cell is an absent value, not an error. */
function emitRow(
  index: number,
  cells: readonly string[],
  columns: Columns,
  sink: ValueSink,
): string | undefined {
  const { names, time, long } = columns;
  if (cells.length !== names.length) return `${cells.length} fields where the header has ${names.length}`;
  const ts = time === -1 ? undefined : cellTime(cells[time] ?? '');
  if (long !== undefined) {
    const metric = cells[long.metric] ?? '';
    const value = cells[long.value] ?? '';
    if (metric === '') return 'the metric is empty';
    if (value !== '') sink.value(index, metric, ts, cellValue(value), cells[long.unit] || undefined);
    return undefined;
  }
  for (const [column, name] of names.entries()) {
    const cell = cells[column] ?? '';
    if (column !== time && cell !== '') sink.value(index, name, ts, cellValue(cell));
  }
  return undefined;
}

function cellValue(cell: string): number | boolean | string {
  const number = numberOf(cell);
  if (number !== undefined) return number;
  if (/^true$/i.test(cell)) return true;
  if (/^false$/i.test(cell)) return false;
  return NOT_FINITE.test(cell) ? Number.NaN : cell;
}

/** Milliseconds as a number, ISO 8601 as text, nothing as undefined (the server's time is taken). */
const cellTime = (cell: string): number | string | undefined =>
  cell === '' ? undefined : (numberOf(cell) ?? cell);
