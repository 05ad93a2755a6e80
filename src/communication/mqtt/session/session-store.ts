/**
 * Kept sessions on disk. All that changed goes down as one batch together with the log offset up to which messages were
 * routed: after a crash the store is one moment of all sessions, and the log from that offset on is routed again. Owns
 * tables and batches; it must not know what a session does.
 */
import { setImmediate } from 'node:timers';
import type { Logger } from '../../../base/logger.ts';
import type { Offset } from '../../../model/packet.ts';
import type { StateStore, StateTable } from '../../../model/ports/state.ts';
import { ReferenceQueue } from './reference-queue.ts';
import type { Session } from './session.ts';
import { decodeFlow, encodeFlow, type Flow, recordOf, type SessionRecord } from './session-record.ts';

interface SessionStoreOptions {
  readonly state: StateStore;
  readonly logger: Logger;
  /** The offset the log gives next: everything below has been routed. */
  readonly routed: () => Offset;
  /** Session ids below this were given. */
  readonly nextId: () => number;
}

interface Position {
  readonly routed: Offset;
  readonly nextId: number;
}

export interface StoredSession {
  readonly id: number;
  readonly record: SessionRecord;
  readonly flow: Flow;
  readonly queue: ReferenceQueue;
}

type Dirty = 'record' | 'flow' | 'ended';

const POSITION = 'position';
/** Fixed width, so that keys sort as numbers do. */
const idKey = (id: number): string => id.toString(36).padStart(11, '0');
const chunkKey = (id: number, chunk: number): string =>
  `${idKey(id)}.${chunk.toString(36).padStart(11, '0')}`;

export class SessionStore {
  readonly #options: SessionStoreOptions;
  readonly #state: StateStore;
  readonly #records: StateTable<SessionRecord>;
  readonly #flows: StateTable<Uint8Array>;
  readonly #queues: StateTable<Uint8Array>;
  readonly #position: StateTable<Position>;
  #dirty = new Map<Session, Set<Dirty>>();
  #waiters: (() => void)[] = [];
  #isScheduled = false;
  #commit: Promise<void> | undefined;
  #storedRouted: Offset = 0;
  #isFailing = false;

  constructor(options: SessionStoreOptions) {
    const { state } = options;
    this.#options = options;
    this.#state = state;
    this.#records = state.table('mqtt-sessions');
    this.#flows = state.bytes('mqtt-flows');
    this.#queues = state.bytes('mqtt-queues');
    this.#position = state.table('mqtt-position');
  }

  /** Everything below has been routed, as far as the disk knows. */
  get storedRouted(): Offset {
    return this.#storedRouted;
  }

  /** Writes fail at present; what waits for them goes on waiting. */
  get isFailing(): boolean {
    return this.#isFailing;
  }

  load(): { readonly position: Position; readonly sessions: readonly StoredSession[] } {
    const position = this.#position.get(POSITION) ?? { routed: 0, nextId: 1 };
    this.#storedRouted = position.routed;
    const sessions: StoredSession[] = [];
    for (const [key, record] of this.#records.entries()) {
      const id = Number.parseInt(key, 36);
      const flow = decodeFlow(this.#flows.get(key));
      const read = (chunk: number): Uint8Array | undefined => this.#queues.get(chunkKey(id, chunk));
      sessions.push({ id, record, flow, queue: ReferenceQueue.restore(flow.head, flow.tail, read) });
    }
    return { position, sessions };
  }

  changed(session: Session, what: Dirty): void {
    const known = this.#dirty.get(session);
    if (known === undefined) this.#dirty.set(session, new Set([what]));
    else known.add(what);
  }

  /** Calls back when everything as it is now is on disk, be it after several tries. */
  whenStored(then: () => void): void {
    this.#waiters.push(then);
    this.#schedule();
  }

  /** Asked from time to time: what nobody waits for goes to disk, too. Resolves when it is there or has failed. */
  async checkpoint(minRouted: number): Promise<void> {
    const isBehind = this.#options.routed() - this.#storedRouted >= minRouted;
    if (this.#dirty.size === 0 && this.#waiters.length === 0 && !isBehind) return;
    await this.#commit;
    this.#start();
    await this.#commit;
  }

  /** In the next turn: everything that becomes dirty in this one goes down together. */
  #schedule(): void {
    if (this.#isScheduled || this.#commit !== undefined) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#start();
    });
  }

  #start(): void {
    if (this.#commit !== undefined) return;
    const dirty = this.#dirty;
    const waiters = this.#waiters;
    this.#dirty = new Map();
    this.#waiters = [];
    this.#commit = this.#write(dirty, waiters).finally(() => {
      this.#commit = undefined;
      // A failing disk is tried again by the next checkpoint, not at once.
      if (this.#waiters.length > 0 && !this.#isFailing) this.#schedule();
    });
  }

  async #write(
    dirty: ReadonlyMap<Session, ReadonlySet<Dirty>>,
    waiters: readonly (() => void)[],
  ): Promise<void> {
    const { routed, nextId, logger } = this.#options;
    const position = { routed: routed(), nextId: nextId() };
    const undo: (() => void)[] = [];
    try {
      await this.#state.batch(() => {
        for (const [session, what] of dirty) this.#put(session, what, undo);
        void this.#position.put(POSITION, position);
      });
    } catch (cause) {
      if (!this.#isFailing) logger.error({ cause: String(cause) }, 'sessions cannot be stored; trying again');
      this.#isFailing = true;
      for (const revert of undo) revert();
      for (const [session, what] of dirty) for (const one of what) this.changed(session, one);
      this.#waiters = [...waiters, ...this.#waiters];
      return;
    }
    this.#isFailing = false;
    this.#storedRouted = position.routed;
    for (const then of waiters) then();
  }

  #put(session: Session, what: ReadonlySet<Dirty>, undo: (() => void)[]): void {
    const key = idKey(session.id);
    if (what.has('ended') || !session.isKept) {
      void this.#records.remove(key);
      void this.#flows.remove(key);
      for (const [stored] of this.#queues.entries({ prefix: `${key}.` })) void this.#queues.remove(stored);
      return;
    }
    if (what.has('record')) void this.#records.put(key, recordOf(session));
    const changes = session.outbound.queue?.changes();
    if (changes !== undefined) {
      undo.push(changes.undo);
      for (const [chunk, bytes] of changes.put) void this.#queues.put(chunkKey(session.id, chunk), bytes);
      for (const chunk of changes.gone) void this.#queues.remove(chunkKey(session.id, chunk));
    }
    void this.#flows.put(key, encodeFlow(session));
  }
}
