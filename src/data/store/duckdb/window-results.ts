import type { DuckDBAppender, DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import { WINDOW_REPLAY_ROWS, WINDOW_STATE_ROWS_MAX } from '../../../base/limits.ts';
import { problem } from '../../../model/errors.ts';
import { type Horizon, toldKey } from '../../pipeline/windows/window-engine.ts';
import type { WindowRows, WindowState } from '../../pipeline/windows/window-rows.ts';
import type { ToldWindow } from '../../pipeline/windows/window-set.ts';
import type { ReplayedReadings, StoredWindow, WindowStore, WindowsRequest } from '../window-store.ts';
import { appendColumns, itemsOf } from './chunks.ts';
import type { Sources } from './sources.ts';

/**
 * Declared windows in DuckDB. Both tables are append-only: of the rows of one window, or state, the last one counts.
 * Rows are written by the one writer, in the transaction of the readings they follow from.
 */

export const WINDOW_TABLES: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS window_results (series UINTEGER NOT NULL, name VARCHAR NOT NULL, start BIGINT NOT NULL,
     until BIGINT NOT NULL, count UINTEGER NOT NULL, min DOUBLE NOT NULL, max DOUBLE NOT NULL, mean DOUBLE NOT NULL,
     stddev DOUBLE NOT NULL, last DOUBLE NOT NULL, last_ts BIGINT NOT NULL, revision UINTEGER NOT NULL,
     cause UINTEGER NOT NULL, quantiles VARCHAR NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS window_states (series UINTEGER NOT NULL, name VARCHAR NOT NULL,
     definition VARCHAR NOT NULL, floor BIGINT NOT NULL, retired UTINYINT NOT NULL)`,
];

/** The writing half, on the connection of the one writer. */
export class WindowWriter {
  readonly #results: DuckDBAppender;
  readonly #states: DuckDBAppender;
  readonly #connection: DuckDBConnection;
  /** Rows of states that are not the newest of theirs, and some that are. */
  #stateRows = 0;

  private constructor(connection: DuckDBConnection, results: DuckDBAppender, states: DuckDBAppender) {
    this.#connection = connection;
    this.#results = results;
    this.#states = states;
  }

  static async open(connection: DuckDBConnection): Promise<WindowWriter> {
    const writer = new WindowWriter(
      connection,
      await connection.createAppender('window_results'),
      await connection.createAppender('window_states'),
    );
    await writer.#deleteOldStates();
    return writer;
  }

  append(rows: WindowRows | undefined, states: readonly WindowState[] | undefined): void {
    if (rows !== undefined && rows.size > 0) appendResults(this.#results, rows);
    if (states === undefined || states.length === 0) return;
    appendStates(this.#states, states);
    this.#stateRows += states.length;
  }

  /** After a commit: a series that falls silent each hour leaves a row each time. */
  async tidy(): Promise<void> {
    if (this.#stateRows >= WINDOW_STATE_ROWS_MAX) await this.#deleteOldStates();
  }

  async #deleteOldStates(): Promise<void> {
    await this.#connection.run(
      `DELETE FROM window_states WHERE rowid NOT IN (SELECT max(rowid) FROM window_states GROUP BY series, name)`,
    );
    this.#stateRows = 0;
  }

  close(): void {
    for (const appender of [this.#results, this.#states]) {
      // After a failed commit there may be rows in it that must not be written behind its back.
      appender.clear();
      appender.closeSync();
    }
  }
}

function appendResults(appender: DuckDBAppender, rows: WindowRows): void {
  const columns = [
    { type: 'uint', data: rows.series },
    { type: 'text', data: rows.names },
    { type: 'long', data: rows.start },
    { type: 'long', data: rows.end },
    { type: 'uint', data: rows.count },
    { type: 'double', data: rows.min },
    { type: 'double', data: rows.max },
    { type: 'double', data: rows.mean },
    { type: 'double', data: rows.stddev },
    { type: 'double', data: rows.last },
    { type: 'long', data: rows.lastTs },
    { type: 'uint', data: rows.revision },
    { type: 'uint', data: rows.cause },
    { type: 'text', data: rows.quantiles },
  ] as const;
  appendColumns(appender, columns, rows.size);
  appender.flushSync();
}

function appendStates(appender: DuckDBAppender, states: readonly WindowState[]): void {
  const columns = [
    { type: 'uint', data: Uint32Array.from(states, ({ series }) => series) },
    { type: 'text', data: states.map(({ name }) => name) },
    { type: 'text', data: states.map(({ definition }) => definition) },
    { type: 'long', data: Float64Array.from(states, ({ floor }) => floor) },
    { type: 'tiny', data: Uint8Array.from(states, ({ isRetired }) => (isRetired ? 1 : 0)) },
  ] as const;
  appendColumns(appender, columns, states.length);
  appender.flushSync();
}

/** Runs a query on a connection of its own. */
type Read = <T>(
  signal: AbortSignal,
  run: (connection: DuckDBConnection, sources: Sources) => Promise<T>,
) => Promise<T>;

const FAR_FUTURE_MS = Number.MAX_SAFE_INTEGER;

export class WindowResults implements WindowStore {
  readonly #read: Read;

  constructor(read: Read) {
    this.#read = read;
  }

  windows(request: WindowsRequest, signal: AbortSignal): Promise<readonly StoredWindow[]> {
    const { series, name, from, to, limit, descending } = request;
    if (series.length === 0) return Promise.resolve([]);
    const values: DuckDBValue[] = [BigInt(from), BigInt(to), BigInt(limit)];
    if (name !== undefined) values.push(name);
    const ids = series.map(({ id }) => String(Math.trunc(id))).join(', ');
    const direction = descending ? 'DESC' : 'ASC';
    return this.#read(signal, async (connection) => {
      const reader = await connection.runAndReadAll(
        `SELECT series, name, start::DOUBLE, until::DOUBLE, count, min, max, mean, stddev, last, last_ts::DOUBLE,
           revision, cause, quantiles
         FROM (SELECT *, row_number() OVER (PARTITION BY series, name, start ORDER BY rowid DESC) AS age
           FROM window_results WHERE series IN (${ids}) AND start >= $1 AND start < $2
           ${name === undefined ? '' : 'AND name = $4'})
         WHERE age = 1 AND count > 0 ORDER BY start ${direction}, series, name LIMIT $3`,
        values,
      );
      return reader.getRows().map(toStoredWindow);
    });
  }

  windowStates(): Promise<readonly WindowState[]> {
    return this.#read(never(), async (connection) => {
      const reader = await connection.runAndReadAll(
        `SELECT series, name, arg_max(definition, rowid), arg_max(floor, rowid)::DOUBLE, arg_max(retired, rowid)
         FROM window_states GROUP BY series, name`,
      );
      return reader.getRows().map(
        ([series, name, definition, floor, retired]): WindowState => ({
          series: Number(series),
          name: String(name),
          definition: String(definition),
          floor: Number(floor),
          isRetired: Number(retired) === 1,
        }),
      );
    });
  }

  /** From the minutes: a sixtieth of the readings, or less. */
  newestTimes(): Promise<ReadonlyMap<number, number>> {
    return this.#read(never(), async (connection) => {
      const reader = await connection.runAndReadAll(
        `SELECT series, max(last_ts)::DOUBLE FROM window_union
         WHERE series IN (SELECT series FROM window_states) GROUP BY series`,
      );
      return new Map(reader.getRows().map(([series, ts]) => [Number(series), Number(ts)]));
    });
  }

  replay(horizons: readonly Horizon[], each: (readings: ReplayedReadings) => void): Promise<void> {
    const since = horizons.reduce((least, horizon) => Math.min(least, horizon.since), FAR_FUTURE_MS);
    let runs = 0;
    return this.#read(never(), async (connection, sources) => {
      runs += 1;
      // Readings that were handed on cannot be taken back: the store is opened again, and all begins anew.
      if (runs > 1) throw problem('store.failed', 'history was moved while open windows were read');
      await this.#keepHorizons(connection, horizons);
      const numbers = sources.numbers(since, FAR_FUTURE_MS);
      const bounds = await connection.runAndReadAll(
        `SELECT min(seq)::DOUBLE, max(seq)::DOUBLE FROM ${numbers} WHERE ts >= ${Math.max(0, since)}`,
      );
      const [first, last] = bounds.getRows()[0] ?? [];
      if (first === null || first === undefined) return;
      // In slices: put in order as a whole, a week of readings would not fit into memory.
      for (let from = Number(first); from <= Number(last); from += WINDOW_REPLAY_ROWS) {
        const result = await connection.run(
          `SELECT r.series, r.ts::DOUBLE, r.value FROM ${numbers} r
           JOIN (SELECT series, min(since) AS since FROM window_horizons GROUP BY series) h
             ON h.series = r.series AND r.ts >= h.since
           WHERE r.ts >= ${Math.max(0, since)} AND r.seq >= ${from} AND r.seq < ${from + WINDOW_REPLAY_ROWS} ORDER BY r.seq`,
        );
        for (const chunk of await result.fetchAllChunks()) {
          if (chunk.rowCount === 0) continue;
          each({
            size: chunk.rowCount,
            series: itemsOf(chunk.getColumnVector(0), Uint32Array),
            ts: itemsOf(chunk.getColumnVector(1), Float64Array),
            value: itemsOf(chunk.getColumnVector(2), Float64Array),
          });
        }
      }
    });
  }

  toldWindows(horizons: readonly Horizon[]): Promise<ReadonlyMap<string, readonly ToldWindow[]>> {
    return this.#read(never(), async (connection) => {
      await this.#keepHorizons(connection, horizons);
      const reader = await connection.runAndReadAll(
        `SELECT w.series, w.name, w.start::DOUBLE, arg_max(w.revision, w.rowid), arg_max(w.count, w.rowid)
         FROM window_results w JOIN window_horizons h
           ON h.series = w.series AND h.name = w.name AND w.start >= h.since
         GROUP BY w.series, w.name, w.start HAVING arg_max(w.count, w.rowid) > 0`,
      );
      const told = new Map<string, ToldWindow[]>();
      for (const [series, name, start, revision, count] of reader.getRows()) {
        const key = toldKey(Number(series), String(name));
        const windows = told.get(key) ?? [];
        windows.push({ start: Number(start), revision: Number(revision), count: Number(count) });
        told.set(key, windows);
      }
      return told;
    });
  }

  async #keepHorizons(connection: DuckDBConnection, horizons: readonly Horizon[]): Promise<void> {
    await connection.run(
      'CREATE OR REPLACE TEMP TABLE window_horizons (series UINTEGER, name VARCHAR, since BIGINT)',
    );
    const appender = await connection.createAppender('window_horizons', 'main', 'temp');
    const columns = [
      { type: 'uint', data: Uint32Array.from(horizons, ({ series }) => series) },
      { type: 'text', data: horizons.map(({ name }) => name) },
      { type: 'long', data: Float64Array.from(horizons, ({ since }) => Math.max(0, since)) },
    ] as const;
    appendColumns(appender, columns, horizons.length);
    appender.closeSync();
  }
}

/** A start is not a query: it takes as long as it takes. */
const never = (): AbortSignal => new AbortController().signal;

function toStoredWindow(row: readonly DuckDBValue[]): StoredWindow {
  const [series, name, start, end, count, min, max, mean, stddev, last, lastTs, revision, cause, quantiles] =
    row;
  return {
    series: Number(series),
    name: String(name),
    start: Number(start),
    end: Number(end),
    count: Number(count),
    min: Number(min),
    max: Number(max),
    mean: Number(mean),
    stddev: Number(stddev),
    last: Number(last),
    lastTs: Number(lastTs),
    revision: Number(revision),
    cause: Number(cause),
    quantiles: String(quantiles),
  };
}
