import type { DuckDBConnection } from '@duckdb/node-api';
import { grownF64 } from '../../columns.ts';
import type { WindowParts } from '../../pipeline/window-parts.ts';
import type { Series } from '../../series.ts';
import type { SeriesRows } from '../store.ts';
import { readRows } from './read-rows.ts';
import { NEWEST_NUMBERS } from './sql.ts';

/**
 * The newest number of each series, in memory: 16 bytes each. Read from the minutes with the first question, kept up by
 * every commit after that; what retention takes away is never the newest. Lives as long as the store is open: after a
 * failed commit it is made anew.
 */

const NONE = -1;
const FIRST_CAPACITY = 64;

export class NewestNumbers {
  /** By series id. */
  #ts = new Float64Array(FIRST_CAPACITY).fill(NONE);
  #value = new Float64Array(FIRST_CAPACITY);
  /** Commits count from the moment that somebody begins to read: what was read may be from before them, or after. */
  #isWanted = false;
  #isKnown = false;

  /** What a commit has brought. */
  note({ size, series, last, lastTs }: WindowParts): void {
    if (!this.#isWanted) return;
    for (let part = 0; part < size; part += 1) {
      const ts = lastTs[part] ?? 0;
      const id = series[part] ?? 0;
      if (ts >= this.#tsOf(id)) this.#set(id, ts, last[part] ?? 0);
    }
  }

  /** Rows of those that have one, in the order given. */
  async of(connection: DuckDBConnection, all: readonly Series[]): Promise<SeriesRows> {
    if (!this.#isKnown) await this.#read(connection);
    const found = all.filter(({ id }) => this.#tsOf(id) !== NONE);
    return {
      series: Uint32Array.from(found, ({ id }) => id),
      ts: Float64Array.from(found, ({ id }) => this.#tsOf(id)),
      value: Float64Array.from(found, ({ id }) => this.#value[id] ?? 0),
      text: new Map(),
    };
  }

  async #read(connection: DuckDBConnection): Promise<void> {
    this.#isWanted = true;
    const { series, ts, value } = await readRows(connection, NEWEST_NUMBERS);
    for (const [row, id] of series.entries()) {
      // Of the same millisecond a commit noted meanwhile counts: it came later, or it is the one that was read.
      const at = ts[row] ?? 0;
      if (at > this.#tsOf(id)) this.#set(id, at, value[row] ?? 0);
    }
    this.#isKnown = true;
  }

  #tsOf(id: number): number {
    return this.#ts[id] ?? NONE;
  }

  #set(id: number, ts: number, value: number): void {
    if (id >= this.#ts.length) this.#grow(Math.max(id + 1, this.#ts.length * 2));
    this.#ts[id] = ts;
    this.#value[id] = value;
  }

  #grow(capacity: number): void {
    const known = this.#ts.length;
    this.#ts = grownF64(this.#ts, capacity).fill(NONE, known);
    this.#value = grownF64(this.#value, capacity);
  }
}
