import type { DuckDBConnection } from '@duckdb/node-api';
import { invariant } from '../../../base/invariant.ts';
import {
  RETENTION_COMPACT_MAX_ROWS,
  RETENTION_COMPACT_MIN_PARTITIONS,
  RETENTION_LATE_MIN_ROWS,
  RETENTION_STEP_MAX_ROWS,
} from '../../../base/limits.ts';
import type { RetentionPreview, RetentionStatus } from '../../../model/ports/retention.ts';
import type { RetentionLevel } from '../../../model/retention.ts';
import {
  type Cutoffs,
  type Excess,
  LEVEL_OF,
  type Partition,
  type RetentionRules,
  type RetentionStore,
  type Slice,
  type Thinned,
} from '../retention-store.ts';
import { pickVictims } from './budget.ts';
import { type PartitionAccess, PartitionWriter } from './partition-writer.ts';
import type { PartitionFile } from './partitions.ts';
import { readPreview } from './retention-preview.ts';
import {
  deleteRows,
  deleteWindows,
  expiredRows,
  mergedMinutes,
  movableRows,
  PARTITION_KINDS,
  partitionRows,
  rollUp,
  survivingRows,
} from './retention-sql.ts';
import {
  changed,
  cutSpan,
  namedDamage,
  newestTime,
  periodOf,
  prepareTables,
  readBytes,
  readLevels,
  readSlices,
  rowBytes,
  spanOf,
} from './retention-survey.ts';

/**
 * The steps of retention in DuckDB. Each writes its file first, syncs it with its folders, and then says in one
 * transaction that the file counts and the rows it holds are gone. That transaction reads, deletes and commits from one
 * snapshot, beside the commits of readings: what arrives meanwhile is neither in the file nor deleted.
 */

interface RetentionAccess extends PartitionAccess {
  readonly databasePath: string;
  /** Runs on the connection of retention, which keeps its temporary tables; interrupted by the signal. */
  readonly step: <T>(signal: AbortSignal, run: (connection: DuckDBConnection) => Promise<T>) => Promise<T>;
  /** Runs on a connection of its own. */
  readonly query: <T>(signal: AbortSignal, run: (connection: DuckDBConnection) => Promise<T>) => Promise<T>;
  /** Resolves when window parts are not merged any more, until the answer is called. */
  readonly holdMerges: () => Promise<() => void>;
  /** Runs while no commit does. */
  readonly betweenCommits: <T>(run: () => Promise<T>) => Promise<T>;
}

const NO_CUTS = { raw: 0, minute: 0, hour: 0 };

export class DuckDbRetention implements RetentionStore {
  readonly #access: RetentionAccess;
  readonly #writer: PartitionWriter;
  #cutoffs: Cutoffs = { defaults: NO_CUTS, overrides: new Map() };
  /** Partitions that hold nothing expired by these cutoffs. */
  readonly #checked = new Set<number>();

  constructor(access: RetentionAccess) {
    this.#access = access;
    this.#writer = new PartitionWriter(access);
  }

  get partitionCounts(): Readonly<Record<RetentionLevel, number>> {
    const counts = { raw: 0, minute: 0, hour: 0 };
    for (const { kind } of this.#files) counts[LEVEL_OF[kind]] += 1;
    return counts;
  }

  get damaged(): readonly string[] {
    return namedDamage(this.#access.view());
  }

  prepare(cutoffs: Cutoffs, signal: AbortSignal): Promise<number> {
    return this.#access.step(signal, async (connection) => {
      if (cutoffs !== this.#cutoffs) this.#checked.clear();
      this.#cutoffs = cutoffs;
      await prepareTables(connection, cutoffs);
      return newestTime(connection);
    });
  }

  due(
    { moveBefore, late }: { readonly moveBefore: number; readonly late: boolean },
    signal: AbortSignal,
  ): Promise<readonly Slice[]> {
    return this.#access.step(signal, async (connection) => {
      const due: Slice[] = [];
      for (const kind of PARTITION_KINDS) {
        const before = Math.max(periodOf(kind, moveBefore).from, cutSpan(kind, this.#cutoffs).to);
        const slices = await readSlices(connection, kind, before);
        due.push(
          ...slices.filter((slice) => late || slice.rows >= RETENTION_LATE_MIN_ROWS || this.#isNew(slice)),
        );
      }
      return due;
    });
  }

  move(slice: Slice, signal: AbortSignal): Promise<Thinned | undefined> {
    return this.#takeOut(slice, { signal, keeps: slice.to > cutSpan(slice.kind, this.#cutoffs).from });
  }

  aged(): readonly Partition[] {
    return this.#files.filter(
      ({ id, kind, to }) => to <= cutSpan(kind, this.#cutoffs).to && !this.#checked.has(id),
    );
  }

  expire(partition: Partition, signal: AbortSignal): Promise<Thinned | undefined> {
    const { kind, to } = partition;
    const file = this.#file(partition);
    if (file === undefined) return Promise.resolve(undefined);
    if (to <= cutSpan(kind, this.#cutoffs).from) return this.#drop(file, 'age', signal);
    return this.#access.step(signal, async (connection) => {
      const rows = partitionRows(kind, [this.#access.folder.quoted(file.path)]);
      const expired = await spanOf(connection, expiredRows(rows, kind, this.#cutoffs));
      if (expired.rows === 0) {
        this.#checked.add(file.id);
        return undefined;
      }
      const made = await this.#writer.rewrite(connection, {
        kind,
        files: [file],
        rows: survivingRows(rows, kind, this.#cutoffs),
        partial: true,
      });
      if (made !== undefined) this.#checked.add(made.id);
      const bytes = file.bytes - (made?.bytes ?? 0);
      return {
        level: LEVEL_OF[kind],
        reason: 'age',
        fromMs: expired.from,
        toMs: expired.to,
        rows: expired.rows,
        bytes,
      };
    });
  }

  trimWindows(signal: AbortSignal): Promise<boolean> {
    return this.#access.step(signal, async (connection) => {
      const rows = await changed(connection, deleteWindows(this.#cutoffs, RETENTION_STEP_MAX_ROWS));
      return rows === RETENTION_STEP_MAX_ROWS;
    });
  }

  compactable(): readonly (readonly Partition[])[] {
    const periods = new Map<string, PartitionFile[]>();
    for (const file of this.#files) {
      if (file.partial) continue;
      const key = `${file.kind} ${periodOf(file.kind, file.from).name}`;
      const same = periods.get(key);
      if (same === undefined) periods.set(key, [file]);
      else same.push(file);
    }
    return [...periods.values()]
      .flatMap(runsThatFit)
      .filter((files) => files.length >= RETENTION_COMPACT_MIN_PARTITIONS);
  }

  async compact(partitions: readonly Partition[], signal: AbortSignal): Promise<void> {
    const files = partitions.map((one) => this.#file(one)).filter((file) => file !== undefined);
    const [{ kind } = { kind: undefined }] = files;
    if (kind === undefined) return;
    const rows = partitionRows(
      kind,
      files.map(({ path }) => this.#access.folder.quoted(path)),
    );
    await this.#access.step(signal, (connection) =>
      this.#writer.rewrite(connection, { kind, files, rows, partial: false }),
    );
  }

  excess({ budgetBytes, keepFrom }: RetentionRules, signal: AbortSignal): Promise<Excess> {
    return this.#access.step(signal, async (connection) => {
      const bytes = await this.#bytes(connection);
      if (budgetBytes === undefined || bytes.total <= budgetBytes) return { bytes, victims: [], fits: true };
      const sizeOf = await rowBytes(connection, bytes.used + bytes.wal);
      const candidates = this.#files
        .filter(({ to }) => to <= keepFrom)
        .map((part): { part: Partition | Slice; bytes: number } => ({ part, bytes: part.bytes }));
      for (const kind of PARTITION_KINDS) {
        const slices = await readSlices(connection, kind, keepFrom);
        candidates.push(...slices.map((part) => ({ part, bytes: sizeOf(kind, part.rows) })));
      }
      const { victims, left } = pickVictims(candidates, bytes.total - budgetBytes);
      return { bytes, victims: victims.map(({ part }) => part), fits: left === 0 };
    });
  }

  discard(victim: Partition | Slice, signal: AbortSignal): Promise<Thinned | undefined> {
    if (!('id' in victim)) return this.#takeOut(victim, { signal, keeps: false, reason: 'budget' });
    const file = this.#file(victim);
    return file === undefined ? Promise.resolve(undefined) : this.#drop(file, 'budget', signal);
  }

  async reclaim(signal: AbortSignal): Promise<void> {
    await this.#access.step(signal, (connection) =>
      this.#access.betweenCommits(() => connection.run('CHECKPOINT')),
    );
  }

  bury(signal: AbortSignal): Promise<void> {
    return this.#writer.bury(signal, (run) => this.#access.step(signal, run));
  }

  survey(signal: AbortSignal): Promise<Pick<RetentionStatus, 'bytes' | 'levels' | 'damaged'>> {
    return this.#access.query(signal, async (connection) => ({
      bytes: await this.#bytes(connection),
      levels: await readLevels(connection, this.#files),
      damaged: this.damaged,
    }));
  }

  preview(rules: RetentionRules, signal: AbortSignal): Promise<RetentionPreview> {
    const { folder } = this.#access;
    return this.#access.query(signal, async (connection) => {
      await prepareTables(connection, rules.cutoffs);
      const bytes = await this.#bytes(connection);
      return readPreview({ connection, rules, bytes, files: this.#files, folder });
    });
  }

  get #files(): readonly PartitionFile[] {
    return this.#access.view().current.partitions;
  }

  #file({ id }: Partition): PartitionFile | undefined {
    return this.#files.find((file) => file.id === id);
  }

  #bytes(connection: DuckDBConnection): ReturnType<typeof readBytes> {
    return readBytes(connection, this.#access.databasePath, this.#files);
  }

  /** Nothing of its period was moved before. */
  #isNew({ kind, from }: Slice): boolean {
    const { name } = periodOf(kind, from);
    return !this.#files.some((file) => file.kind === kind && periodOf(kind, file.from).name === name);
  }

  /** Rows of the database out of it: into a partition what is kept, and nowhere else the rest. */
  #takeOut(
    slice: Slice,
    { signal, keeps, reason = 'age' }: { signal: AbortSignal; keeps: boolean; reason?: Thinned['reason'] },
  ): Promise<Thinned | undefined> {
    const { kind } = slice;
    return this.#access.step(signal, async (connection) => {
      const release = kind === 'minutes' ? await this.#access.holdMerges() : undefined;
      try {
        const target = keeps ? await this.#writer.announce(connection, kind, slice.from) : undefined;
        return await this.#writer.transaction(connection, target, async () => {
          const rows = movableRows(kind, slice);
          const gone = keeps ? expiredRows(rows, kind, this.#cutoffs) : rows;
          const lost = await spanOf(connection, gone);
          if (kind === 'minutes') await connection.run(rollUp(rows, this.#cutoffs, target?.id ?? 0));
          const surviving = survivingRows(rows, kind, this.#cutoffs);
          const kept = kind === 'minutes' ? mergedMinutes(surviving) : surviving;
          const made =
            target &&
            (await this.#writer.write(connection, { ...target, kind, rows: kept, origins: [target.id] }));
          let deleted = 0;
          for (const statement of deleteRows(kind, slice)) deleted += await changed(connection, statement);
          const written = made?.rows ?? 0;
          invariant(
            kind === 'minutes' ? deleted >= written + lost.rows : deleted === written + lost.rows,
            `${deleted} ${kind} leave the database, ${written} are in the file, ${lost.rows} are over`,
          );
          await this.#writer.settle(connection, { target, made });
          this.#access.onPoint?.('deleted');
          if (lost.rows === 0) return undefined;
          return {
            level: LEVEL_OF[kind],
            reason,
            fromMs: lost.from,
            toMs: lost.to,
            rows: lost.rows,
            bytes: 0,
          };
        });
      } finally {
        release?.();
      }
    });
  }

  async #drop(file: PartitionFile, reason: Thinned['reason'], signal: AbortSignal): Promise<Thinned> {
    await this.#access.step(signal, (connection) => this.#writer.drop(connection, file));
    const { kind, from, to, rows, bytes } = file;
    return { level: LEVEL_OF[kind], reason, fromMs: from, toMs: to, rows, bytes };
  }
}

/** Neighbours in the order of arrival that fit into one partition. */
function runsThatFit(files: readonly PartitionFile[]): readonly (readonly PartitionFile[])[] {
  const runs: PartitionFile[][] = [];
  let rows = Number.POSITIVE_INFINITY;
  for (const file of files) {
    rows += file.rows;
    if (rows > RETENTION_COMPACT_MAX_ROWS) {
      runs.push([]);
      rows = file.rows;
    }
    runs.at(-1)?.push(file);
  }
  return runs;
}
