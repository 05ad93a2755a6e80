import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { CsvParser, csvLine, guessDelimiter } from '../../base/csv.ts';
import { IMPORT_BATCH_MAX_ROWS, REPLAY_JSON_MAX_BYTES } from '../../base/limits.ts';
import { problem } from '../../model/errors.ts';
import { printBody, saveBody } from '../file-output.ts';
import { hasFields, isRecord, messageOf, parseJson } from '../foreign.ts';
import { EXIT_FAILURE, EXIT_OK, UsageError } from '../io.ts';
import type { ServerClient } from '../server.ts';
import type { Session } from '../session.ts';
import { printable } from '../table.ts';
import { formatCount } from '../values.ts';

type Format = 'csv' | 'json' | 'ndjson';

export interface ImportOptions {
  readonly format?: Format | undefined;
  readonly existing: 'refuse' | 'update' | 'skip';
  readonly dryRun?: boolean | undefined;
  readonly tokens?: string | undefined;
}

export interface ExportDevicesOptions {
  readonly text?: string | undefined;
  readonly parent?: string | undefined;
  readonly profile?: string | undefined;
  readonly tag?: readonly string[] | undefined;
  readonly group?: string | undefined;
  readonly identifier?: string | undefined;
  readonly format?: Format | undefined;
  readonly output?: string | undefined;
}

const PATH = '/api/v1/bulk/devices';
const MEDIA_TYPES = { csv: 'text/csv', ndjson: 'application/x-ndjson' } as const;

/** A row as text, and the line of the file it begins in. */
interface FileRow {
  readonly line: number;
  readonly text: string;
}

interface Table {
  readonly type: (typeof MEDIA_TYPES)[keyof typeof MEDIA_TYPES];
  /** Of CSV, in front of every batch. */
  readonly header: string;
  readonly rows: readonly FileRow[];
}

interface Outcome {
  readonly line: number;
  readonly id?: string;
  readonly status: string;
  readonly code?: string;
  readonly message?: string;
  readonly token?: string;
}

/** Registers what stands in a file; exit 1 where a row was refused. A dry run judges the file as a whole. */
export async function importDevices(file: string, options: ImportOptions, session: Session): Promise<number> {
  const format = options.format ?? formatOf(file);
  const { type, header, rows } = readTable(await readInput(file, session), format);
  const server = await session.server();
  const { existing, dryRun = false, tokens } = options;
  const query = { existing, dryRun, tokens: tokens !== undefined };
  const outcomes: Outcome[] = [];
  const size = dryRun ? Math.max(1, rows.length) : IMPORT_BATCH_MAX_ROWS;
  try {
    for (let from = 0; from < rows.length; from += size) {
      const batch = rows.slice(from, from + size);
      const body = header + batch.map(({ text }) => text).join('');
      const answers = await post(server, { body, contentType: type, query });
      for (const [at, answer] of answers.entries())
        outcomes.push({ ...answer, line: batch[at]?.line ?? answer.line });
    }
  } finally {
    if (tokens !== undefined) await saveTokens(resolve(session.io.cwd, tokens), outcomes);
  }
  return tell(outcomes, dryRun, session);
}

export async function exportDevices(options: ExportDevicesOptions, session: Session): Promise<number> {
  const server = await session.server();
  const { output, text, parent, profile, tag, group, identifier, format } = options;
  const query = { text, parent, profile, tag, group, identifier, format };
  const response = await server.request('GET', PATH, { query });
  if (output === undefined) await printBody(response, session.io);
  else {
    const bytes = await saveBody(response, output, session.io);
    if (session.json) session.answer({ file: output, bytes });
    else session.say(`${output}: ${formatCount(bytes)} bytes`);
  }
  return EXIT_OK;
}

type Posting = NonNullable<Parameters<ServerClient['request']>[2]>;

async function post(server: ServerClient, posting: Posting): Promise<readonly Outcome[]> {
  const response = await server.request('POST', PATH, posting);
  const lines = (await response.text()).trim().split('\n').map(parseJson).filter(isRecord);
  const { error } = lines.at(-1) ?? {};
  if (isRecord(error))
    throw problem('request.invalid', `[${String(error['code'])}] ${String(error['detail'])}`);
  return lines.filter((line) => hasFields<Outcome>(line, ['line', 'status']));
}

function tell(outcomes: readonly Outcome[], dryRun: boolean, session: Session): number {
  const counts: Record<string, number> = {};
  for (const { status } of outcomes) counts[status] = (counts[status] ?? 0) + 1;
  const refused = outcomes.filter(({ status }) => status === 'refused');
  if (session.json) {
    session.answer({ rows: outcomes.length, dryRun, ...counts, rejected: refused });
  } else {
    for (const { line, id = '', code = '', message = '' } of refused)
      session.note(`line ${line}: ${printable(id)} [${code}] ${printable(message)}`);
    const summary = Object.entries(counts).map(([status, count]) => `${formatCount(count)} ${status}`);
    session.say(`${dryRun ? 'nothing is written; ' : ''}${summary.join(', ') || 'no rows'}`);
  }
  return refused.length === 0 ? EXIT_OK : EXIT_FAILURE;
}

/** Whatever was made is kept, also when the import ends early: a token is shown only once. */
async function saveTokens(path: string, outcomes: readonly Outcome[]): Promise<void> {
  const rows = outcomes.flatMap(({ id, token }) =>
    id === undefined || token === undefined ? [] : [[id, token]],
  );
  try {
    await writeFile(path, [['id', 'token'], ...rows].map(csvLine).join(''), { mode: 0o600 });
  } catch (cause) {
    throw problem('file.unwritable', `${path}: ${messageOf(cause)}`, { cause });
  }
}

function formatOf(file: string): Format {
  const format = extname(file).slice(1).toLowerCase();
  if (format === 'csv' || format === 'json' || format === 'ndjson') return format;
  throw new UsageError(`--format: "${file}" does not say what it is: csv, json or ndjson`);
}

async function readInput(file: string, { io }: Session): Promise<string> {
  const input = file === '-' ? (io.stdin ?? process.stdin) : createReadStream(resolve(io.cwd, file));
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of input) {
      const piece = Buffer.from(chunk as Uint8Array | string);
      bytes += piece.length;
      if (bytes > REPLAY_JSON_MAX_BYTES)
        throw problem('payload.too_large', `${file}: more than 64 MiB; split it`);
      chunks.push(piece);
    }
  } catch (cause) {
    if (cause instanceof Error && 'syscall' in cause)
      throw problem('file.unreadable', `${file}: ${messageOf(cause)}`, { cause });
    throw cause;
  }
  return Buffer.concat(chunks).toString();
}

function readTable(text: string, format: Format): Table {
  if (format === 'csv') return csvTable(text);
  if (format === 'ndjson') {
    const lines = text.split('\n').map((line, at) => ({ line: at + 1, text: `${line.trim()}\n` }));
    return { type: MEDIA_TYPES.ndjson, header: '', rows: lines.filter((row) => row.text !== '\n') };
  }
  const list = parseJson(text);
  if (!Array.isArray(list)) throw problem('payload.not_json', 'The file is not a JSON array of devices');
  const rows = list.map((one, at) => ({ line: at + 1, text: `${JSON.stringify(one)}\n` }));
  return { type: MEDIA_TYPES.ndjson, header: '', rows };
}

function csvTable(text: string): Table {
  const [firstLine = ''] = text.split(/[\r\n]/, 1);
  const parser = new CsvParser({ delimiter: guessDelimiter(firstLine) });
  const [head, ...rows] = [...parser.push(text), ...parser.end()];
  const broken = rows.find(({ fault }) => fault !== undefined);
  if (broken !== undefined) throw problem('payload.not_csv', `line ${broken.line}: ${broken.fault}`);
  return {
    type: MEDIA_TYPES.csv,
    header: csvLine(head?.cells ?? []),
    rows: rows.map(({ line, cells }) => ({ line, text: csvLine(cells) })),
  };
}
