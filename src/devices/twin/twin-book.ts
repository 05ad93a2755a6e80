/**
 * Twins on disk: documents, their history, and the list of devices that have something to do. Promises that a change is
 * one batch with its history, and that readers see only what is on disk, while the next change is based on the last one
 * that is on its way there. It must not know what a change means.
 */
import {
  TWIN_HISTORY_MAX,
  TWIN_HISTORY_PATCH_MAX_BYTES,
  TWIN_WRITES_PENDING_MAX,
} from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import type { StateStore, StateTable } from '../../model/ports/state.ts';
import type { TwinChange, TwinPart } from '../../model/twin.ts';
import { deltaOf, EMPTY_TWIN, type StoredTwin } from './twin-record.ts';

/** Changes that go to disk together. */
interface Batch {
  /** Undefined: all of it goes. */
  readonly twins: Map<string, StoredTwin | undefined>;
  readonly changes: (readonly [device: string, change: TwinChange])[];
  readonly done: PromiseWithResolvers<void>;
}

interface TwinBookOptions {
  readonly state: StateStore;
  readonly logger: Logger;
}

export class TwinBook {
  readonly #state: StateStore;
  readonly #logger: Logger;
  readonly #twins: StateTable<StoredTwin>;
  readonly #history: StateTable<TwinChange>;
  /** Of devices with a delta: the version of what they are to do. */
  readonly #due: StateTable<number>;
  #next: Batch = newBatch();
  #current: Batch | undefined;
  #running: Promise<void> | undefined;
  #fault: string | undefined;

  constructor({ state, logger }: TwinBookOptions) {
    this.#state = state;
    this.#logger = logger;
    this.#twins = state.table<StoredTwin>('twins');
    this.#history = state.table<TwinChange>('twin-history');
    this.#due = state.table<number>('twins-due');
  }

  /** Why the last write failed, in words; undefined when it did not. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** More changes than may wait. */
  get isBusy(): boolean {
    return this.#next.changes.length >= TWIN_WRITES_PENDING_MAX;
  }

  /** As it is on disk. */
  get(device: string): StoredTwin {
    return this.#twins.get(device) ?? EMPTY_TWIN;
  }

  /** What the next change is to be based on. */
  latest(device: string): StoredTwin {
    for (const batch of [this.#next, this.#current])
      if (batch?.twins.has(device) === true) return batch.twins.get(device) ?? EMPTY_TWIN;
    return this.get(device);
  }

  /** The last change of a device is on disk, or the disk refused it. */
  async stored(device: string): Promise<void> {
    for (const batch of [this.#next, this.#current])
      if (batch?.twins.has(device) === true) return await batch.done.promise;
  }

  /** Devices that have something to do. */
  *due(): Generator<string> {
    for (const [device] of this.#due.entries()) yield device;
  }

  /** Youngest first. */
  history(device: string, part: TwinPart): readonly TwinChange[] {
    const prefix = historyKey(device, part);
    return [...this.#history.entries({ prefix })].map(([, change]) => change).toReversed();
  }

  /** Resolves when both are on disk; rejects with SensoriumError, and then nothing has changed. */
  put(device: string, twin: StoredTwin, change: TwinChange): Promise<void> {
    this.#next.twins.set(device, twin);
    this.#next.changes.push([device, change]);
    return this.#soon();
  }

  remove(device: string): Promise<void> {
    this.#next.twins.set(device, undefined);
    return this.#soon();
  }

  /** All that is on its way is on disk, or has failed. */
  async settled(): Promise<void> {
    await this.#running;
  }

  #soon(): Promise<void> {
    const { promise } = this.#next.done;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return promise;
  }

  /** What comes while one batch is written makes the next. */
  async #run(): Promise<void> {
    // All of this turn together.
    await Promise.resolve();
    while (this.#next.twins.size > 0) {
      const batch = this.#next;
      this.#current = batch;
      this.#next = newBatch();
      try {
        await this.#state.batch(() => this.#write(batch));
        this.#fault = undefined;
        batch.done.resolve();
      } catch (cause) {
        this.#failed(batch, cause);
      }
      this.#current = undefined;
    }
  }

  #write({ twins, changes }: Batch): void {
    for (const [device, twin] of twins) {
      if (twin === undefined) {
        this.#erase(device);
        continue;
      }
      void this.#twins.put(device, twin);
      if (deltaOf(twin) === undefined) void this.#due.remove(device);
      else void this.#due.put(device, twin.desired.version);
    }
    for (const [device, change] of changes) {
      if (twins.get(device) === undefined) continue;
      const { part, version } = change;
      void this.#history.put(historyKey(device, part, version), bounded(change));
      void this.#history.remove(historyKey(device, part, version - TWIN_HISTORY_MAX));
    }
  }

  #erase(device: string): void {
    void this.#twins.remove(device);
    void this.#due.remove(device);
    for (const [key] of this.#history.entries({ prefix: `${device}@` })) void this.#history.remove(key);
  }

  /** What was based on it falls with it. */
  #failed(batch: Batch, cause: unknown): void {
    const based = this.#next;
    this.#next = newBatch();
    batch.done.reject(cause);
    based.done.reject(cause);
    const message = cause instanceof Error ? cause.message : String(cause);
    if (this.#fault === undefined) this.#logger.error({ cause: message }, 'twins cannot be stored');
    this.#fault = message;
  }
}

function newBatch(): Batch {
  const done = Promise.withResolvers<void>();
  // Whoever put something waits for it; nobody may have.
  done.promise.catch(() => undefined);
  return { twins: new Map(), changes: [], done };
}

/** `@` cannot be part of an id; padded, so that versions stand in order. Without a version: the prefix of all. */
const historyKey = (device: string, part: TwinPart, version?: number): string =>
  `${device}@${part}@${version === undefined ? '' : String(Math.max(0, version)).padStart(16, '0')}`;

function bounded(change: TwinChange): TwinChange {
  const { patch, ...rest } = change;
  return JSON.stringify(patch).length <= TWIN_HISTORY_PATCH_MAX_BYTES ? change : rest;
}
