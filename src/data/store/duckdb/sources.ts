import { HOUR_MS } from '../../../model/reading.ts';
import type { PartitionKind } from '../retention-store.ts';
import type { PartitionFolder } from './partition-files.ts';
import type { Holdings, PartitionFile } from './partitions.ts';
import { ARRIVAL } from './parts-sql.ts';

/**
 * Where a query finds history: the tables, and the partitions that its range touches. Without partitions the relations
 * are the tables themselves. Rows are in order of arrival: partitions by id, then hours and rows in the database.
 */

/**
 * Places in the order of arrival (see parts-sql.ts) before all rows of the database: 2^16 partitions of up to 2^28 rows.
 * Their files are listed by id.
 */
const PARTITION_SEQ = '(file_index::BIGINT << 28) + file_row_number - (1::BIGINT << 46)';
/** Hours in the database: after those in partitions, before the minutes that are not in them. */
const HOUR_SEQ = 'rowid - (1::BIGINT << 45)';

/** Roll-ups to add up: rows of `relation` (columns of a part, `arrival`) whose start is within the range. */
export interface Rollups {
  readonly relation: string;
  readonly from: number;
  readonly to: number;
}

interface RollupRequest {
  /** Series ids, as they stand in a statement. */
  readonly ids: string;
  readonly intervalMs: number;
  readonly from: number;
  readonly to: number;
}

export class Sources {
  readonly #holdings: Holdings;
  readonly #folder: PartitionFolder;

  constructor(holdings: Holdings, folder: PartitionFolder) {
    this.#holdings = holdings;
    this.#folder = folder;
  }

  /** Raw numbers and booleans: series, ts, value, seq (order of arrival). */
  numbers(from: number, to: number): string {
    return this.#raw('numbers', 'readings', 'value', from, to);
  }

  /** Raw texts: series, ts, text, seq. */
  texts(from: number, to: number): string {
    return this.#raw('texts', 'texts', 'text', from, to);
  }

  /**
   * Disjoint roll-ups that make up a range of whole minutes. Where the buckets allow it hours stand for the minutes
   * that were moved, and always for minutes that are gone; such an hour belongs to a range that it begins in.
   */
  rollups({ ids, intervalMs, from, to }: RollupRequest): readonly Rollups[] {
    const inDatabase = { relation: 'window_union', from, to };
    const hours = this.#hours(from, to);
    if (hours === undefined) return [inDatabase];
    const hoursFrom = Math.ceil(from / HOUR_MS) * HOUR_MS;
    const hoursTo = Math.floor(to / HOUR_MS) * HOUR_MS;
    if (intervalMs % HOUR_MS !== 0 || hoursFrom >= hoursTo) {
      return [inDatabase, ...this.#moved(from, to), this.#withoutMinutes(hours, ids, from, to)];
    }
    return [
      inDatabase,
      { relation: hours, from: hoursFrom, to: hoursTo },
      ...this.#moved(from, hoursFrom),
      ...this.#moved(hoursTo, to),
      this.#withoutMinutes(hours, ids, hoursTo, to),
    ].filter((part) => part.from < part.to);
  }

  #raw(kind: PartitionKind, table: string, value: string, from: number, to: number): string {
    const files = this.#within(kind, from, to);
    const own = `SELECT series, ts, ${value}, rowid AS seq FROM ${table}`;
    if (files.length === 0) return `(${own})`;
    return `(${own} UNION ALL SELECT series, ts, ${value}, ${PARTITION_SEQ} AS seq FROM ${this.#parquet(files)})`;
  }

  /** Minutes in partitions. */
  #moved(from: number, to: number): readonly Rollups[] {
    const files = this.#within('minutes', from, to);
    if (files.length === 0) return [];
    const relation = `(SELECT *, (last_ts::HUGEINT << 48) + ${PARTITION_SEQ} AS arrival FROM ${this.#parquet(files)})`;
    return [{ relation, from, to }];
  }

  /** All hours; undefined where there are none. */
  #hours(from: number, to: number): string | undefined {
    const files = this.#within('hours', from, to);
    const sources: string[] = [];
    if (this.#holdings.hasHours) {
      sources.push(`SELECT *, ${ARRIVAL.replace('rowid', HOUR_SEQ)} AS arrival FROM window_hours`);
    }
    if (files.length > 0) {
      const arrival = `(last_ts::HUGEINT << 48) + ${PARTITION_SEQ} AS arrival`;
      sources.push(`SELECT *, ${arrival} FROM ${this.#parquet(files)}`);
    }
    return sources.length === 0 ? undefined : `(${sources.join(' UNION ALL ')})`;
  }

  /** Hours whose minutes are in no partition any more. */
  #withoutMinutes(hours: string, ids: string, from: number, to: number): Rollups {
    const files = this.#within('minutes', from - HOUR_MS, to + HOUR_MS);
    const whole = files.filter(({ partial }) => !partial).flatMap(({ origins }) => origins);
    const partial = files.filter((file) => file.partial);
    const conditions = ['true'];
    if (whole.length > 0) conditions.push(`source NOT IN (${whole.join(', ')})`);
    if (partial.length > 0) conditions.push(`NOT EXISTS (${this.#stillThere(partial, ids)})`);
    return { relation: `(SELECT * FROM ${hours} h WHERE ${conditions.join(' AND ')})`, from, to };
  }

  #stillThere(files: readonly PartitionFile[], ids: string): string {
    const origins = files.flatMap((file, index) => file.origins.map((origin) => `(${index}, ${origin})`));
    return `SELECT 1 FROM (SELECT DISTINCT file_index AS file, series FROM ${this.#parquet(files)}
        WHERE series IN (${ids})) m
      JOIN (VALUES ${origins.join(', ')}) o(file, source) ON o.file = m.file
      WHERE m.series = h.series AND o.source = h.source`;
  }

  #within(kind: PartitionKind, from: number, to: number): readonly PartitionFile[] {
    if (from >= to) return [];
    return this.#holdings.partitions.filter((file) => file.kind === kind && file.from < to && file.to > from);
  }

  #parquet(files: readonly PartitionFile[]): string {
    return `read_parquet([${files.map(({ path }) => this.#folder.quoted(path)).join(', ')}])`;
  }
}
