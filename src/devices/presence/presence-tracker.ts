/**
 * Presence of all devices: what happens becomes facts, facts become states (`facts.ts`), transitions become events
 * (`announcer.ts`) and records on disk (`presence-store.ts`). Promises that time is monotonic time, that a restart
 * changes nothing by itself, and bounded work per tick. It must not know MQTT, HTTP, or what is in a message.
 */
import type { Clock } from '../../base/clock.ts';
import {
  PRESENCE_CONNECTING_TOLD_MS,
  PRESENCE_DUE_PER_TICK_MAX,
  PRESENCE_FLUSH_MS,
  PRESENCE_GRACE_MS,
  PRESENCE_LAG_MS,
  PRESENCE_TICK_MS,
  PRESENCE_TOLD_PER_TICK_MAX,
} from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import type { DeviceId } from '../../model/ids.ts';
import type { EventPublisher } from '../../model/ports/events.ts';
import type { Meter } from '../../model/ports/meter.ts';
import type {
  DeviceConnection,
  DeviceLinks,
  PresenceBook,
  PresenceWatch,
} from '../../model/ports/presence.ts';
import type { Registry, RegistryChange } from '../../model/ports/registry.ts';
import type { StateStore } from '../../model/ports/state.ts';
import type { DisconnectReason } from '../../model/presence.ts';
import { PRESENCE_STATES, type Presence, type PresenceState } from '../../model/presence.ts';
import { PresenceAnnouncer } from './announcer.ts';
import { Deadlines } from './deadlines.ts';
import { declaredBy } from './declared.ts';
import { judge, NEVER } from './facts.ts';
import { PresenceStore } from './presence-store.ts';
import { neverSeen, Track } from './track.ts';

interface PresenceOptions {
  readonly registry: Pick<Registry, 'get' | 'profile' | 'onChange'>;
  readonly state: StateStore;
  readonly events: EventPublisher;
  readonly meter: Meter;
  readonly logger: Logger;
  readonly clock: Clock;
  /** History is further behind what came in than PRESENCE_LAG_MS: silence says nothing. */
  readonly isBehind: () => boolean;
}

export class PresenceTracker implements PresenceBook, PresenceWatch, DeviceLinks {
  readonly #options: PresenceOptions;
  readonly #clock: Clock;
  readonly #store: PresenceStore;
  readonly #announcer: PresenceAnnouncer;
  readonly #deadlines = new Deadlines<Track>();
  /** Those ever heard of. */
  readonly #tracks = new Map<string, Track>();
  /** Of those, the children of each gateway. */
  readonly #carried = new Map<DeviceId, Set<Track>>();
  readonly #counts = new Map<PresenceState, number>();
  readonly #onLink = new Set<(device: DeviceId, isConnected: boolean) => void>();
  #undo: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isLoaded = false;
  #flushedAt: number;
  /** Asked at most once a tick. */
  #isBehind: boolean | undefined;

  constructor(options: PresenceOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#store = new PresenceStore(options);
    this.#announcer = new PresenceAnnouncer(options.events);
    this.#flushedAt = options.clock.monotonic();
  }

  /** Reads what the last run knew, once in the life of the process. The registry is open. */
  start(): void {
    const { registry, meter } = this.#options;
    const { counts } = this.#announcer;
    this.#undo = [
      registry.onChange((change) => this.#changed(change)),
      ...PRESENCE_STATES.map((state) =>
        meter.collect('iot_devices_present', () => this.count(state), { state }),
      ),
      meter.collect('iot_presence_transitions_total', () => counts.told, { outcome: 'told' }),
      meter.collect('iot_presence_transitions_total', () => counts.held, { outcome: 'held' }),
    ];
    if (!this.#isLoaded) this.#load();
    this.#isLoaded = true;
    this.#timer = setInterval(() => this.tick(), PRESENCE_TICK_MS).unref();
  }

  /** What happens meanwhile is taken note of; time stands still. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    for (const undo of this.#undo.splice(0)) undo();
    for (const track of this.#tracks.values()) if (!track.isDataSaved) this.#store.changed(track);
    await this.#store.flushAll();
  }

  /** What does not work at present, in words. */
  get faults(): readonly string[] {
    const { fault } = this.#store;
    return fault === undefined ? [] : [`presence cannot be stored: ${fault}`];
  }

  get(device: string): Presence {
    const track = this.#tracks.get(device);
    if (track !== undefined) return track.presence;
    const { registry } = this.#options;
    const known = registry.get(device);
    if (known === undefined) return neverSeen({ everyMs: 0, sleeps: false });
    return neverSeen(declaredBy(known, registry.profile(known.profile)));
  }

  count(state: PresenceState): number {
    return this.#counts.get(state) ?? 0;
  }

  onLink(listener: (device: DeviceId, isConnected: boolean) => void): () => void {
    this.#onLink.add(listener);
    return () => void this.#onLink.delete(listener);
  }

  connecting({ device }: DeviceConnection): void {
    const track = this.#track(device);
    if (track === undefined) return;
    track.handshakes += 1;
    this.#settle(track);
  }

  connected({ device, transport, address }: DeviceConnection): void {
    const track = this.#track(device);
    if (track === undefined) return;
    track.handshakes = Math.max(0, track.handshakes - 1);
    track.links += 1;
    Object.assign(track, { transport, address, connectedAt: this.#clock.now(), isRevoked: false });
    const { kept } = track;
    if (track.links === 1) {
      track.linkedAt = this.#clock.monotonic();
      track.hasReported = kept?.wasLinked === true && kept.state === 'reporting';
      track.kept = undefined;
    }
    this.#store.changed(track);
    this.#settle(track);
    // It is back where it was before a restart.
    if (kept?.state === track.state) track.since = kept.since;
    if (track.links === 1) this.#linked(device, true);
  }

  disconnected({ device }: DeviceConnection, reason: DisconnectReason, wasConnected: boolean): void {
    const track = this.#tracks.get(device);
    if (track === undefined) return;
    if (wasConnected) track.links = Math.max(0, track.links - 1);
    else track.handshakes = Math.max(0, track.handshakes - 1);
    const isLast = wasConnected && track.links === 0;
    if (isLast) this.#ended(track, reason);
    this.#settle(track);
    if (isLast) this.#linked(device, false);
  }

  received(device: string): void {
    const track = this.#track(device);
    if (track === undefined) return;
    const now = this.#clock.monotonic();
    track.lastDataAt = this.#clock.now();
    track.isDataSaved = false;
    if (track.links > 0) {
      this.#reported(track, now);
      return;
    }
    const gateway = track.parent && this.#tracks.get(track.parent);
    if (gateway !== undefined && gateway.links > 0) this.#reported(gateway, now);
    if (this.#isLate(track, gateway, now)) return;
    Object.assign(track, { dataAt: now, kept: undefined, isRevoked: false });
    // Of the usual case only the deadline moves, and that is looked at when it has come.
    if (track.state !== 'reporting' && track.state !== 'sleeping') this.#settle(track);
  }

  revoked(device: string): void {
    const track = this.#track(device);
    if (track === undefined) return;
    track.isRevoked = true;
    // What comes in the next moment was sent before that.
    if (track.links === 0) track.endedAt = this.#clock.monotonic();
    this.#store.changed(track);
    this.#settle(track);
  }

  /** Looks at what has come due; a part of it where that is much. */
  tick(): void {
    const now = this.#clock.monotonic();
    this.#isBehind = undefined;
    const { counts } = this.#announcer;
    const toldBefore = counts.told;
    for (let i = 0; i < PRESENCE_DUE_PER_TICK_MAX; i += 1) {
      if (counts.told - toldBefore >= PRESENCE_TOLD_PER_TICK_MAX) break;
      const track = this.#deadlines.take(now);
      if (track === undefined) break;
      this.#settle(track);
    }
    this.#announcer.settle(now, PRESENCE_TOLD_PER_TICK_MAX);
    if (now - this.#flushedAt < PRESENCE_FLUSH_MS) return;
    this.#flushedAt = now;
    void this.#store.flush();
  }

  #linked(device: DeviceId, isConnected: boolean): void {
    for (const listener of this.#onLink) {
      try {
        listener(device, isConnected);
      } catch (cause) {
        this.#options.logger.error({ device, cause: String(cause) }, 'a listener of connections threw');
      }
    }
  }

  #load(): void {
    const { registry } = this.#options;
    for (const track of this.#store.load(this.#clock.monotonic())) {
      const device = registry.get(track.device);
      if (device === undefined) {
        this.#store.removed(track);
        continue;
      }
      this.#add(track);
      track.describe(device, registry.profile(device.profile));
      this.#carry(track);
      this.#settle(track);
    }
  }

  /** Undefined for a device nobody registered, or no longer. */
  #track(device: string): Track | undefined {
    const known = this.#tracks.get(device);
    if (known !== undefined) return known;
    const { registry } = this.#options;
    const registered = registry.get(device);
    if (registered === undefined) return undefined;
    const track = new Track(registered.id);
    track.describe(registered, registry.profile(registered.profile));
    this.#add(track);
    this.#carry(track);
    return track;
  }

  #add(track: Track): void {
    this.#tracks.set(track.device, track);
    this.#counts.set(track.state, this.count(track.state) + 1);
  }

  /** Its last connection is gone. */
  #ended(track: Track, reason: DisconnectReason): void {
    const now = this.#clock.monotonic();
    track.endedAt = now;
    this.#store.changed(track);
    if (reason === 'shutdown') {
      // Ours, not the device's: it will be back in a moment.
      const { state, reason: why, since } = track;
      track.ended = 'not-back';
      track.kept = { state, reason: why, until: now + PRESENCE_GRACE_MS, wasLinked: true, since };
      return;
    }
    Object.assign(track, { ended: reason, hasReported: false, disconnectedAt: this.#clock.now() });
  }

  #reported(track: Track, now: number): void {
    track.dataAt = now;
    if (track.hasReported && track.state === 'reporting') return;
    track.hasReported = true;
    this.#settle(track);
  }

  /** Data that was on its way to history when its device, or the gateway of that, went. */
  #isLate(track: Track, gateway: Track | undefined, now: number): boolean {
    if (track.kept?.wasLinked === true) return true;
    const since = Math.max(track.endedAt, gateway?.isGone === true ? gateway.endedAt : NEVER);
    if (now - since < PRESENCE_LAG_MS) return true;
    return track.ended !== undefined && this.#behind();
  }

  #behind(): boolean {
    this.#isBehind ??= this.#options.isBehind();
    return this.#isBehind;
  }

  /** Its facts have changed, or time has passed. */
  #settle(track: Track): void {
    const now = this.#clock.monotonic();
    if (track.kept !== undefined && now >= track.kept.until) track.kept = undefined;
    const gateway = track.parent && this.#tracks.get(track.parent);
    const carrierEndedAt = gateway?.isGone === true ? gateway.endedAt : undefined;
    const { state, reason, dueAt } = judge(track, now, carrierEndedAt);
    if (reason === 'silent' && track.reason !== 'silent' && this.#behind()) {
      this.#deadlines.set(track, now + PRESENCE_LAG_MS);
      return;
    }
    if (state !== track.state || reason !== track.reason) this.#move(track, state, reason);
    const isShort = state === 'connecting' && now - track.stateAt < PRESENCE_CONNECTING_TOLD_MS;
    this.#deadlines.set(track, isShort ? track.stateAt + PRESENCE_CONNECTING_TOLD_MS : dueAt);
    if (!isShort) this.#announcer.moved(track, now);
    if (track.isGone !== track.wasGone) this.#settleChildren(track);
  }

  #move(track: Track, state: PresenceState, reason: Presence['reason']): void {
    track.reason = reason;
    this.#store.changed(track);
    if (state === track.state) return;
    this.#counts.set(track.state, this.count(track.state) - 1);
    this.#counts.set(state, this.count(state) + 1);
    track.state = state;
    track.since = this.#clock.now();
    track.stateAt = this.#clock.monotonic();
  }

  #settleChildren(gateway: Track): void {
    gateway.wasGone = gateway.isGone;
    for (const child of this.#carried.get(gateway.device) ?? []) this.#settle(child);
  }

  #carry(track: Track): void {
    if (track.parent === undefined) return;
    let children = this.#carried.get(track.parent);
    if (children === undefined) this.#carried.set(track.parent, (children = new Set()));
    children.add(track);
  }

  #uncarry(track: Track): void {
    if (track.parent === undefined) return;
    const children = this.#carried.get(track.parent);
    children?.delete(track);
    if (children?.size === 0) this.#carried.delete(track.parent);
  }

  #changed(change: RegistryChange): void {
    if (change.kind === 'device-put') this.#describe(this.#tracks.get(change.device.id));
    else if (change.kind === 'device-removed') this.#forget(this.#tracks.get(change.id));
    else {
      const { registry } = this.#options;
      const id = change.kind === 'profile-put' ? change.profile.id : change.id;
      for (const track of this.#tracks.values())
        if (registry.get(track.device)?.profile === id) this.#describe(track);
    }
  }

  #describe(track: Track | undefined): void {
    const { registry } = this.#options;
    const device = track && registry.get(track.device);
    if (track === undefined || device === undefined) return;
    this.#uncarry(track);
    track.describe(device, registry.profile(device.profile));
    this.#carry(track);
    this.#settle(track);
  }

  #forget(track: Track | undefined): void {
    if (track === undefined) return;
    this.#tracks.delete(track.device);
    this.#uncarry(track);
    this.#deadlines.remove(track);
    this.#announcer.forget(track);
    this.#counts.set(track.state, this.count(track.state) - 1);
    this.#store.removed(track);
  }
}
