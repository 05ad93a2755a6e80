import type { DuckDBAppender, DuckDBConnection } from '@duckdb/node-api';
import {
  QUARANTINE_MAX_BYTES,
  QUARANTINE_MAX_ROWS,
  QUARANTINE_ROWS_PER_PACKET_MAX,
  QUARANTINE_SENDER_MAX_BYTES,
  QUARANTINE_SENDER_MAX_PACKETS,
} from '../../../base/limits.ts';
import type { Offset } from '../../../model/packet.ts';
import { DROP_REASONS } from '../../../model/ports/ledger.ts';
import type { QuarantineItem } from '../../../model/ports/quarantine.ts';
import type { SetAside } from '../../pipeline/set-aside.ts';
import { appendColumns } from './chunks.ts';

/**
 * The write side of the quarantine: packets and their reasons, within bounds of rows and bytes, per sender and all
 * together. The oldest go first, and are moved in the ledger in the same commit. It must not know why something was
 * refused.
 */

export const QUARANTINE_TABLES: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS quarantine_packets (log_offset BIGINT NOT NULL, origin VARCHAR NOT NULL,
     device VARCHAR NOT NULL, topic VARCHAR NOT NULL, received_at BIGINT NOT NULL, format VARCHAR NOT NULL,
     is_stored UTINYINT NOT NULL, profile VARCHAR NOT NULL, profile_version UINTEGER NOT NULL,
     refused UINTEGER NOT NULL, size UINTEGER NOT NULL, kept UINTEGER NOT NULL, calls UINTEGER NOT NULL,
     trace UINTEGER NOT NULL, payload BLOB, bits BLOB)`,
  // Of an earlier version there are only the reasons. Its ledger, which there is not, cannot be moved.
  `INSERT INTO quarantine_packets
     SELECT log_offset, any_value(device), any_value(device), any_value(topic), any_value(received_at), 'auto', 1, '',
       0, count(*), 0, 0, 0, 0, NULL, NULL
     FROM quarantine GROUP BY log_offset`,
];

/** A trim takes away this share more than it must, so that a flood does not make every commit trim. */
const TRIM_SLACK = 0.1;
const HOUR_MS = 3_600_000;
const FULL = DROP_REASONS.indexOf('quarantine_full');

interface Use {
  packets: number;
  bytes: number;
}

export class QuarantineWriter {
  readonly #connection: DuckDBConnection;
  readonly #rows: DuckDBAppender;
  readonly #packets: DuckDBAppender;
  readonly #senders = new Map<string, Use>();
  #seq = 0;
  #rowCount = 0;
  #bytes = 0;
  /** Packets that made room for newer ones, since the store was opened. */
  trimmed = 0;

  private constructor(connection: DuckDBConnection, rows: DuckDBAppender, packets: DuckDBAppender) {
    this.#connection = connection;
    this.#rows = rows;
    this.#packets = packets;
  }

  static async open(connection: DuckDBConnection): Promise<QuarantineWriter> {
    const writer = new QuarantineWriter(
      connection,
      await connection.createAppender('quarantine'),
      await connection.createAppender('quarantine_packets'),
    );
    const seq = await connection.runAndReadAll('SELECT coalesce(max(seq) + 1, 0)::DOUBLE FROM quarantine');
    writer.#seq = Number(seq.getRows()[0]?.[0]);
    await writer.#measure();
    return writer;
  }

  get use(): { readonly packets: number; readonly bytes: number } {
    let packets = 0;
    for (const use of this.#senders.values()) packets += use.packets;
    return { packets, bytes: this.#bytes };
  }

  /** Within the transaction of a commit. `released`: packets that are here no more, or come again with new reasons. */
  async write(
    rows: readonly QuarantineItem[],
    packets: readonly SetAside[],
    released: readonly Offset[],
  ): Promise<void> {
    if (released.length > 0) await this.#release(released);
    if (packets.length > 0) this.#append(rows, packets);
    if (this.#isOver()) await this.#trim();
  }

  close(): void {
    for (const appender of [this.#rows, this.#packets]) {
      appender.clear();
      appender.closeSync();
    }
  }

  #append(rows: readonly QuarantineItem[], packets: readonly SetAside[]): void {
    const first = this.#seq;
    const reasons = [
      { type: 'long', data: Float64Array.from(rows, (_, at) => first + at) },
      { type: 'long', data: Float64Array.from(rows, ({ offset }) => offset) },
      { type: 'text', data: rows.map(({ device }) => device) },
      { type: 'text', data: rows.map(({ topic }) => topic) },
      { type: 'long', data: Float64Array.from(rows, ({ receivedAt }) => receivedAt) },
      { type: 'int', data: Int32Array.from(rows, ({ index }) => index) },
      { type: 'text', data: rows.map(({ code }) => code) },
      { type: 'text', data: rows.map(({ message }) => message) },
      { type: 'text', data: rows.map(({ sample }) => sample) },
    ] as const;
    appendColumns(this.#rows, reasons, rows.length);
    this.#rows.flushSync();
    this.#seq += rows.length;
    appendColumns(this.#packets, columnsOf(packets), packets.length);
    this.#packets.flushSync();
    for (const { origin, refused, payload } of packets) {
      this.#count(origin, 1, payload?.length ?? 0, Math.min(refused, QUARANTINE_ROWS_PER_PACKET_MAX));
    }
  }

  #count(origin: string, packets: number, bytes: number, rows: number): void {
    const use = this.#senders.get(origin) ?? { packets: 0, bytes: 0 };
    use.packets += packets;
    use.bytes += bytes;
    if (use.packets > 0) this.#senders.set(origin, use);
    else this.#senders.delete(origin);
    this.#bytes += bytes;
    this.#rowCount += rows;
  }

  #isOver(): boolean {
    if (this.#rowCount > QUARANTINE_MAX_ROWS * (1 + TRIM_SLACK)) return true;
    if (this.#bytes > QUARANTINE_MAX_BYTES) return true;
    for (const { packets, bytes } of this.#senders.values()) {
      if (packets > QUARANTINE_SENDER_MAX_PACKETS || bytes > QUARANTINE_SENDER_MAX_BYTES) return true;
    }
    return false;
  }

  async #release(offsets: readonly Offset[]): Promise<void> {
    const list = offsets.map((offset) => String(Math.trunc(offset))).join(', ');
    await this.#connection.run(`DELETE FROM quarantine WHERE log_offset IN (${list})`);
    const gone = await this.#connection.runAndReadAll(
      `DELETE FROM quarantine_packets WHERE log_offset IN (${list}) RETURNING origin, kept, refused`,
    );
    for (const [origin, kept, refused] of gone.getRows()) {
      const rows = Math.min(Number(refused), QUARANTINE_ROWS_PER_PACKET_MAX);
      this.#count(String(origin), -1, -Number(kept), -rows);
    }
  }

  /** Each sender's own excess first, so that it costs nobody else's packets. */
  async #trim(): Promise<void> {
    const down = 1 - TRIM_SLACK;
    await this.#remove(
      'PARTITION BY origin ORDER BY log_offset DESC',
      `packets > ${QUARANTINE_SENDER_MAX_PACKETS * down} OR bytes > ${QUARANTINE_SENDER_MAX_BYTES * down}`,
      `packets > ${QUARANTINE_SENDER_MAX_PACKETS} OR bytes > ${QUARANTINE_SENDER_MAX_BYTES}`,
    );
    await this.#remove(
      'ORDER BY log_offset DESC',
      `rows > ${QUARANTINE_MAX_ROWS} OR bytes > ${QUARANTINE_MAX_BYTES * down}`,
      `rows > ${QUARANTINE_MAX_ROWS} OR bytes > ${QUARANTINE_MAX_BYTES}`,
    );
    await this.#measure();
  }

  /** Removes what is beyond a bound, counted from the newest; only where the whole is over it. */
  async #remove(window: string, beyond: string, over: string): Promise<void> {
    const run = async (sql: string): Promise<void> => void (await this.#connection.run(sql));
    const perPacket = `least(refused, ${QUARANTINE_ROWS_PER_PACKET_MAX})`;
    const group = window.startsWith('PARTITION') ? 'origin' : "''";
    await run(`CREATE OR REPLACE TEMP TABLE doomed AS
      SELECT log_offset, origin, received_at, is_stored FROM (
        SELECT log_offset, origin, received_at, is_stored, count(*) OVER (${window}) AS packets,
          sum(kept) OVER (${window}) AS bytes, sum(${perPacket}) OVER (${window}) AS rows
        FROM quarantine_packets WHERE ${group} IN (
          SELECT ${group} FROM (SELECT ${group}, count(*) AS packets, sum(kept) AS bytes, sum(${perPacket}) AS rows
            FROM quarantine_packets GROUP BY ALL) WHERE ${over}))
      WHERE ${beyond}`);
    const whole = `doomed d JOIN ledger_senders s ON s.name = d.origin WHERE d.is_stored = 0 GROUP BY ALL`;
    const place = `s.id, (d.received_at // ${HOUR_MS})::UINTEGER`;
    await run(`INSERT INTO ledger (sender, hour, received, open, stored, forwarded, quarantined)
      SELECT ${place}, 0, 0, 0, 0, -count(*) FROM ${whole}`);
    await run(`INSERT INTO ledger_drops SELECT ${place}, ${FULL}, count(*) FROM ${whole}`);
    await run('DELETE FROM quarantine WHERE log_offset IN (SELECT log_offset FROM doomed)');
    const gone = await this.#connection.runAndReadAll(
      'DELETE FROM quarantine_packets WHERE log_offset IN (SELECT log_offset FROM doomed) RETURNING log_offset',
    );
    this.trimmed += gone.currentRowCount;
    await run('DROP TABLE doomed');
  }

  async #measure(): Promise<void> {
    this.#senders.clear();
    this.#bytes = 0;
    this.#rowCount = 0;
    const measured = await this.#connection.runAndReadAll(
      `SELECT origin, count(*)::DOUBLE, sum(kept)::DOUBLE, sum(least(refused, ${QUARANTINE_ROWS_PER_PACKET_MAX}))::DOUBLE
       FROM quarantine_packets GROUP BY origin`,
    );
    for (const [origin, ...numbers] of measured.getRows()) {
      const [packets = 0, bytes = 0, rows = 0] = numbers.map(Number);
      this.#count(String(origin), packets, bytes, rows);
    }
  }
}

/** In the order of the table. */
function columnsOf(packets: readonly SetAside[]): Parameters<typeof appendColumns>[1] {
  const uint = (value: (packet: SetAside) => number) =>
    ({ type: 'uint', data: Uint32Array.from(packets, value) }) as const;
  const text = (value: (packet: SetAside) => string) => ({ type: 'text', data: packets.map(value) }) as const;
  const long = (value: (packet: SetAside) => number) =>
    ({ type: 'long', data: Float64Array.from(packets, value) }) as const;
  return [
    long(({ offset }) => offset),
    text(({ origin }) => origin),
    text(({ device }) => device),
    text(({ topic }) => topic),
    long(({ receivedAt }) => receivedAt),
    text(({ format }) => format),
    { type: 'tiny', data: Uint8Array.from(packets, ({ isStored }) => (isStored ? 1 : 0)) },
    text(({ profile }) => profile),
    uint(({ profileVersion }) => profileVersion),
    uint(({ refused }) => refused),
    uint(({ size }) => size),
    uint(({ payload }) => payload?.length ?? 0),
    uint(({ part }) => part?.calls ?? 0),
    uint(({ part }) => part?.trace ?? 0),
    { type: 'blob', data: packets.map(({ payload }) => payload) },
    { type: 'blob', data: packets.map(({ part }) => part?.bits) },
  ];
}
