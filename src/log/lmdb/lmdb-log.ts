/**
 * The embedded durable log: one LMDB value per block of records, one transaction per group commit. Promises that
 * what it reports as committed is on disk, that a failed disk refuses appends and nothing more, and that it recovers
 * by itself. It must not know what is in a packet, who reads, or how acknowledgements travel.
 */
import type { Clock } from '../../base/clock.ts';
import { invariant } from '../../base/invariant.ts';
import { type Health, UP } from '../../base/lifecycle.ts';
import {
  DISK_RESERVE_BYTES,
  HTTP_BODY_MAX_BYTES,
  LOG_MAP_MIN_BYTES,
  LOG_META_MAX_BYTES,
  LOG_PENDING_MAX_BYTES,
  LOG_SLACK_SHARES,
  LOG_TRIM_INTERVAL_MS,
  LOG_TRIM_STEP_BLOCKS,
  TOPIC_MAX_BYTES,
} from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import { ERRORS, type ErrorCode, type SensoriumError } from '../../model/errors.ts';
import type { DataPacket, Offset } from '../../model/packet.ts';
import { type Log, type LogListener, REFUSED } from '../../model/ports/log.ts';
import type { Meter } from '../../model/ports/meter.ts';
import { Backlog } from './backlog.ts';
import type { OpenBlock } from './block.ts';
import { type Budget, type Expendable, expendable, firstWithin } from './block-index.ts';
import { DiskReserve } from './disk-reserve.ts';
import type { BlockStore } from './environment.ts';
import { EncodedNames, frameSize } from './frame.ts';
import { GroupCommit } from './group-commit.ts';
import { asCommitError } from './lmdb-error.ts';
import { openBlockStore, type StoredLog } from './open-store.ts';
import { Recovery } from './recovery.ts';
import { Waiters } from './waiters.ts';

/** One HTTP batch is one record at most. */
const FRAME_MAX_BYTES = HTTP_BODY_MAX_BYTES + 4 * TOPIC_MAX_BYTES;
/** `congested` ends here, well below where it began, so that sources are not paused and resumed per commit. */
const RELIEVED_BYTES = LOG_PENDING_MAX_BYTES / 2;
/** Trimming starts this far below the budget, so that appends never meet it while something can go. */
const headroomBytes = (maxBytes: number): number => Math.min(maxBytes / 4, 4 * LOG_PENDING_MAX_BYTES);

export interface LogOptions {
  /** Directory of the LMDB environment; created when absent. */
  readonly path: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly meter: Meter;
  /** Budget of the stored blocks. */
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  /** Free space of the file system below which appends are refused. */
  readonly reserveBytes?: number;
}

/**
 * Opens the log and recovers its next offset. Throws SensoriumError: `data_dir.corrupt`, `data_dir.newer`,
 * `data_dir.unwritable`, `log.corrupt`; what is on disk stays as it is.
 */
export async function openLog(options: LogOptions): Promise<LmdbLog> {
  const mapBytes = Math.max(LOG_MAP_MIN_BYTES, 4 * options.maxBytes);
  const stored = await openBlockStore({ path: options.path, mapBytes });
  const log = new LmdbLog(options, stored);
  await log.start();
  return log;
}

export class LmdbLog implements Log {
  readonly recovered: Offset;
  readonly #options: LogOptions;
  readonly #store: BlockStore;
  readonly #commits: GroupCommit;
  readonly #backlog: Backlog;
  readonly #recovery: Recovery;
  readonly #reserve: DiskReserve;
  readonly #names = new EncodedNames();
  readonly #waiters = new Waiters();
  readonly #listeners = new Set<LogListener>();
  readonly #holds = new Map<string, Offset>();
  readonly #meters: (() => void)[] = [];
  #trimTimer: NodeJS.Timeout | undefined;
  #trimDue = false;
  #allHeld = false;
  #closed = false;
  #congested = false;
  #refusal: ErrorCode = 'log.failed';
  #first: Offset;
  #firstBytesBefore: number;
  #durable: Offset;
  #endBytes: number;
  #committedRecords = 0;
  #commitCount = 0;

  constructor(options: LogOptions, stored: StoredLog) {
    this.#options = options;
    this.#store = stored.store;
    this.#first = stored.first;
    this.#firstBytesBefore = stored.firstBytesBefore;
    this.#durable = stored.next;
    this.recovered = stored.next;
    this.#endBytes = stored.endBytes;
    this.#commits = new GroupCommit({
      next: stored.next,
      bytesBefore: stored.endBytes,
      write: (blocks) => this.#write(blocks),
      committed: (through, endBytes) => this.#committed(through, endBytes),
      failed: (error) => this.#failed(error),
    });
    const { firstBytesBefore } = stored;
    this.#backlog = new Backlog({ store: stored.store, maxBytes: options.maxBytes, firstBytesBefore });
    this.#recovery = new Recovery({ store: stored.store, path: options.path, logger: options.logger });
    this.#reserve = new DiskReserve({
      path: options.path,
      bytes: options.reserveBytes ?? DISK_RESERVE_BYTES,
      logger: options.logger,
    });
  }

  async start(): Promise<void> {
    await this.#reserve.start();
    this.#trimTimer = setInterval(() => this.trim(), LOG_TRIM_INTERVAL_MS).unref();
    const { meter } = this.#options;
    const startedAt = this.next;
    this.#meters.push(
      meter.collect('iot_log_appended_total', () => this.next - startedAt),
      meter.collect('iot_log_committed_total', () => this.#committedRecords),
      meter.collect('iot_log_commits_total', () => this.#commitCount),
      meter.collect('iot_log_bytes', () => this.sizeBytes),
      meter.collect('iot_log_backlog_bytes', () => this.#backlog.bytes(this.#endBytes)),
    );
  }

  /** Commits what is open, then closes. Nothing is accepted from the call on. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#trimTimer);
    this.#reserve.stop();
    await this.#commits.flush();
    this.#commits.stop();
    await this.#recovery.stop();
    for (const deregister of this.#meters.splice(0)) deregister();
    await this.#store.close();
  }

  append(packet: DataPacket): Offset {
    const names = this.#names.get(packet.origin, packet.topic);
    if (names === undefined) return this.#refuse('topic.invalid');
    if (packet.meta !== undefined && packet.meta.length > LOG_META_MAX_BYTES) {
      return this.#refuse('payload.too_large');
    }
    const size = frameSize(names, packet);
    const pending = this.#commits.pendingBytes;
    const refusal = this.#reasonToRefuse(size, pending) ?? this.#reasonToShed(packet, pending + size);
    if (refusal !== undefined) return this.#refuse(refusal);
    const offset = this.#commits.append(packet, names, size);
    if (!this.#congested && this.#isTooMuch(pending + size)) this.#setCongested(true);
    return offset;
  }

  get refusal(): ErrorCode {
    return this.#refusal;
  }

  get congested(): boolean {
    return this.#congested;
  }

  get first(): Offset {
    return this.#first;
  }

  get next(): Offset {
    return this.#commits.next;
  }

  get durable(): Offset {
    return this.#durable;
  }

  get sizeBytes(): number {
    return this.#endBytes - this.#firstBytesBefore;
  }

  health(): Health {
    const broken = this.#recovery.error;
    const code = broken?.code ?? this.#standingRefusal(0);
    if (code === undefined) return UP;
    const reason = `${broken?.message ?? ERRORS[code].title} ${ERRORS[code].cure}`;
    return { status: this.#recovery.isFinal ? 'down' : 'degraded', reasons: [reason] };
  }

  listen(listener: LogListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async committed(offset: Offset): Promise<void> {
    invariant(offset >= 0 && offset < this.next, `offset ${offset} was never given`);
    const failure = this.#waiters.failureOf(offset);
    if (failure !== undefined) throw failure;
    if (offset >= this.#durable) await this.#waiters.wait(offset);
  }

  hold(consumer: string, from: Offset): void {
    this.#holds.set(consumer, from);
    this.#holdsMoved();
  }

  release(consumer: string): void {
    if (this.#holds.delete(consumer)) this.#holdsMoved();
  }

  endangered(share: number): Offset {
    invariant(share >= 0 && share <= 1, `${share} is no share of a budget`);
    // Nothing is trimmed then, and a broken environment cannot even be read.
    if (this.#closed || this.#recovery.error !== undefined) return 0;
    const within = firstWithin(this.#store, this.#first, this.#durable, this.#budget(share));
    return within === this.#first ? 0 : within;
  }

  /** Removes what is over budget or age and held by nobody, with the next commit. Runs by itself from time to time. */
  trim(): void {
    if (this.#closed || this.#recovery.error !== undefined) return;
    this.#trimDue = true;
    this.#commits.nudge();
  }

  #holdsMoved(): void {
    this.#allHeld = false;
    if (this.#closed || this.#recovery.error !== undefined) return;
    const heldFrom = this.#holds.size === 0 ? this.#first : Math.min(...this.#holds.values());
    this.#backlog.moved(heldFrom, this.#durable, this.#endBytes);
    this.#relieve();
    if (this.sizeBytes > this.#lowWaterBytes) this.trim();
  }

  #reasonToRefuse(size: number, pending: number): ErrorCode | undefined {
    if (size > FRAME_MAX_BYTES) return 'payload.too_large';
    if (pending + size > 2 * LOG_PENDING_MAX_BYTES) return 'log.congested';
    return this.#standingRefusal(pending + size);
  }

  /** Nobody is told of QoS 0: it makes room first, for what will be acknowledged. */
  #reasonToShed({ qos }: DataPacket, pending: number): ErrorCode | undefined {
    if (qos > 0) return undefined;
    const mustShed = this.#reserve.tight || this.#backlog.mustShed(this.#endBytes + pending);
    return mustShed ? 'log.shedding' : undefined;
  }

  #isTooMuch(pending: number): boolean {
    return (
      pending > LOG_PENDING_MAX_BYTES ||
      this.#backlog.mustPause(this.#endBytes + pending) ||
      this.#spaceLeft(pending) < this.#slackBytes
    );
  }

  /** What may go takes until the next commits to be gone: senders that have just been let go must not overtake that. */
  #spaceLeft(pending: number): number {
    return this.#options.maxBytes - this.sizeBytes - pending;
  }

  get #slackBytes(): number {
    return Math.min(this.#options.maxBytes / LOG_SLACK_SHARES, LOG_PENDING_MAX_BYTES);
  }

  #relieve(): void {
    if (!this.#congested) return;
    const pending = this.#commits.pendingBytes;
    const isRelieved =
      pending < RELIEVED_BYTES &&
      this.#backlog.mayResume(this.#endBytes + pending) &&
      this.#spaceLeft(pending) > 2 * this.#slackBytes;
    if (isRelieved) this.#setCongested(false);
  }

  /** Why nothing of `bytes` more would be accepted now, whatever it is. */
  #standingRefusal(bytes: number): ErrorCode | undefined {
    if (this.#closed) return 'log.failed';
    if (this.#recovery.error !== undefined) return this.#recovery.error.code;
    if (this.#reserve.short) return 'disk.full';
    return this.sizeBytes + bytes <= this.#options.maxBytes ? undefined : 'log.full';
  }

  #refuse(code: ErrorCode): Offset {
    this.#refusal = code;
    return REFUSED;
  }

  async #write(blocks: readonly OpenBlock[]): Promise<void> {
    const trim = this.#expendable();
    if (blocks.length === 0 && trim === undefined) return;
    const store = this.#store;
    const { clock, meter } = this.#options;
    const startedAt = clock.monotonic();
    try {
      // One batch is one LMDB transaction: all of it is on disk, or none.
      await store.batch(() => {
        for (const block of blocks) void store.put(block.base, block.sealed());
        for (const key of trim?.keys ?? []) void store.remove(key);
      });
    } catch (cause) {
      throw await asCommitError(cause, this.#options.path);
    }
    meter.observe('iot_log_commit_seconds', (clock.monotonic() - startedAt) / 1_000);
    this.#commitCount += 1;
    for (const block of blocks) this.#committedRecords += block.count;
    if (trim !== undefined) this.#trimmed(trim);
  }

  #trimmed(trim: Expendable): void {
    this.#first = trim.first;
    this.#firstBytesBefore = trim.firstBytesBefore;
    this.#relieve();
    // A full step: more may go, with the next commit or without one.
    if (trim.keys.length === LOG_TRIM_STEP_BLOCKS) this.trim();
  }

  #committed(through: Offset, endBytes: number): void {
    this.#durable = through + 1;
    this.#endBytes = endBytes;
    // With the next commit, which costs no flush of its own. Where all is held, the next move of a hold asks again.
    if (!this.#allHeld && this.sizeBytes > this.#lowWaterBytes) this.#trimDue = true;
    this.#waiters.committed(through);
    for (const listener of this.#listeners) listener.committed(through);
    this.#relieve();
  }

  #failed(error: SensoriumError): void {
    this.#recovery.begin(error);
    const lost = this.#commits.abandon();
    if (lost !== undefined) {
      this.#waiters.failed({ ...lost, error });
      for (const listener of this.#listeners) listener.failed(lost.from, lost.through, error);
    }
    if (this.#congested) this.#setCongested(false);
  }

  #setCongested(congested: boolean): void {
    this.#congested = congested;
    for (const listener of this.#listeners) listener.congestion(congested);
  }

  get #lowWaterBytes(): number {
    return this.#options.maxBytes - headroomBytes(this.#options.maxBytes);
  }

  /** Until a consumer has said how far it is, everything is held: nobody may lose a backlog by starting late. */
  #expendable(): Expendable | undefined {
    if (!this.#trimDue || this.#holds.size === 0) return undefined;
    this.#trimDue = false;
    const heldFrom = Math.min(...this.#holds.values());
    const trim = expendable(this.#store, this.#first, heldFrom, this.#budget(1));
    this.#allHeld = trim === undefined;
    return trim;
  }

  /** What may go when the log may have `share` of its bytes and age. */
  #budget(share: number): Budget {
    return {
      bytesThrough: this.#endBytes - share * this.#lowWaterBytes,
      oldestAt: this.#options.clock.now() - share * this.#options.maxAgeMs,
    };
  }
}
