import type { DuckDBConnection } from '@duckdb/node-api';
import { invariant } from '../../../base/invariant.ts';
import { RETENTION_PARTITIONS_MAX } from '../../../base/limits.ts';
import { problem } from '../../../model/errors.ts';
import type { PartitionKind } from '../retention-store.ts';
import { writeFault } from './faults.ts';
import type { HoldingsView } from './holdings-view.ts';
import type { PartitionFolder } from './partition-files.ts';
import {
  type Announced,
  admitPartition,
  announcePartition,
  dismissPartitions,
  type PartitionFile,
  removeLeftovers,
} from './partitions.ts';
import { partitionRows, writePartition } from './retention-sql.ts';
import { changed, periodOf, spanOf } from './retention-survey.ts';

/**
 * How a partition comes and goes without a reading lost or doubled: announced, written, synced with its folders, and
 * admitted by the transaction that takes its rows out of where they were. Files that count no more stay until the
 * queries that may read them have ended.
 */

/** Where a step is: tests stop it there. */
export type StepPoint = 'announced' | 'written' | 'synced' | 'deleted' | 'committed';

export interface PartitionAccess {
  readonly folder: PartitionFolder;
  readonly view: () => HoldingsView;
  /** Resolves when the queries of now have ended. */
  readonly quiet: () => Promise<unknown>;
  readonly onPoint?: ((point: StepPoint) => void) | undefined;
}

interface Grave {
  readonly files: readonly Announced[];
  readonly quiet: Promise<unknown>;
}

type Draft = Pick<PartitionFile, 'id' | 'path' | 'kind' | 'origins'> & {
  /** A relation. */
  readonly rows: string;
  readonly partial?: boolean;
};

interface Rewriting {
  readonly kind: PartitionKind;
  readonly files: readonly PartitionFile[];
  /** A relation over the files. */
  readonly rows: string;
  readonly partial: boolean;
}

export class PartitionWriter {
  readonly #access: PartitionAccess;
  #graves: Grave[] = [];

  constructor(access: PartitionAccess) {
    this.#access = access;
  }

  /** Takes a partition away. */
  async drop(connection: DuckDBConnection, file: PartitionFile): Promise<void> {
    await this.transaction(connection, undefined, () => dismissPartitions(connection, [file.id]));
    this.#entomb([file]);
  }

  /** Waits for queries that may read files which count no more, and removes these; the next start does, when stopped. */
  async bury(
    signal: AbortSignal,
    step: (run: (connection: DuckDBConnection) => Promise<void>) => Promise<void>,
  ): Promise<void> {
    const graves = this.#graves;
    this.#graves = [];
    const stopped = Promise.withResolvers<void>();
    const stop = (): void => stopped.resolve();
    signal.addEventListener('abort', stop);
    try {
      for (const { files, quiet } of graves) {
        await Promise.race([quiet, stopped.promise]);
        const ids = new Set(files.map(({ id }) => id));
        await step((connection) => removeLeftovers(connection, this.#access.folder, ids));
      }
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** Partitions into one, or into none where no rows are left. */
  async rewrite(
    connection: DuckDBConnection,
    { kind, files, rows, partial }: Rewriting,
  ): Promise<PartitionFile | undefined> {
    const target = await this.announce(connection, kind, files[0]?.from ?? 0);
    const made = await this.transaction(connection, target, async () => {
      const origins = files.flatMap((file) => file.origins);
      const written = await this.write(connection, { ...target, kind, rows, origins, partial });
      await dismissPartitions(
        connection,
        files.map(({ id }) => id),
      );
      await this.settle(connection, { target, made: written });
      return written;
    });
    this.#entomb(files);
    return made;
  }

  /** A file to be of the period that `time` is in. */
  async announce(connection: DuckDBConnection, kind: PartitionKind, time: number): Promise<Announced> {
    if (this.#access.view().current.partitions.length >= RETENTION_PARTITIONS_MAX) {
      throw problem(
        'store.failed',
        `${RETENTION_PARTITIONS_MAX} partitions: history is not moved any further`,
      );
    }
    const target = await announcePartition(connection, kind, periodOf(kind, time).name);
    this.#at('announced');
    return target;
  }

  /** The file on disk, read back for what it holds; undefined where no rows are left. */
  async write(connection: DuckDBConnection, file: Draft): Promise<PartitionFile | undefined> {
    const { folder } = this.#access;
    const { id, path, kind, origins, partial = false } = file;
    await folder.makeFolderOf(path);
    const copied = await changed(connection, writePartition(file.rows, kind, folder.quoted(path)));
    this.#at('written');
    if (copied === 0) return undefined;
    const bytes = await folder.sync(path);
    this.#at('synced');
    const { rows, from, to } = await spanOf(connection, partitionRows(kind, [folder.quoted(path)]));
    invariant(rows === copied, `${path} holds ${rows} of ${copied} rows`);
    return { id, kind, path, from, to, rows, bytes, origins, partial };
  }

  /** What was announced counts from this commit on, or is to be forgotten. */
  async settle(
    connection: DuckDBConnection,
    { target, made }: { target: Announced | undefined; made: PartitionFile | undefined },
  ): Promise<void> {
    if (made !== undefined) await admitPartition(connection, made);
    else if (target !== undefined) this.#entomb([target]);
  }

  /** All or nothing; `target` is forgotten where it is nothing. */
  async transaction<T>(
    connection: DuckDBConnection,
    target: Announced | undefined,
    run: () => Promise<T>,
  ): Promise<T> {
    await connection.run('BEGIN');
    try {
      const answer = await run();
      await this.#access.view().commit(connection);
      this.#at('committed');
      return answer;
    } catch (cause) {
      // The first cause is the one that matters: a transaction that failed to commit has ended already.
      await connection.run('ROLLBACK').catch(() => undefined);
      if (target !== undefined) this.#entomb([target]);
      throw writeFault(cause);
    }
  }

  #entomb(files: readonly Announced[]): void {
    this.#graves.push({ files, quiet: this.#access.quiet() });
  }

  #at(point: StepPoint): void {
    this.#access.onPoint?.(point);
  }
}
