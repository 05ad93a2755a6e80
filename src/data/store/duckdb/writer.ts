import type { DuckDBAppender, DuckDBConnection, DuckDBPreparedStatement } from '@duckdb/node-api';
import { QUARANTINE_MAX_ROWS, WINDOW_PARTS_MAX } from '../../../base/limits.ts';
import type { HistoryTotals, QuarantineRow } from '../../../model/ports/history.ts';
import type { Note } from '../../pipeline/preset-notes.ts';
import type { WindowParts } from '../../pipeline/window-parts.ts';
import type { Series } from '../../series.ts';
import type { StoreCommit } from '../store.ts';
import { appendColumns } from './chunks.ts';

const MERGE_PARTS = `INSERT INTO window_rows
  SELECT series, start, count, sum, min, max, last, last_ts FROM (
    SELECT series, start, sum(count)::UINTEGER AS count, sum(sum) AS sum, min(min) AS min, max(max) AS max,
      arg_max(last, (last_ts::HUGEINT << 48) + rowid) AS last, max(last_ts) AS last_ts
    FROM window_parts GROUP BY series, start) ORDER BY start, series`;

interface Statements {
  readonly begin: DuckDBPreparedStatement;
  readonly commit: DuckDBPreparedStatement;
  readonly progress: DuckDBPreparedStatement;
  readonly forgetNote: DuckDBPreparedStatement;
  readonly keepNote: DuckDBPreparedStatement;
}

type Table = 'series' | 'readings' | 'texts' | 'window_parts' | 'quarantine';

/** The one writer of the store: everything of a commit, log offset included, in one transaction. */
export class Writer {
  readonly #connection: DuckDBConnection;
  readonly #statements: Statements;
  readonly #appenders: Readonly<Record<Table, DuckDBAppender>>;
  #parts: number;
  #quarantineFirst: number;
  #quarantineNext: number;

  private constructor(
    connection: DuckDBConnection,
    statements: Statements,
    appenders: Readonly<Record<Table, DuckDBAppender>>,
    counts: { readonly parts: number; readonly quarantineFirst: number; readonly quarantineNext: number },
  ) {
    this.#connection = connection;
    this.#statements = statements;
    this.#appenders = appenders;
    this.#parts = counts.parts;
    this.#quarantineFirst = counts.quarantineFirst;
    this.#quarantineNext = counts.quarantineNext;
  }

  static async open(connection: DuckDBConnection): Promise<Writer> {
    const statements = {
      begin: await connection.prepare('BEGIN'),
      commit: await connection.prepare('COMMIT'),
      progress: await connection.prepare(
        `UPDATE progress SET log_offset = $1, packets = $2, stored = $3, forwarded = $4, quarantined = $5,
           readings = $6, rejections = $7`,
      ),
      forgetNote: await connection.prepare('DELETE FROM preset_notes WHERE device = $1 AND key = $2'),
      keepNote: await connection.prepare('INSERT INTO preset_notes VALUES ($1, $2, $3)'),
    };
    const appenders = {
      series: await connection.createAppender('series'),
      readings: await connection.createAppender('readings'),
      texts: await connection.createAppender('texts'),
      window_parts: await connection.createAppender('window_parts'),
      quarantine: await connection.createAppender('quarantine'),
    };
    const counted = await connection.runAndReadAll(
      `SELECT (SELECT count(*) FROM window_parts)::DOUBLE,
         (SELECT coalesce(min(seq), 0) FROM quarantine)::DOUBLE,
         (SELECT coalesce(max(seq) + 1, 0) FROM quarantine)::DOUBLE`,
    );
    const [parts, quarantineFirst, quarantineNext] = (counted.getRows()[0] ?? []).map(Number);
    return new Writer(connection, statements, appenders, {
      parts: parts ?? 0,
      quarantineFirst: quarantineFirst ?? 0,
      quarantineNext: quarantineNext ?? 0,
    });
  }

  async commit(commit: StoreCommit): Promise<void> {
    await this.#statements.begin.run();
    this.#appendSeries(commit.series);
    this.#appendNumbers(commit.numbers);
    this.#appendTexts(commit.texts);
    this.#appendParts(commit.parts);
    this.#appendQuarantine(commit.quarantine);
    await this.#trimQuarantine();
    for (const note of commit.notes) await this.#writeNote(note);
    await this.#writeProgress(commit.totals);
    await this.#statements.commit.run();
    if (this.#parts >= WINDOW_PARTS_MAX) await this.#mergeParts();
  }

  close(): void {
    for (const appender of Object.values(this.#appenders)) {
      // After a failed commit there may be rows in it that must not be written behind its back.
      appender.clear();
      appender.closeSync();
    }
    this.#connection.closeSync();
  }

  #appendSeries(series: readonly Series[]): void {
    if (series.length === 0) return;
    const columns = [
      { type: 'uint', data: Uint32Array.from(series, ({ id }) => id) },
      { type: 'text', data: series.map(({ device }) => device) },
      { type: 'text', data: series.map(({ metric }) => metric) },
      { type: 'text', data: series.map(({ unit }) => unit) },
      { type: 'tiny', data: Uint8Array.from(series, ({ kind }) => kind) },
    ] as const;
    appendColumns(this.#appenders.series, columns, series.length);
    this.#appenders.series.flushSync();
  }

  #appendNumbers({ size, series, ts, value }: StoreCommit['numbers']): void {
    if (size === 0) return;
    const columns = [
      { type: 'uint', data: series },
      { type: 'long', data: ts },
      { type: 'double', data: value },
    ] as const;
    appendColumns(this.#appenders.readings, columns, size);
    this.#appenders.readings.flushSync();
  }

  #appendTexts({ size, series, ts, text }: StoreCommit['texts']): void {
    if (size === 0) return;
    const columns = [
      { type: 'uint', data: Uint32Array.from(series) },
      { type: 'long', data: Float64Array.from(ts) },
      { type: 'text', data: text },
    ] as const;
    appendColumns(this.#appenders.texts, columns, size);
    this.#appenders.texts.flushSync();
  }

  #appendParts(parts: WindowParts): void {
    if (parts.size === 0) return;
    const columns = [
      { type: 'uint', data: parts.series },
      { type: 'long', data: parts.start },
      { type: 'uint', data: parts.count },
      { type: 'double', data: parts.sum },
      { type: 'double', data: parts.min },
      { type: 'double', data: parts.max },
      { type: 'double', data: parts.last },
      { type: 'long', data: parts.lastTs },
    ] as const;
    appendColumns(this.#appenders.window_parts, columns, parts.size);
    this.#appenders.window_parts.flushSync();
    this.#parts += parts.size;
  }

  #appendQuarantine(rows: readonly QuarantineRow[]): void {
    if (rows.length === 0) return;
    const first = this.#quarantineNext;
    const columns = [
      { type: 'long', data: Float64Array.from(rows, (_, index) => first + index) },
      { type: 'long', data: Float64Array.from(rows, ({ offset }) => offset) },
      { type: 'text', data: rows.map(({ device }) => device) },
      { type: 'text', data: rows.map(({ topic }) => topic) },
      { type: 'long', data: Float64Array.from(rows, ({ receivedAt }) => receivedAt) },
      { type: 'int', data: Int32Array.from(rows, ({ index }) => index) },
      { type: 'text', data: rows.map(({ code }) => code) },
      { type: 'text', data: rows.map(({ message }) => message) },
      { type: 'text', data: rows.map(({ sample }) => sample) },
    ] as const;
    appendColumns(this.#appenders.quarantine, columns, rows.length);
    this.#appenders.quarantine.flushSync();
    this.#quarantineNext += rows.length;
  }

  /** Oldest first, a tenth at a time, so that a flood does not make every commit delete. */
  async #trimQuarantine(): Promise<void> {
    if (this.#quarantineNext - this.#quarantineFirst <= QUARANTINE_MAX_ROWS * 1.1) return;
    const first = this.#quarantineNext - QUARANTINE_MAX_ROWS;
    await this.#connection.run('DELETE FROM quarantine WHERE seq < $1', [BigInt(first)]);
    this.#quarantineFirst = first;
  }

  async #writeNote({ device, key, value }: Note): Promise<void> {
    const { forgetNote, keepNote } = this.#statements;
    forgetNote.bindVarchar(1, device);
    forgetNote.bindVarchar(2, key);
    await forgetNote.run();
    if (value === undefined) return;
    keepNote.bindVarchar(1, device);
    keepNote.bindVarchar(2, key);
    keepNote.bindVarchar(3, value);
    await keepNote.run();
  }

  async #writeProgress(totals: HistoryTotals): Promise<void> {
    const { progress } = this.#statements;
    const { offset, packets, stored, forwarded, quarantined, readings, rejections } = totals;
    const values = [offset, packets, stored, forwarded, quarantined, readings, rejections];
    for (const [index, value] of values.entries()) progress.bindBigInt(index + 1, BigInt(value));
    await progress.run();
  }

  async #mergeParts(): Promise<void> {
    await this.#statements.begin.run();
    await this.#connection.run(MERGE_PARTS);
    await this.#connection.run('DELETE FROM window_parts');
    await this.#statements.commit.run();
    this.#parts = 0;
  }
}
