import type { DuckDBAppender, DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import { LEDGER_PARTS_MAX, LEDGER_ROWS_MAX } from '../../../base/limits.ts';
import { LEDGER_COUNTS, type LedgerRows } from '../../pipeline/ledger.ts';
import type { LedgerRequest, StoredDrops, StoredLedger, StoredLedgerRow, StoreState } from '../store.ts';
import { appendColumns } from './chunks.ts';

/**
 * The tables of the loss ledger. A commit appends what it changes; rows of one sender and hour are summed up when many
 * have piled up, and the oldest hours go when there are too many. It must not know what a sender or a message is.
 */

const columns = LEDGER_COUNTS.join(', ');
const sums = LEDGER_COUNTS.map((name) => `sum(${name})::INTEGER AS ${name}`).join(', ');

export const LEDGER_TABLES: readonly string[] = [
  'CREATE TABLE IF NOT EXISTS ledger_senders (id UINTEGER NOT NULL, name VARCHAR NOT NULL)',
  `CREATE TABLE IF NOT EXISTS ledger (sender UINTEGER NOT NULL, hour UINTEGER NOT NULL,
     ${LEDGER_COUNTS.map((name) => `${name} INTEGER NOT NULL`).join(', ')})`,
  `CREATE TABLE IF NOT EXISTS ledger_drops (sender UINTEGER NOT NULL, hour UINTEGER NOT NULL,
     reason UTINYINT NOT NULL, count INTEGER NOT NULL)`,
];

export async function readLedger(connection: DuckDBConnection): Promise<StoreState['ledger']> {
  const senders = await connection.runAndReadAll('SELECT name FROM ledger_senders ORDER BY id');
  const open = await connection.runAndReadAll(
    `SELECT sender, hour, sum(open)::DOUBLE FROM ledger GROUP BY sender, hour HAVING sum(open) <> 0`,
  );
  return {
    senders: senders.getRows().map(([name]) => String(name)),
    open: open.getRows().map((row) => {
      const [sender = 0, hour = 0, count = 0] = row.map(Number);
      return { sender, hour, count };
    }),
  };
}

interface Appenders {
  readonly ledger: DuckDBAppender;
  readonly ledger_senders: DuckDBAppender;
  readonly ledger_drops: DuckDBAppender;
}

/** A table, by what its rows are told apart, and how the rest is added up. */
interface Summing {
  readonly table: string;
  readonly keys: string;
  readonly columns: string;
  readonly sums: string;
}

export class LedgerWriter {
  readonly #connection: DuckDBConnection;
  readonly #appenders: Appenders;
  #senders: number;
  /** Appended since rows were summed up, and the hours these are of. */
  #appended: number;
  readonly #hours = new Set<number>();

  private constructor(
    connection: DuckDBConnection,
    appenders: Appenders,
    counts: { readonly senders: number; readonly appended: number },
  ) {
    this.#connection = connection;
    this.#appenders = appenders;
    this.#senders = counts.senders;
    this.#appended = counts.appended;
  }

  static async open(connection: DuckDBConnection): Promise<LedgerWriter> {
    const appenders = {
      ledger: await connection.createAppender('ledger'),
      ledger_senders: await connection.createAppender('ledger_senders'),
      ledger_drops: await connection.createAppender('ledger_drops'),
    };
    // What an earlier run appended and did not sum up is of its last hours.
    const counted = await connection.runAndReadAll(
      `SELECT (SELECT count(*) FROM ledger_senders)::DOUBLE,
         (SELECT count(*) FROM ledger WHERE hour >= (SELECT max(hour) FROM ledger) - 1)::DOUBLE`,
    );
    const [senders = 0, appended = 0] = (counted.getRows()[0] ?? []).map(Number);
    const writer = new LedgerWriter(connection, appenders, { senders, appended });
    const hours = await connection.runAndReadAll('SELECT max(hour)::DOUBLE FROM ledger');
    const newest = hours.getRows()[0]?.[0];
    if (newest !== null && newest !== undefined)
      for (const hour of [Number(newest) - 1, Number(newest)]) writer.#hours.add(hour);
    return writer;
  }

  /** Within the transaction of a commit. */
  append({ size, senders, sender, hour, counts, drops }: LedgerRows): void {
    if (size === 0) return;
    const { ledger, ledger_senders: names, ledger_drops: dropped } = this.#appenders;
    if (senders.length > 0) {
      const ids = Uint32Array.from(senders, (_, at) => this.#senders + at);
      const rows = [
        { type: 'uint', data: ids },
        { type: 'text', data: senders },
      ] as const;
      appendColumns(names, rows, senders.length);
      names.flushSync();
      this.#senders += senders.length;
    }
    const facts = LEDGER_COUNTS.map((name) => ({ type: 'int', data: counts[name] }) as const);
    appendColumns(ledger, [{ type: 'uint', data: sender }, { type: 'uint', data: hour }, ...facts], size);
    ledger.flushSync();
    this.#appended += size;
    for (let row = 0; row < size; row += 1) this.#hours.add(hour[row] ?? 0);
    if (drops.length === 0) return;
    const rows = [
      { type: 'uint', data: Uint32Array.from(drops, (drop) => drop.sender) },
      { type: 'uint', data: Uint32Array.from(drops, (drop) => drop.hour) },
      { type: 'tiny', data: Uint8Array.from(drops, (drop) => drop.reason) },
      { type: 'int', data: Int32Array.from(drops, (drop) => drop.count) },
    ] as const;
    appendColumns(dropped, rows, drops.length);
    dropped.flushSync();
  }

  /** Between commits, in a transaction of its own: sums up what has piled up, and lets the oldest hours go. */
  async tidy(): Promise<void> {
    if (this.#appended < LEDGER_PARTS_MAX) return;
    await this.#connection.run('BEGIN');
    const drops = 'sum(count)::INTEGER AS count';
    await this.#sumUp({ table: 'ledger', keys: 'sender, hour', columns, sums });
    await this.#sumUp({ table: 'ledger_drops', keys: 'sender, hour, reason', columns: 'count', sums: drops });
    await this.#forgetOldest();
    await this.#connection.run('COMMIT');
    this.#appended = 0;
    this.#hours.clear();
  }

  close(): void {
    for (const appender of Object.values(this.#appenders)) {
      appender.clear();
      appender.closeSync();
    }
  }

  async #sumUp({ table, keys, columns: names, sums: summed }: Summing): Promise<void> {
    const hours = [...this.#hours].join(', ');
    await this.#connection.run(
      `CREATE OR REPLACE TEMP TABLE ledger_sums AS SELECT ${keys}, ${summed} FROM ${table}
       WHERE hour IN (${hours}) GROUP BY ${keys}`,
    );
    await this.#connection.run(`DELETE FROM ${table} WHERE hour IN (${hours})`);
    await this.#connection.run(
      `INSERT INTO ${table} (${keys}, ${names}) SELECT ${keys}, ${names} FROM ledger_sums ORDER BY hour, sender`,
    );
    await this.#connection.run('DROP TABLE ledger_sums');
  }

  async #forgetOldest(): Promise<void> {
    const found = await this.#connection.runAndReadAll(
      `SELECT max(hour)::DOUBLE FROM (
         SELECT hour, sum(count(*)) OVER (ORDER BY hour DESC) AS kept FROM ledger GROUP BY hour)
       WHERE kept > ${LEDGER_ROWS_MAX}`,
    );
    const last = found.getRows()[0]?.[0];
    if (last === null || last === undefined) return;
    for (const table of ['ledger', 'ledger_drops'])
      await this.#connection.run(`DELETE FROM ${table} WHERE hour <= ${Number(last)}`);
  }
}

/** Reads the ledger in one transaction of the connection. */
export async function readReport(
  connection: DuckDBConnection,
  { sender, from, to, limit }: LedgerRequest,
): Promise<StoredLedger> {
  const values: DuckDBValue[] = [from, to];
  if (sender !== undefined) values.push(sender);
  const source = (table: string): string => `${table} l JOIN ledger_senders s ON s.id = l.sender
    WHERE l.hour >= $1 AND l.hour < $2 ${sender === undefined ? '' : 'AND s.name = $3'}`;
  const counts = LEDGER_COUNTS.map((name) => `coalesce(sum(l.${name}), 0)::DOUBLE`).join(', ');
  const rows = `SELECT s.name AS sender, l.hour AS hour, ${counts} FROM ${source('ledger')} GROUP BY s.name, l.hour`;
  const listed = `SELECT * FROM (${rows}) ORDER BY hour DESC, sender LIMIT ${limit}`;
  const drops = `SELECT s.name AS sender, l.hour AS hour, l.reason, sum(l.count)::DOUBLE AS count
    FROM ${source('ledger_drops')} GROUP BY s.name, l.hour, l.reason`;
  const ask = async (sql: string, bound: readonly DuckDBValue[] = values): Promise<DuckDBValue[][]> =>
    (await connection.runAndReadAll(sql, [...bound])).getRows();
  await connection.run('BEGIN');
  try {
    const [progress] = await ask('SELECT log_offset::DOUBLE FROM progress', []);
    const [total] = await ask(`SELECT '', 0, ${counts} FROM ${source('ledger')}`);
    const [found] = await ask(`SELECT count(*)::DOUBLE FROM (${rows})`);
    const shown = `SELECT d.* FROM (${drops}) d JOIN (${listed}) r ON r.sender = d.sender AND r.hour = d.hour`;
    const perReason = `SELECT '', 0, reason, sum(count)::DOUBLE FROM (${drops}) GROUP BY reason`;
    return {
      offset: Number(progress?.[0]),
      total: toRow(total ?? []),
      found: Number(found?.[0]),
      rows: (await ask(listed)).map(toRow),
      drops: (await ask(shown)).map(toDrops),
      totalDrops: (await ask(perReason)).map(toDrops),
    };
  } finally {
    await connection.run('ROLLBACK').catch(() => undefined);
  }
}

function toRow([sender = '', ...numbers]: readonly DuckDBValue[]): StoredLedgerRow {
  const [hour = 0, received = 0, open = 0, stored = 0, forwarded = 0, quarantined = 0] = numbers.map(Number);
  return { sender: String(sender), hour, received, open, stored, forwarded, quarantined };
}

const toDrops = ([sender, hour, reason, count]: readonly DuckDBValue[]): StoredDrops => ({
  sender: String(sender),
  hour: Number(hour),
  reason: Number(reason),
  count: Number(count),
});
