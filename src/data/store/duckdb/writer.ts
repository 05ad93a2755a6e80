import type { DuckDBAppender, DuckDBConnection, DuckDBPreparedStatement } from '@duckdb/node-api';
import { WINDOW_PARTS_MAX } from '../../../base/limits.ts';
import type { HistoryTotals } from '../../../model/ports/history.ts';
import type { Note } from '../../pipeline/preset-notes.ts';
import type { WindowParts } from '../../pipeline/window-parts.ts';
import type { Series } from '../../series.ts';
import type { StoreCommit } from '../store.ts';
import { AnalysisWriter } from './analysis.ts';
import { appendColumns } from './chunks.ts';
import { LedgerWriter } from './ledger.ts';
import { ARRIVAL, mergedParts } from './parts-sql.ts';
import { QuarantineWriter } from './quarantine.ts';
import { WindowWriter } from './window-results.ts';

const DAY_MS = 86_400_000;

/**
 * By series within a day: a question about some series reads a small part of the rows (a third of the time it takes
 * by `start`), and what leaves for a partition, a day, still lies together.
 */
const MERGE_PARTS = `INSERT INTO window_rows
  SELECT * FROM (${mergedParts(`(SELECT *, ${ARRIVAL} AS arrival FROM window_parts)`, 'start')})
  ORDER BY start // ${DAY_MS}, series, start`;

interface Statements {
  readonly begin: DuckDBPreparedStatement;
  readonly commit: DuckDBPreparedStatement;
  readonly progress: DuckDBPreparedStatement;
  readonly forgetNote: DuckDBPreparedStatement;
  readonly keepNote: DuckDBPreparedStatement;
}

type Table = 'series' | 'readings' | 'texts' | 'window_parts';

/** The one writer of the store: everything of a commit, log offset included, in one transaction. */
export class Writer {
  /** While somebody else moves window parts. */
  mergesHeld = false;
  readonly #connection: DuckDBConnection;
  readonly #statements: Statements;
  readonly #appenders: Readonly<Record<Table, DuckDBAppender>>;
  #parts: number;
  readonly #ledger: LedgerWriter;
  readonly #windows: WindowWriter;
  readonly #analysis: AnalysisWriter;
  readonly quarantine: QuarantineWriter;

  private constructor(
    connection: DuckDBConnection,
    statements: Statements,
    appenders: Readonly<Record<Table, DuckDBAppender>>,
    rest: {
      readonly parts: number;
      readonly ledger: LedgerWriter;
      readonly windows: WindowWriter;
      readonly analysis: AnalysisWriter;
      readonly quarantine: QuarantineWriter;
    },
  ) {
    this.#connection = connection;
    this.#statements = statements;
    this.#appenders = appenders;
    this.#parts = rest.parts;
    this.#ledger = rest.ledger;
    this.#windows = rest.windows;
    this.#analysis = rest.analysis;
    this.quarantine = rest.quarantine;
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
    };
    const counted = await connection.runAndReadAll('SELECT count(*)::DOUBLE FROM window_parts');
    return new Writer(connection, statements, appenders, {
      parts: Number(counted.getRows()[0]?.[0]),
      ledger: await LedgerWriter.open(connection),
      windows: await WindowWriter.open(connection),
      analysis: await AnalysisWriter.open(connection),
      quarantine: await QuarantineWriter.open(connection),
    });
  }

  async commit(commit: StoreCommit): Promise<void> {
    await this.#statements.begin.run();
    this.#appendSeries(commit.series);
    this.#appendNumbers(commit.numbers);
    this.#appendTexts(commit.texts);
    this.#appendParts(commit.parts);
    this.#windows.append(commit.windows, commit.windowStates);
    this.#ledger.append(commit.ledger);
    await this.#analysis.write(commit.analysis);
    await this.quarantine.write(commit.quarantine, commit.asides, commit.released);
    for (const note of commit.notes) await this.#writeNote(note);
    await this.#writeProgress(commit.totals);
    await this.#statements.commit.run();
    if (this.#parts >= WINDOW_PARTS_MAX && !this.mergesHeld) await this.#mergeParts();
    await this.#ledger.tidy();
    await this.#windows.tidy();
  }

  close(): void {
    for (const appender of Object.values(this.#appenders)) {
      // After a failed commit there may be rows in it that must not be written behind its back.
      appender.clear();
      appender.closeSync();
    }
    this.#ledger.close();
    this.#windows.close();
    this.#analysis.close();
    this.quarantine.close();
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
      { type: 'double', data: parts.m2 },
    ] as const;
    appendColumns(this.#appenders.window_parts, columns, parts.size);
    this.#appenders.window_parts.flushSync();
    this.#parts += parts.size;
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
