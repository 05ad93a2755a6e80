import { createReadStream } from 'node:fs';
import { access, open, readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { CsvParser, guessDelimiter, type Row } from '../../base/csv.ts';
import { REPLAY_JSON_MAX_BYTES } from '../../base/limits.ts';
import { problem } from '../../model/errors.ts';
import { isRecord, messageOf, parseJson } from '../foreign.ts';

/** A file as a table of text cells: named columns and rows that can be read more than once. */
export interface TableFile {
  readonly path: string;
  readonly columns: readonly string[];
  rows(): AsyncIterable<Row>;
}

const HEAD_BYTES = 65_536;

/**
 * Opens a CSV (or TSV, or semicolon) file with a header, a JSON array of flat records, or NDJSON. Throws
 * `file.unreadable`, `payload.not_csv`, `payload.not_json` or `payload.too_large`.
 */
export async function openTableFile(file: string, cwd: string): Promise<TableFile> {
  const path = await findFile(file, cwd);
  const kind = extname(path).toLowerCase();
  if (kind === '.json') return recordTable(path, parseRecords(await readText(path), path));
  if (kind === '.ndjson' || kind === '.jsonl') return recordTable(path, parseLines(await readText(path)));
  return csvTable(path);
}

/** The file, or the data set of that name that the npm package vega-datasets ships, if that is installed. */
async function findFile(file: string, cwd: string): Promise<string> {
  const path = resolve(cwd, file);
  if (await isThere(path)) return path;
  const sample = basename(file) === file ? sampleFile(file) : undefined;
  if (sample !== undefined && (await isThere(sample))) return sample;
  throw problem('file.unreadable', `${file} does not exist`);
}

function sampleFile(name: string): string | undefined {
  try {
    const entry = createRequire(import.meta.url).resolve('vega-datasets');
    return join(dirname(entry), '..', 'data', name);
  } catch {
    return undefined;
  }
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > REPLAY_JSON_MAX_BYTES) {
      throw problem(
        'payload.too_large',
        `${path}: JSON up to 64 MiB; larger files as CSV, which is streamed`,
      );
    }
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

async function csvTable(path: string): Promise<TableFile> {
  const delimiter = guessDelimiter(await headerLine(path));
  const rows = async function* (): AsyncGenerator<Row> {
    const parser = new CsvParser({ delimiter });
    try {
      const stream = createReadStream(path, { encoding: 'utf8' });
      for await (const text of stream) yield* parser.push(String(text));
    } catch (cause) {
      throw unreadable(path, cause);
    }
    yield* parser.end();
  };
  for await (const header of rows()) {
    const columns = header.cells.map((cell) => cell.trim());
    if (header.fault !== undefined || columns.every((column) => column === '' || isNumber(column))) {
      const why = header.fault ?? 'its first line holds no column names';
      throw problem('payload.not_csv', `${path}: ${why}`);
    }
    return { path, columns, rows: () => skipFirst(rows()) };
  }
  throw problem('payload.not_csv', `${path} is empty`);
}

async function headerLine(path: string): Promise<string> {
  try {
    await using file = await open(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.toString('utf8', 0, bytesRead).split(/[\r\n]/, 1)[0] ?? '';
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

const isNumber = (text: string): boolean => text !== '' && Number.isFinite(Number(text));

async function* skipFirst(rows: AsyncIterable<Row>): AsyncGenerator<Row> {
  let first = true;
  for await (const row of rows) {
    if (!first) yield row;
    first = false;
  }
}

function unreadable(path: string, cause: unknown): Error {
  if (cause instanceof Error && cause.name === 'SensoriumError') return cause;
  return problem('file.unreadable', `${path}: ${messageOf(cause)}`, { cause });
}

function parseRecords(text: string, path: string): readonly unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (cause) {
    throw problem('payload.not_json', `${path}: ${messageOf(cause)}`, { cause });
  }
  if (!Array.isArray(value)) throw problem('payload.not_json', `${path} must be an array of records`);
  return value;
}

/** A line that is no JSON becomes an unusable record, not the end of the file. */
function parseLines(text: string): readonly unknown[] {
  return text
    .replace(/^\ufeff/, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map(parseJson);
}

/** Nested values have no cell; `line` counts records. */
function recordTable(path: string, records: readonly unknown[]): TableFile {
  const columns = new Map<string, number>();
  for (const record of records) {
    if (!isRecord(record)) continue;
    for (const name of Object.keys(record)) if (!columns.has(name)) columns.set(name, columns.size);
  }
  const names = [...columns.keys()];
  const toRow = (record: unknown, index: number): Row => {
    if (!isRecord(record)) return { line: index + 1, cells: [], fault: 'not a JSON object' };
    return { line: index + 1, cells: names.map((name) => cellOf(record[name])) };
  };
  const rows = async function* (): AsyncGenerator<Row> {
    for (const [index, record] of records.entries()) yield toRow(record, index);
  };
  return { path, columns: names, rows };
}

const cellOf = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
