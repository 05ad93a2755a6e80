import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api';
import { invariant } from '../../../base/invariant.ts';
import { STORE_CHECKPOINT_MIB, STORE_MEMORY_MIB, STORE_THREADS } from '../../../base/limits.ts';
import { problem } from '../../../model/errors.ts';
import type { Offset } from '../../../model/packet.ts';
import type { HistoryTotals } from '../../../model/ports/history.ts';
import type { QuarantinedPacket, QuarantineFilter, QuarantineRow } from '../../../model/ports/quarantine.ts';
import type { RecentMinute } from '../../pipeline/analyze/watch.ts';
import type { Note } from '../../pipeline/preset-notes.ts';
import type { Series, SeriesKind } from '../../series.ts';
import type { RetentionStore } from '../retention-store.ts';
import type {
  AsideRequest,
  Asides,
  LedgerRequest,
  QuarantineUse,
  RankedSeries,
  RankRequest,
  RowsRequest,
  SeriesRows,
  Store,
  StoreCommit,
  StoredLedger,
  StoreState,
} from '../store.ts';
import { readAnalysis, readRecentMinutes } from './analysis.ts';
import { nameSeries } from './asked-series.ts';
import { openFault, writeFault } from './faults.ts';
import { HoldingsView } from './holdings-view.ts';
import { readLedger, readReport } from './ledger.ts';
import { mergeRows } from './merge.ts';
import { NewestNumbers } from './newest-numbers.ts';
import { PartitionFolder } from './partition-files.ts';
import type { StepPoint } from './partition-writer.ts';
import { removeLeftovers } from './partitions.ts';
import { readAsides, readPacket, readReasons } from './quarantine-read.ts';
import { readRanked, readRows } from './read-rows.ts';
import { DuckDbRetention } from './retention.ts';
import { prepareSchema } from './schema.ts';
import type { Sources } from './sources.ts';
import { bucketsSql, fileSql, latestTextsSql, numbersSql, rankSql, textsSql } from './sql.ts';
import { WindowResults } from './window-results.ts';
import { Writer } from './writer.ts';

/** For reads that end by themselves. */
const NEVER = new AbortController().signal;

interface DuckDbStoreOptions {
  /** The database file. */
  readonly path: string;
  /** A folder of our own for exports and for what does not fit into memory; emptied at start. */
  readonly tempDir: string;
  /** The folder of Parquet partitions; absent = `history` beside the database. */
  readonly partitionsDir?: string | undefined;
  /** For tests that stop a step of retention in its middle. */
  readonly onRetentionPoint?: ((point: StepPoint) => void) | undefined;
  /** The write-ahead log grows to this before it is worked into the file. */
  readonly checkpointMib?: number | undefined;
}

interface Opened {
  readonly instance: DuckDBInstance;
  readonly writer: Writer;
  readonly view: HoldingsView;
  readonly newest: NewestNumbers;
  /** Of retention; made when it is first used. */
  keeper?: DuckDBConnection;
}

/** History in one DuckDB file. One per process: DuckDB locks the file against other processes only. */
export class DuckDbStore implements Store {
  readonly retention: RetentionStore;
  readonly #path: string;
  readonly #tempDir: string;
  readonly #folder: PartitionFolder;
  readonly #checkpointMib: number;
  readonly windowed = new WindowResults((signal, run) => this.#readHistory(signal, run));
  #opened: Opened | undefined;
  #idle: DuckDBConnection[] = [];
  readonly #busy = new Map<DuckDBConnection, Promise<unknown>>();
  #files = 0;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: DuckDbStoreOptions) {
    this.#path = options.path;
    this.#tempDir = options.tempDir;
    this.#folder = new PartitionFolder(options.partitionsDir ?? join(dirname(options.path), 'history'));
    this.retention = new DuckDbRetention({
      databasePath: options.path,
      folder: this.#folder,
      view: () => this.#open().view,
      step: (signal, run) => this.#step(signal, run),
      query: (signal, run) => this.#query(signal, run),
      holdMerges: () => this.#holdMerges(),
      betweenCommits: (run) => this.#inTurn(run),
      quiet: () => Promise.allSettled(this.#busy.values()),
      onPoint: options.onRetentionPoint,
    });
    this.#checkpointMib = options.checkpointMib ?? STORE_CHECKPOINT_MIB;
  }

  async open(): Promise<StoreState> {
    invariant(this.#opened === undefined, 'the store is open already');
    let instance: DuckDBInstance | undefined;
    try {
      await this.#emptyTempDir();
      await this.#folder.make();
      instance = await DuckDBInstance.create(this.#path, {
        threads: String(STORE_THREADS),
        memory_limit: `${STORE_MEMORY_MIB}MiB`,
        checkpoint_threshold: `${this.#checkpointMib}MiB`,
        temp_directory: join(this.#tempDir, 'spill'),
        autoinstall_known_extensions: 'false',
        autoload_known_extensions: 'false',
      });
      const connection = await instance.connect();
      await lockDown(connection, [this.#tempDir, this.#folder.path]);
      await prepareSchema(connection);
      const state = await readState(connection);
      await removeLeftovers(connection, this.#folder);
      const view = new HoldingsView(this.#folder);
      await view.open(connection);
      this.#opened = { instance, writer: await Writer.open(connection), view, newest: new NewestNumbers() };
      return state;
    } catch (cause) {
      instance?.closeSync();
      throw openFault(this.#path, cause);
    }
  }

  async commit(commit: StoreCommit): Promise<void> {
    const { writer, newest } = this.#open();
    try {
      await this.#inTurn(() => writer.commit(commit));
      newest.note(commit.parts);
    } catch (cause) {
      throw writeFault(cause);
    }
  }

  rows(request: RowsRequest, signal: AbortSignal): Promise<SeriesRows> {
    return this.#readHistory(signal, async (connection, sources) => {
      if (request.bucket !== undefined) return readRows(connection, bucketsSql(request, sources));
      const numbers = await readRows(connection, numbersSql(request, sources));
      const texts = await readRows(connection, textsSql(request, sources));
      return mergeRows(numbers, texts, request);
    });
  }

  recentMinutes(series: readonly number[], from: number, limit: number): Promise<readonly RecentMinute[]> {
    return this.#query(NEVER, (connection) => readRecentMinutes(connection, series, from, limit));
  }

  latest(series: readonly Series[], signal: AbortSignal): Promise<SeriesRows> {
    const { newest } = this.#open();
    return this.#query(signal, async (connection) => {
      const numbers = await newest.of(connection, series);
      await nameSeries(connection, series);
      const texts = await readRows(connection, latestTextsSql(series));
      return mergeRows(numbers, texts, { limit: series.length, descending: false });
    });
  }

  rank(request: RankRequest, signal: AbortSignal): Promise<readonly RankedSeries[]> {
    return this.#readHistory(signal, async (connection, sources) => {
      await nameSeries(connection, request.series);
      return await readRanked(connection, rankSql(request, sources));
    });
  }

  file(
    request: RowsRequest,
    format: 'csv' | 'parquet',
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    this.#files += 1;
    const path = join(this.#tempDir, `export-${this.#files}.${format}`);
    return this.#readHistory(signal, async (connection, sources) => {
      try {
        await connection.run(fileSql(request, { format, path, sources }));
        return new Uint8Array(await readFile(path));
      } finally {
        await rm(path, { force: true });
      }
    });
  }

  quarantine(
    filter: QuarantineFilter,
    limit: number,
    signal: AbortSignal,
  ): Promise<readonly QuarantineRow[]> {
    return this.#query(signal, (connection) => readReasons(connection, filter, limit));
  }

  quarantined(offset: Offset, signal: AbortSignal): Promise<QuarantinedPacket | undefined> {
    return this.#query(signal, (connection) => readPacket(connection, offset));
  }

  asides(request: AsideRequest): Promise<Asides> {
    return this.#query(NEVER, (connection) => readAsides(connection, request));
  }

  ledger(request: LedgerRequest, signal: AbortSignal): Promise<StoredLedger> {
    return this.#query(signal, (connection) => readReport(connection, request));
  }

  get quarantineUse(): QuarantineUse {
    const { quarantine } = this.#open().writer;
    return { ...quarantine.use, trimmed: quarantine.trimmed };
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    if (opened === undefined) return;
    this.#opened = undefined;
    for (const connection of this.#busy.keys()) connection.interrupt();
    await Promise.allSettled(this.#busy.values());
    for (const connection of this.#idle) connection.closeSync();
    this.#idle = [];
    opened.keeper?.closeSync();
    try {
      opened.writer.close();
    } finally {
      opened.instance.closeSync();
    }
  }

  #open(): Opened {
    if (this.#opened === undefined) throw problem('store.unavailable', 'history is not open');
    return this.#opened;
  }

  /** A query over history wherever it lies: each reading is seen once. */
  async #readHistory<T>(
    signal: AbortSignal,
    run: (connection: DuckDBConnection, sources: Sources) => Promise<T>,
  ): Promise<T> {
    const { view } = this.#open();
    return this.#query(signal, (connection) => view.read(connection, (sources) => run(connection, sources)));
  }

  /** On a connection of its own, interrupted when the signal says so. How many run at once is the caller's. */
  async #query<T>(signal: AbortSignal, run: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const { instance } = this.#open();
    const connection = this.#idle.pop() ?? (await instance.connect());
    try {
      return await this.#supervise(connection, signal, run);
    } finally {
      if (this.#opened?.instance === instance) this.#idle.push(connection);
      else connection.closeSync();
    }
  }

  /** One after the other, on the connection of retention. */
  async #step<T>(signal: AbortSignal, run: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const opened = this.#open();
    opened.keeper ??= await opened.instance.connect();
    return this.#supervise(opened.keeper, signal, run);
  }

  async #supervise<T>(
    connection: DuckDBConnection,
    signal: AbortSignal,
    run: (connection: DuckDBConnection) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted();
    const interrupt = (): void => connection.interrupt();
    signal.addEventListener('abort', interrupt);
    const running = run(connection);
    this.#busy.set(connection, running);
    try {
      return await running;
    } finally {
      signal.removeEventListener('abort', interrupt);
      await running.catch(() => undefined);
      this.#busy.delete(connection);
    }
  }

  /** Commits, and what must not run beside one, take turns. */
  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(run);
    this.#turn = mine.then(
      () => undefined,
      () => undefined,
    );
    return mine;
  }

  /**
   * Two transactions must not delete the same window parts: resolves when no merge runs, and none begins before the
   * answer is called.
   */
  async #holdMerges(): Promise<() => void> {
    const { writer } = this.#open();
    writer.mergesHeld = true;
    await this.#turn;
    return () => {
      writer.mergesHeld = false;
    };
  }

  async #emptyTempDir(): Promise<void> {
    await mkdir(this.#tempDir, { recursive: true });
    for (const name of await readdir(this.#tempDir)) {
      if (name === 'spill' || name.startsWith('export-')) {
        await rm(join(this.#tempDir, name), { recursive: true, force: true });
      }
    }
  }
}

/** Files are read and written in our own folders only, and no statement can change that. */
async function lockDown(connection: DuckDBConnection, folders: readonly string[]): Promise<void> {
  const quoted = folders.map((folder) => `'${folder.replaceAll("'", "''")}'`);
  await connection.run(`SET allowed_directories = [${quoted.join(', ')}]`);
  await connection.run('SET enable_external_access = false');
  await connection.run('SET lock_configuration = true');
}

async function readState(connection: DuckDBConnection): Promise<StoreState> {
  const progress = await connection.runAndReadAll(
    `SELECT log_offset::DOUBLE, packets::DOUBLE, stored::DOUBLE, forwarded::DOUBLE, quarantined::DOUBLE,
       readings::DOUBLE, rejections::DOUBLE FROM progress`,
  );
  const row = progress.getRows()[0];
  invariant(row !== undefined, 'progress has one row');
  const [offset = 0, packets = 0, stored = 0, forwarded = 0, quarantined = 0, readings = 0, rejections = 0] =
    row.map(Number);
  const totals: HistoryTotals = { offset, packets, stored, forwarded, quarantined, readings, rejections };
  const series = await connection.runAndReadAll(
    'SELECT id, device, metric, unit, kind FROM series ORDER BY id',
  );
  const notes = await connection.runAndReadAll('SELECT device, key, value FROM preset_notes');
  return {
    totals,
    series: series.getRows().map(toSeries),
    notes: notes.getRows().map(toNote),
    analysis: await readAnalysis(connection),
    ledger: await readLedger(connection),
  };
}

const toSeries = ([id, device, metric, unit, kind]: readonly DuckDBValue[]): Series => ({
  id: Number(id),
  device: String(device),
  metric: String(metric),
  unit: String(unit),
  kind: Number(kind) as SeriesKind,
});

const toNote = ([device, key, value]: readonly DuckDBValue[]): Note => ({
  device: String(device),
  key: String(key),
  value: String(value),
});
