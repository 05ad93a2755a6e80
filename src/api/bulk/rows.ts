/**
 * A file of devices, row by row, as its bytes come: NDJSON, a JSON array, CSV. Promises that memory does not grow with the
 * file and that a row that cannot be read costs itself only. Knows columns, not what a device may be.
 */
import { CsvParser, type Row as CsvRow, guessDelimiter } from '../../base/csv.ts';
import { IMPORT_ROW_MAX_CHARS } from '../../base/limits.ts';
import { problem } from '../../model/errors.ts';
import { csvDevice, type Header, readHeader } from './csv-columns.ts';
import type { DeviceRow } from './device-row.ts';
import { JsonObjects } from './json-objects.ts';

export type TableFormat = 'json' | 'ndjson' | 'csv';

/** Text in pieces to rows. Throws SensoriumError `payload.not_utf8`, `payload.not_csv`. */
export async function* readRows(
  bytes: AsyncIterable<Uint8Array>,
  format: TableFormat,
): AsyncGenerator<DeviceRow> {
  const reader = format === 'csv' ? new CsvReader() : new JsonReader(format);
  for await (const text of decoded(bytes)) yield* reader.push(text);
  yield* reader.end();
}

async function* decoded(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  try {
    for await (const chunk of bytes) yield utf8.decode(chunk, { stream: true });
    yield utf8.decode();
  } catch (cause) {
    // TextDecoder says it so; whatever else the stream throws is its own.
    if (cause instanceof TypeError) throw problem('payload.not_utf8', 'The file is not UTF-8', { cause });
    throw cause;
  }
}

class JsonReader {
  readonly #objects: JsonObjects;

  constructor(format: 'json' | 'ndjson') {
    this.#objects = new JsonObjects({ byLine: format === 'ndjson' });
  }

  *push(text: string): Generator<DeviceRow> {
    for (const { line, text: json, fault } of this.#objects.push(text)) yield jsonRow(line, json, fault);
  }

  *end(): Generator<DeviceRow> {
    for (const { line, text: json, fault } of this.#objects.end()) yield jsonRow(line, json, fault);
  }
}

function jsonRow(line: number, text: string, fault: string | undefined): DeviceRow {
  if (fault !== undefined) return { line, fault };
  try {
    return { line, input: JSON.parse(text) };
  } catch (cause) {
    return { line, fault: cause instanceof Error ? cause.message : 'not JSON' };
  }
}

class CsvReader {
  #parser: CsvParser | undefined;
  #header: Header | undefined;
  /** Until the first line is whole: it says what stands between the cells. */
  #beginning = '';

  *push(text: string): Generator<DeviceRow> {
    if (this.#parser === undefined) {
      this.#beginning += text;
      if (!/[\r\n]/.test(this.#beginning)) {
        if (this.#beginning.length > IMPORT_ROW_MAX_CHARS)
          throw problem('payload.not_csv', 'The first line has no end');
        return;
      }
    }
    yield* this.#rows(this.#begin(text));
  }

  *end(): Generator<DeviceRow> {
    if (this.#parser === undefined) yield* this.#rows(this.#begin(''));
    yield* this.#rows(this.#parser?.end() ?? []);
  }

  #begin(text: string): readonly CsvRow[] {
    if (this.#parser !== undefined) return this.#parser.push(text);
    const [firstLine = ''] = this.#beginning.split(/[\r\n]/, 1);
    this.#parser = new CsvParser({ delimiter: guessDelimiter(firstLine) });
    return this.#parser.push(this.#beginning);
  }

  *#rows(rows: readonly CsvRow[]): Generator<DeviceRow> {
    for (const row of rows) {
      if (this.#header === undefined) this.#header = readHeader(row.cells);
      else
        yield row.fault === undefined ? csvDevice(row, this.#header) : { line: row.line, fault: row.fault };
    }
  }
}
