import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type DuckDBConnection,
  DuckDBInstance,
  type DuckDBValue,
  DuckDBVarCharVector,
} from '@duckdb/node-api';
import { invariant } from '../../../base/invariant.ts';
import { STORE_CHECKPOINT_MIB, STORE_MEMORY_MIB, STORE_THREADS } from '../../../base/limits.ts';
import { type ErrorCode, problem } from '../../../model/errors.ts';
import type { HistoryTotals, QuarantineRow } from '../../../model/ports/history.ts';
import type { Note } from '../../pipeline/preset-notes.ts';
import type { Series, SeriesKind } from '../../series.ts';
import type { RowsRequest, SeriesRows, Store, StoreCommit, StoreState } from '../store.ts';
import { itemsOf } from './chunks.ts';
import { openFault, writeFault } from './faults.ts';
import { mergeRows, NO_ROWS } from './merge.ts';
import { prepareSchema } from './schema.ts';
import { bucketsSql, fileSql, latestNumbersSql, latestTextsSql, numbersSql, textsSql } from './sql.ts';
import { Writer } from './writer.ts';

interface DuckDbStoreOptions {
  /** The database file. */
  readonly path: string;
  /** A folder of our own for exports and for what does not fit into memory; emptied at start. */
  readonly tempDir: string;
  /** The write-ahead log grows to this before it is worked into the file. */
  readonly checkpointMib?: number | undefined;
}

interface Opened {
  readonly instance: DuckDBInstance;
  readonly writer: Writer;
}

/** History in one DuckDB file. One per process: DuckDB locks the file against other processes only. */
export class DuckDbStore implements Store {
  readonly #path: string;
  readonly #tempDir: string;
  readonly #checkpointMib: number;
  #opened: Opened | undefined;
  #idle: DuckDBConnection[] = [];
  readonly #busy = new Map<DuckDBConnection, Promise<unknown>>();
  #files = 0;

  constructor(options: DuckDbStoreOptions) {
    this.#path = options.path;
    this.#tempDir = options.tempDir;
    this.#checkpointMib = options.checkpointMib ?? STORE_CHECKPOINT_MIB;
  }

  async open(): Promise<StoreState> {
    invariant(this.#opened === undefined, 'the store is open already');
    let instance: DuckDBInstance | undefined;
    try {
      await this.#emptyTempDir();
      instance = await DuckDBInstance.create(this.#path, {
        threads: String(STORE_THREADS),
        memory_limit: `${STORE_MEMORY_MIB}MiB`,
        checkpoint_threshold: `${this.#checkpointMib}MiB`,
        temp_directory: join(this.#tempDir, 'spill'),
        autoinstall_known_extensions: 'false',
        autoload_known_extensions: 'false',
      });
      const connection = await instance.connect();
      await lockDown(connection, this.#tempDir);
      await prepareSchema(connection);
      const state = await readState(connection);
      this.#opened = { instance, writer: await Writer.open(connection) };
      return state;
    } catch (cause) {
      instance?.closeSync();
      throw openFault(this.#path, cause);
    }
  }

  async commit(commit: StoreCommit): Promise<void> {
    const { writer } = this.#open();
    try {
      await writer.commit(commit);
    } catch (cause) {
      throw writeFault(cause);
    }
  }

  rows(request: RowsRequest, signal: AbortSignal): Promise<SeriesRows> {
    return this.#query(signal, async (connection) => {
      if (request.bucket !== undefined) return read(connection, bucketsSql(request));
      const numbers = await read(connection, numbersSql(request));
      const texts = await read(connection, textsSql(request));
      return mergeRows(numbers, texts, request);
    });
  }

  latest(series: readonly Series[], signal: AbortSignal): Promise<SeriesRows> {
    return this.#query(signal, async (connection) => {
      const numbers = await read(connection, latestNumbersSql(series));
      const texts = await read(connection, latestTextsSql(series));
      return mergeRows(numbers, texts, { limit: series.length, descending: false });
    });
  }

  file(
    request: RowsRequest,
    format: 'csv' | 'parquet',
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    this.#files += 1;
    const path = join(this.#tempDir, `export-${this.#files}.${format}`);
    return this.#query(signal, async (connection) => {
      try {
        await connection.run(fileSql(request, format, path));
        return new Uint8Array(await readFile(path));
      } finally {
        await rm(path, { force: true });
      }
    });
  }

  quarantine(
    device: string | undefined,
    limit: number,
    signal: AbortSignal,
  ): Promise<readonly QuarantineRow[]> {
    const where = device === undefined ? '' : 'WHERE device = $2';
    const values: DuckDBValue[] = [BigInt(limit)];
    if (device !== undefined) values.push(device);
    return this.#query(signal, async (connection) => {
      const reader = await connection.runAndReadAll(
        `SELECT log_offset::DOUBLE, device, topic, received_at::DOUBLE, item, code, message, sample
         FROM quarantine ${where} ORDER BY seq DESC LIMIT $1`,
        values,
      );
      return reader.getRows().map(toQuarantineRow);
    });
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    if (opened === undefined) return;
    this.#opened = undefined;
    for (const connection of this.#busy.keys()) connection.interrupt();
    await Promise.allSettled(this.#busy.values());
    for (const connection of this.#idle) connection.closeSync();
    this.#idle = [];
    try {
      opened.writer.close();
    } finally {
      opened.instance.closeSync();
    }
  }

  #open(): Opened {
    if (this.#opened === undefined) throw problem('store.unavailable', 'history is not open');
    return this.#opened;
  }

  /** On a connection of its own, interrupted when the signal says so. How many run at once is the caller's. */
  async #query<T>(signal: AbortSignal, run: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const { instance } = this.#open();
    const connection = this.#idle.pop() ?? (await instance.connect());
    const interrupt = (): void => connection.interrupt();
    signal.addEventListener('abort', interrupt);
    const running = run(connection);
    this.#busy.set(connection, running);
    try {
      signal.throwIfAborted();
      return await running;
    } finally {
      signal.removeEventListener('abort', interrupt);
      await running.catch(() => undefined);
      this.#busy.delete(connection);
      if (this.#opened?.instance === instance) this.#idle.push(connection);
      else connection.closeSync();
    }
  }

  async #emptyTempDir(): Promise<void> {
    await mkdir(this.#tempDir, { recursive: true });
    for (const name of await readdir(this.#tempDir)) {
      if (name === 'spill' || name.startsWith('export-')) {
        await rm(join(this.#tempDir, name), { recursive: true, force: true });
      }
    }
  }
}

/** Files are read and written in our own folder only, and no statement can change that. */
async function lockDown(connection: DuckDBConnection, folder: string): Promise<void> {
  await connection.run(`SET allowed_directories = ['${folder.replaceAll("'", "''")}']`);
  await connection.run('SET enable_external_access = false');
  await connection.run('SET lock_configuration = true');
}

async function readState(connection: DuckDBConnection): Promise<StoreState> {
  const progress = await connection.runAndReadAll(
    `SELECT log_offset::DOUBLE, packets::DOUBLE, stored::DOUBLE, forwarded::DOUBLE, quarantined::DOUBLE,
       readings::DOUBLE, rejections::DOUBLE FROM progress`,
  );
  const row = progress.getRows()[0];
  invariant(row !== undefined, 'progress has one row');
  const [offset = 0, packets = 0, stored = 0, forwarded = 0, quarantined = 0, readings = 0, rejections = 0] =
    row.map(Number);
  const totals: HistoryTotals = { offset, packets, stored, forwarded, quarantined, readings, rejections };
  const series = await connection.runAndReadAll(
    'SELECT id, device, metric, unit, kind FROM series ORDER BY id',
  );
  const notes = await connection.runAndReadAll('SELECT device, key, value FROM preset_notes');
  return {
    totals,
    series: series.getRows().map(toSeries),
    notes: notes.getRows().map(toNote),
  };
}

const toSeries = ([id, device, metric, unit, kind]: readonly DuckDBValue[]): Series => ({
  id: Number(id),
  device: String(device),
  metric: String(metric),
  unit: String(unit),
  kind: Number(kind) as SeriesKind,
});

const toNote = ([device, key, value]: readonly DuckDBValue[]): Note => ({
  device: String(device),
  key: String(key),
  value: String(value),
});

function toQuarantineRow(row: readonly DuckDBValue[]): QuarantineRow {
  const [offset, device, topic, receivedAt, index, code, message, sample] = row;
  return {
    offset: Number(offset),
    device: String(device),
    topic: String(topic),
    receivedAt: Number(receivedAt),
    index: Number(index),
    code: String(code) as ErrorCode,
    message: String(message),
    sample: String(sample),
  };
}

/** Runs a statement of (series, ts, value or text) and takes its vectors as they are. */
async function read(connection: DuckDBConnection, sql: string | undefined): Promise<SeriesRows> {
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
