import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { type Health, type Manager, UP } from '../base/lifecycle.ts';
import {
  DATA_READ_ROUND_BYTES,
  STORE_CHECKPOINT_MIB,
  STORE_COMMIT_LINGER_MS,
  STORE_COMMIT_MAX_READINGS,
} from '../base/limits.ts';
import type { Logger } from '../base/logger.ts';
import { problem, type SensoriumError } from '../model/errors.ts';
import type { Offset } from '../model/packet.ts';
import type { EventPublisher } from '../model/ports/events.ts';
import type { History, HistoryTotals, LiveFeed } from '../model/ports/history.ts';
import { type LedgerBook, noReceipts, type Receipts } from '../model/ports/ledger.ts';
import type { Log } from '../model/ports/log.ts';
import type { Meter } from '../model/ports/meter.ts';
import type { Quarantine } from '../model/ports/quarantine.ts';
import type { Registry } from '../model/ports/registry.ts';
import type { Retention } from '../model/ports/retention.ts';
import type { Traces } from '../model/ports/traces.ts';
import { CommitAnnouncer } from './commit-announcer.ts';
import { HistoryClient } from './history-client.ts';
import { LedgerClient, type Tallies } from './ledger-client.ts';
import { LiveHub } from './live-hub.ts';
import { LogIntake } from './log-intake.ts';
import type { CommitPace, FromWorker } from './protocol.ts';
import { QuarantineClient } from './quarantine-client.ts';
import { RegistryFeed } from './registry-feed.ts';
import { RetentionDesk } from './retention/desk.ts';
import { KEEP_ALL, type RetentionSettings } from './retention/report.ts';
import { TraceBook } from './trace-book.ts';
import { WorkerLink } from './worker-link.ts';

interface DataManagerOptions {
  readonly log: Log;
  /** Where the worker finds the log. */
  readonly logPath: string;
  readonly dataDir: string;
  readonly registry: Registry;
  readonly events: EventPublisher;
  readonly meter: Meter;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Counts what comes in, for the ledger; absent = nobody does. */
  readonly receipts?: (Receipts & Tallies) | undefined;
  /** Absent = all of history is kept. */
  readonly retention?: RetentionSettings | undefined;
  /** For tests that want many small commits. */
  readonly pace?: Partial<CommitPace> | undefined;
}

const PACE: CommitPace = {
  lingerMs: STORE_COMMIT_LINGER_MS,
  maxReadings: STORE_COMMIT_MAX_READINGS,
  readRoundBytes: DATA_READ_ROUND_BYTES,
  checkpointMib: STORE_CHECKPOINT_MIB,
};

/** The name under which history holds the log back. */
const CONSUMER = 'history';

/**
 * The data room as the system sees it: starts the data worker, feeds it, and speaks for it. The worker owns
 * pipeline and store; this side owns the ports, which stay valid over restarts and answer with an error between.
 */
export class DataManager implements Manager {
  readonly name = 'data';
  readonly history: History;
  readonly quarantine: Quarantine;
  readonly ledger: LedgerBook;
  readonly retention: Retention;
  readonly intake: LogIntake;
  readonly live: LiveFeed;
  readonly traces: Traces;
  readonly #options: DataManagerOptions;
  readonly #client: HistoryClient;
  readonly #ledger: LedgerClient;
  readonly #retention: RetentionDesk;
  readonly #hub: LiveHub;
  readonly #traces: TraceBook;
  readonly #feed: RegistryFeed;
  readonly #announcer: CommitAnnouncer;
  #link: WorkerLink | undefined;
  #totals: HistoryTotals | undefined;
  #held = false;
  #trouble: string | undefined;
  #down = 'not started';
  #undo: (() => void)[] = [];
  #onFailure: (cause: Error) => void = () => undefined;
  #begun: { resolve(totals: HistoryTotals): void; reject(cause: Error): void } | undefined;
  /** The worker waits for something beyond its own `next`. */
  #waiting: Offset | undefined;
  /** What was durable when the worker was woken last: it has seen that much. */
  #wokenAt: Offset = -1;

  constructor(options: DataManagerOptions) {
    this.#options = options;
    this.#client = new HistoryClient({
      ask: (id, query) => {
        if (this.#totals === undefined || this.#link === undefined) return false;
        this.#link.post({ kind: 'query', id, query });
        return true;
      },
      totals: () => this.#totals,
    });
    const { log, receipts } = options;
    this.#ledger = new LedgerClient({ log, tallies: receipts, history: this.#client });
    const { budgetBytes } = options.retention ?? KEEP_ALL;
    this.#retention = new RetentionDesk({ ...options, history: this.#client, budgetBytes });
    this.#hub = new LiveHub((list) => this.#link?.post({ kind: 'watch', list }));
    this.#feed = new RegistryFeed(options.registry, options.logger);
    this.#announcer = new CommitAnnouncer(options);
    this.history = this.#client;
    this.quarantine = new QuarantineClient(this.#client);
    this.ledger = this.#ledger;
    this.retention = this.#retention;
    this.live = this.#hub;
    this.#traces = new TraceBook(options.meter);
    this.traces = this.#traces;
    this.intake = new LogIntake({ ...options, receipts: receipts ?? noReceipts });
  }

  /** Resolves when history is open. Throws 'store.failed', 'data_dir.newer', 'data_dir.in_use', 'data_dir.corrupt'. */
  async start(): Promise<void> {
    const { log, logPath, dataDir, meter, pace, retention } = this.#options;
    const link = new WorkerLink({
      setup: {
        logPath,
        storePath: join(dataDir, 'history.duckdb'),
        tempDir: join(dataDir, 'tmp'),
        pace: { ...PACE, ...pace },
        retention: retention ?? KEEP_ALL,
      },
      hear: (message) => this.#hear(message),
      died: (cause) => this.#died(cause),
    });
    this.#link = link;
    this.#waiting = undefined;
    this.#wokenAt = -1;
    this.#trouble = undefined;
    const begun = new Promise<HistoryTotals>((resolve, reject) => {
      this.#begun = { resolve, reject };
    });
    // Until the offset is known nothing may be trimmed.
    if (!this.#held) log.hold(CONSUMER, 0);
    link.start();
    this.#undo = [
      this.#feed.start((message) => link.post(message)),
      log.listen({
        committed: (through) => this.#wakeWhenDue(through + 1),
        failed: () => undefined,
        congestion: () => undefined,
      }),
      this.#retention.start(),
      meter.collect('iot_quarantine_packets', () => this.#announcer.quarantine.packets),
      meter.collect('iot_quarantine_bytes', () => this.#announcer.quarantine.bytes),
      meter.collect('iot_pipeline_lag_packets', () => Math.max(0, log.durable - (this.#totals?.offset ?? 0))),
    ];
    link.post({ kind: 'begin', logNext: log.next });
    try {
      const totals = await begun;
      this.#progressed(totals);
    } catch (cause) {
      await this.stop();
      throw cause;
    }
    link.post({ kind: 'watch', list: this.#hub.list });
  }

  async stop(): Promise<void> {
    const link = this.#link;
    this.#down = 'stopped';
    await this.intake.stop();
    if (link !== undefined && !(await link.stop())) {
      this.#options.logger.warn({}, 'the data worker did not stop in time and was ended; nothing is lost');
    }
    this.#link = undefined;
    this.#release();
  }

  /** The first offset that is not in history; undefined while there is none. */
  get storedUpTo(): Offset | undefined {
    return this.#totals?.offset;
  }

  health(): Health {
    if (this.#totals === undefined) return { status: 'down', reasons: [this.#down] };
    const reasons = [this.#trouble, this.#retention.reason].filter((reason) => reason !== undefined);
    return reasons.length === 0 ? UP : { status: 'degraded', reasons };
  }

  onFailure(listener: (cause: Error) => void): void {
    this.#onFailure = listener;
  }

  #hear(message: FromWorker): void {
    switch (message.kind) {
      case 'ready':
        this.#begun?.resolve(message.totals);
        break;
      case 'failed':
        this.#begun?.reject(problem(message.fault.code, message.fault.detail));
        break;
      case 'caught-up':
        this.#waiting = message.next;
        this.#wakeWhenDue(this.#options.log.durable);
        break;
      case 'committed':
        this.#progressed(message.report.totals);
        this.#announcer.announce(message.report);
        this.#traces.add(message.report.traces);
        this.#hub.publish(message.report.live, message.report.liveDropped);
        break;
      case 'effects':
        void this.#carryOut(message);
        break;
      case 'answer':
        this.#client.answered(message.id, message.answer);
        break;
      case 'refused':
        this.#client.refused(message.id, message.fault);
        break;
      case 'retention':
        this.#retention.hear(message.report);
        break;
      case 'trouble':
        this.#troubled(
          message.fault === undefined ? undefined : problem(message.fault.code, message.fault.detail),
        );
        break;
      case 'bug':
        this.#options.logger.error({ stack: message.stack }, message.message);
        break;
    }
  }

  async #carryOut({ id, effects }: Extract<FromWorker, { kind: 'effects' }>): Promise<void> {
    const link = this.#link;
    const refusedChildren = await this.#feed.carryOut(effects);
    link?.post({ kind: 'effects-done', id, refusedChildren });
  }

  #progressed(totals: HistoryTotals): void {
    this.#totals = totals;
    this.#options.log.hold(CONSUMER, totals.offset);
    this.#ledger.progressed(totals.offset);
    this.#held = true;
  }

  #wakeWhenDue(durable: Offset): void {
    if (this.#waiting === undefined || durable <= this.#waiting || durable <= this.#wokenAt) return;
    this.#waiting = undefined;
    this.#wokenAt = durable;
    this.#link?.post({ kind: 'wake' });
  }

  #troubled(cause: SensoriumError | undefined): void {
    const { logger } = this.#options;
    if (cause === undefined) logger.info({}, 'history is well again');
    else logger.error({ code: cause.code }, `history: ${cause.message}`);
    this.#trouble = cause === undefined ? undefined : `${cause.title}: ${cause.message}. ${cause.cure}`;
  }

  #died(cause: Error): void {
    this.#link = undefined;
    this.#down = `the data worker ended: ${cause.message}`;
    const begun = this.#begun;
    const wasReady = this.#totals !== undefined;
    this.#release();
    if (wasReady) this.#onFailure(cause);
    else begun?.reject(cause);
  }

  #release(): void {
    for (const undo of this.#undo.splice(0)) undo();
    this.#totals = undefined;
    this.#begun = undefined;
    this.#client.disconnected();
  }
}
