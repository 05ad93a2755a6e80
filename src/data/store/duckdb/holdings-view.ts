import type { DuckDBConnection } from '@duckdb/node-api';
import type { PartitionFolder } from './partition-files.ts';
import { type Holdings, NO_HOLDINGS, type PartitionFile, readHoldings } from './partitions.ts';
import { Sources } from './sources.ts';

/**
 * The catalogue of partitions in memory, for queries that must see each reading once while another connection moves it
 * from the database into a file. A query runs against what is known and, when that was changed under it, once more in
 * a transaction that reads the catalogue itself: without moves a query costs nothing more.
 */
export class HoldingsView {
  readonly #folder: PartitionFolder;
  #holdings = NO_HOLDINGS;
  #version = 0;
  /** False from the begin of a commit until what it made is read back. */
  #isCurrent = false;
  #damaged: readonly PartitionFile[] = [];

  constructor(folder: PartitionFolder) {
    this.#folder = folder;
  }

  get current(): Holdings {
    return this.#holdings;
  }

  /** Partitions that cannot be read: not part of `current`. */
  get damaged(): readonly PartitionFile[] {
    return this.#damaged;
  }

  async open(connection: DuckDBConnection): Promise<void> {
    const { partitions } = await readHoldings(connection);
    this.#damaged = await this.#folder.damaged(partitions);
    await this.#reload(connection);
  }

  /** Runs a query; `run` may be called twice. */
  async read<T>(connection: DuckDBConnection, run: (sources: Sources) => Promise<T>): Promise<T> {
    const seen = this.#version;
    if (this.#isCurrent) {
      const answer = await run(new Sources(this.#holdings, this.#folder));
      if (this.#version === seen) return answer;
    }
    await connection.run('BEGIN');
    try {
      return await run(new Sources(this.#readable(await readHoldings(connection)), this.#folder));
    } finally {
      await connection.run('ROLLBACK');
    }
  }

  /** Commits the transaction of the connection, which changes what is held. */
  async commit(connection: DuckDBConnection): Promise<void> {
    this.#version += 1;
    this.#isCurrent = false;
    try {
      await connection.run('COMMIT');
    } finally {
      await this.#reload(connection);
    }
  }

  async #reload(connection: DuckDBConnection): Promise<void> {
    this.#holdings = this.#readable(await readHoldings(connection));
    this.#isCurrent = true;
  }

  #readable(holdings: Holdings): Holdings {
    const damaged = new Set(this.#damaged.map(({ id }) => id));
    return { ...holdings, partitions: holdings.partitions.filter(({ id }) => !damaged.has(id)) };
  }
}
