/**
 * Presence on disk: the last state of each device that was heard of. Written a moment later, many at a time, because a
 * start trusts it for a grace period only. Owns table and layout; it must not know the rules.
 */
import { PRESENCE_FLUSH_MAX, PRESENCE_GRACE_MS } from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import { type DeviceId, isDeviceId } from '../../model/ids.ts';
import type { StateStore, StateTable } from '../../model/ports/state.ts';
import type { AbsenceReason } from '../../model/presence.ts';
import { PRESENCE_STATES, type PresenceReason, type PresenceState } from '../../model/presence.ts';
import { NEVER } from './facts.ts';
import { Track } from './track.ts';

/** Times by the wall clock, in milliseconds: they are shown, and decide nothing. */
interface StoredPresence {
  readonly state: PresenceState;
  readonly reason: PresenceReason;
  readonly since?: number | undefined;
  readonly linked: boolean;
  readonly reported: boolean;
  readonly ended?: AbsenceReason | undefined;
  readonly revoked?: boolean | undefined;
  readonly transport?: string | undefined;
  readonly address?: string | undefined;
  readonly connectedAt?: number | undefined;
  readonly disconnectedAt?: number | undefined;
  readonly lastDataAt?: number | undefined;
}

interface PresenceStoreOptions {
  readonly state: StateStore;
  readonly logger: Logger;
}

export class PresenceStore {
  readonly #state: StateStore;
  readonly #logger: Logger;
  readonly #table: StateTable<StoredPresence>;
  readonly #dirty = new Set<Track>();
  readonly #gone = new Set<DeviceId>();
  #writing: Promise<void> | undefined;
  #fault: string | undefined;

  constructor({ state, logger }: PresenceStoreOptions) {
    this.#state = state;
    this.#logger = logger;
    this.#table = state.table<StoredPresence>('presence');
  }

  /** Why the last write failed, in words; undefined when it did not. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** As the last run left them; `now` is monotonic. What cannot be read is as if it had never been heard of. */
  *load(now: number): Generator<Track> {
    for (const [key, row] of this.#table.entries()) {
      if (isDeviceId(key) && isStored(row)) yield restored(key, row, now);
      else this.#logger.warn({ key }, 'stored presence cannot be read');
    }
  }

  changed(track: Track): void {
    this.#gone.delete(track.device);
    this.#dirty.add(track);
  }

  removed(track: Track): void {
    this.#dirty.delete(track);
    this.#gone.add(track.device);
  }

  /** Writes some of what has changed, unless a write is under way. Never rejects: what failed is tried again. */
  flush(): Promise<void> {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  /** All that has changed, or as much as the disk takes. */
  async flushAll(): Promise<void> {
    await this.#writing;
    while (this.#dirty.size + this.#gone.size > 0) {
      await this.flush();
      if (this.#fault !== undefined) return;
    }
  }

  async #write(): Promise<void> {
    const tracks = [...this.#dirty.values().take(PRESENCE_FLUSH_MAX)];
    const gone = [...this.#gone.values().take(PRESENCE_FLUSH_MAX)];
    if (tracks.length + gone.length === 0) return;
    for (const track of tracks) this.#dirty.delete(track);
    for (const id of gone) this.#gone.delete(id);
    try {
      await this.#state.batch(() => {
        for (const track of tracks) {
          track.isDataSaved = true;
          void this.#table.put(track.device, stored(track));
        }
        for (const id of gone) void this.#table.remove(id);
      });
      this.#fault = undefined;
    } catch (cause) {
      // A device that was removed or came back meanwhile is what it is now.
      for (const track of tracks) if (!this.#gone.has(track.device)) this.#dirty.add(track);
      const again = new Set([...this.#dirty].map(({ device }) => device));
      for (const id of gone) if (!again.has(id)) this.#gone.add(id);
      const message = cause instanceof Error ? cause.message : String(cause);
      if (this.#fault === undefined) this.#logger.error({ cause: message }, 'presence cannot be stored');
      this.#fault = message;
    }
  }
}

function stored(track: Track): StoredPresence {
  const { kept, links, hasReported, ended, isRevoked } = track;
  const { state, reason, since, transport, address, connectedAt, disconnectedAt, lastDataAt } = track;
  return {
    // A handshake is of this process; what is left of it is what was told.
    state: state === 'connecting' ? track.toldState : state,
    reason,
    since,
    linked: links > 0 || kept?.wasLinked === true,
    reported: hasReported,
    ended,
    revoked: isRevoked ? true : undefined,
    transport,
    address,
    connectedAt,
    disconnectedAt,
    lastDataAt,
  };
}

/** Counts from now on: how long the process was away nobody can say who has only a clock that may jump. */
function restored(device: DeviceId, row: StoredPresence, now: number): Track {
  const { state, reason, linked } = row;
  const track = new Track(device);
  Object.assign(track, {
    state,
    reason,
    stateAt: now,
    isRevoked: row.revoked === true,
    ended: linked ? 'not-back' : row.ended,
    endedAt: linked ? now : NEVER,
    hasReported: row.reported,
    since: row.since,
    transport: row.transport,
    address: row.address,
    connectedAt: row.connectedAt,
    disconnectedAt: row.disconnectedAt,
    lastDataAt: row.lastDataAt,
    toldState: state,
    toldLinked: linked,
  });
  const isFree = !linked && (state === 'reporting' || state === 'sleeping');
  if (isFree) track.dataAt = now;
  if (linked || isFree || reason === 'gateway')
    track.kept = { state, reason, until: now + PRESENCE_GRACE_MS, wasLinked: linked, since: row.since };
  return track;
}

function isStored(row: unknown): row is StoredPresence {
  if (typeof row !== 'object' || row === null) return false;
  const { state, reason, linked } = row as Partial<Record<keyof StoredPresence, unknown>>;
  const isState = PRESENCE_STATES.some((known) => known === state);
  return isState && typeof reason === 'string' && typeof linked === 'boolean';
}
