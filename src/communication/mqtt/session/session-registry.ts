/**
 * Which sessions there are: opened, resumed, taken over, ended, expired; their subscriptions in the tree; their wills.
 * Promises one session per key, and after a crash the sessions of the last commit with everything the log has since.
 */
import {
  MQTT_ROUTED_LAG_MAX,
  MQTT_SESSIONS_MAX,
  MQTT_SUBSCRIPTIONS_PER_CLIENT_MAX,
} from '../../../base/limits.ts';
import type { Logger } from '../../../base/logger.ts';
import type { Offset } from '../../../model/packet.ts';
import type { Receipts } from '../../../model/ports/ledger.ts';
import type { Log } from '../../../model/ports/log.ts';
import type { Principal, TopicPolicy } from '../../../model/ports/security.ts';
import type { StateStore } from '../../../model/ports/state.ts';
import type { Broker } from '../broker/broker.ts';
import type { Retained } from '../broker/retained.ts';
import type { Will } from '../codec/connect.ts';
import { REASON } from '../codec/reason.ts';
import type { SubscriptionRequest } from '../codec/subscribe.ts';
import { AwaySessions } from './away-sessions.ts';
import type { DropReason, Pump } from './outbound-host.ts';
import { Rescue } from './rescue.ts';
import { routeAgain } from './route-again.ts';
import { Session, type SessionHost } from './session.ts';
import { willOf } from './session-record.ts';
import { SessionStore, type StoredSession } from './session-store.ts';
import { publishWill } from './wills.ts';

interface RegistryOptions {
  readonly broker: Broker;
  readonly log: Log;
  readonly state: StateStore;
  readonly logger: Logger;
  readonly now: () => number;
  readonly policyOf: (principal: Principal) => TopicPolicy;
  /** What the server says about itself. */
  readonly sys: (filter: string) => Iterator<Retained>;
  /** Counts wills. */
  readonly receipts: Receipts;
}

/** Looking at every session takes ~1 µs each: now and then will do. */
const SWEEPS_PER_RESCUE = 4;

export interface Opening {
  readonly key: string;
  readonly clientId: string;
  readonly principal: Principal;
  readonly policy: TopicPolicy;
  readonly clean: boolean;
  readonly expiryS: number;
  readonly will: Will | undefined;
}

export interface Opened {
  readonly session: Session;
  /** Session present [MQTT-3.2.2-2]. */
  readonly isPresent: boolean;
  /** What CONNACK promises must be on disk first. */
  readonly mustBeStored: boolean;
}

export class SessionRegistry implements SessionHost {
  readonly #options: RegistryOptions;
  readonly #broker: Broker;
  readonly #store: SessionStore;
  readonly #rescue: Rescue;
  readonly #byKey = new Map<string, Session>();
  readonly #byId = new Map<number, Session>();
  /** Disconnected, with a time at which they end or a will that waits. */
  readonly #away = new AwaySessions();
  #nextId = 1;
  #isLoaded = false;
  #sweeps = 0;

  constructor(options: RegistryOptions) {
    const { broker, state, logger, log } = options;
    this.#options = options;
    this.#broker = broker;
    this.#store = new SessionStore({
      state,
      logger,
      routed: () => log.next,
      nextId: () => this.#nextId,
    });
    this.#rescue = new Rescue({
      broker,
      log,
      logger,
      sessions: () => this.#byKey.values(),
      storedRouted: () => this.#store.storedRouted,
      checkpoint: async () => await this.#store.checkpoint(1),
    });
  }

  get size(): number {
    return this.#byKey.size;
  }

  get isFailing(): boolean {
    return this.#store.isFailing;
  }

  /** In the order of their ids. */
  all(): Iterable<Session> {
    return this.#byKey.values();
  }

  find(id: number): Session | undefined {
    return this.#byId.get(id);
  }

  /** Once: a restart in place finds all in memory. */
  async start(): Promise<void> {
    if (this.#isLoaded) return;
    this.#isLoaded = true;
    const { log } = this.#options;
    const { position, sessions } = this.#store.load();
    this.#nextId = position.nextId;
    if (sessions.length > 0) log.hold('mqtt', position.routed);
    for (const stored of sessions) this.#restore(stored);
    if (sessions.length > 0)
      routeAgain(Math.min(position.routed, log.recovered), {
        log,
        broker: this.#broker,
        find: (id) => this.#byId.get(id),
      });
    if (position.routed <= log.recovered) return;
    // The log has lost, and gives again, offsets that the store refers to: it must not be read so once more.
    for (const session of this.#byKey.values()) this.sessionChanged(session, 'record');
    await this.#store.checkpoint(0);
  }

  /** Everything that is dirty goes to disk. */
  async stop(): Promise<void> {
    await this.#store.checkpoint(1);
  }

  /** Decides at once. The caller has ended the connection that had the session before. */
  open(opening: Opening): Opened | number {
    const { key, clean, expiryS, principal, policy, will } = opening;
    const known = this.#byKey.get(key);
    // The sweep may not have come by yet.
    const isOver = known !== undefined && (clean || known.expiresAt <= this.#options.now());
    if (isOver) this.end(known);
    const before = isOver ? undefined : known;
    const isPresent = before !== undefined;
    if (!isPresent && this.#byKey.size >= MQTT_SESSIONS_MAX) return REASON.quotaExceeded;
    const session = isPresent ? before : this.#create(opening);
    const wasKept = session.isKept;
    session.rights(principal, policy);
    session.expiryS = expiryS;
    // A will that waited is not sent when its client is back in time [MQTT-3.1.3-9].
    session.will = will;
    session.willDueAt = undefined;
    session.returned();
    this.#away.delete(session);
    for (const { name, filter } of session.subscriptions.values()) {
      if (!policy.maySubscribe(filter)) this.unsubscribe(session, name);
    }
    if (session.isKept || wasKept) this.sessionChanged(session, 'record');
    const mustBeStored = (session.isKept && !wasKept) || (isOver && known.wasKept);
    return { session, isPresent, mustBeStored };
  }

  /** The connection has ended; `expiryS` as DISCONNECT may have changed it, `will` when it is to be sent. */
  close(
    session: Session,
    { sendsWill, expiryS }: { readonly sendsWill: boolean; readonly expiryS?: number | undefined },
  ): void {
    const now = this.#options.now();
    const wasKept = session.isKept;
    if (expiryS !== undefined) session.expiryS = expiryS;
    session.detach(now);
    if (!sendsWill) session.will = undefined;
    const delayS = Math.min(session.will?.delayS ?? 0, session.expiryS);
    if (session.will !== undefined && delayS > 0) session.willDueAt = now + delayS * 1_000;
    else this.#sendWill(session);
    if (!session.isKept) {
      if (wasKept) this.sessionChanged(session, 'record');
      this.end(session);
      return;
    }
    const surplus = this.#away.add(session);
    this.sessionChanged(session, 'record');
    this.#passOnShared(session, false);
    if (surplus !== undefined) this.end(surplus);
  }

  /** Nothing of it is left. */
  end(session: Session): void {
    if (this.#byKey.get(session.key) !== session) return;
    session.outbound.detach();
    this.#sendWill(session);
    for (const subscription of session.subscriptions.values())
      this.#broker.tree.remove(subscription, session);
    this.#byKey.delete(session.key);
    this.#byId.delete(session.id);
    this.#away.delete(session);
    this.#passOnShared(session, true);
    this.#broker.dropped('session_ended', session.outbound.waiting);
    session.outbound.end();
    if (session.wasKept) this.#store.changed(session, 'ended');
  }

  /** The code of SUBACK. */
  subscribe(session: Session, request: SubscriptionRequest, subscriptionId: number): number {
    if (request.invalid !== undefined) return request.invalid;
    const { filter: name, qos, noLocal, retainAsPublished, retainHandling, share } = request;
    const filter = share?.filter ?? name;
    const before = session.subscriptions.get(name);
    if (before === undefined && session.subscriptions.size >= MQTT_SUBSCRIPTIONS_PER_CLIENT_MAX)
      return REASON.quotaExceeded;
    if (!session.policy.maySubscribe(filter)) return REASON.notAuthorized;
    const since = before?.since ?? this.#options.log.next;
    const group = share?.group;
    const subscription = { name, filter, group, qos, noLocal, retainAsPublished, id: subscriptionId, since };
    session.subscribe(subscription);
    this.sessionChanged(session, 'record');
    this.#broker.tree.add(subscription, session);
    // Retain handling [3.8.3.1]; shared subscriptions get none [4.8.2].
    const wantsRetained = retainHandling === 0 || (retainHandling === 1 && before === undefined);
    if (group === undefined && wantsRetained) session.replays.begin(name);
    else session.replays.drop(name);
    return qos;
  }

  /** The code of UNSUBACK. */
  unsubscribe(session: Session, name: string): number {
    const subscription = session.unsubscribe(name);
    if (subscription === undefined) return REASON.noSubscriptionExisted;
    this.#broker.tree.remove(subscription, session);
    return REASON.success;
  }

  /** Rights have changed: subscriptions that are no longer allowed end. */
  policyChanged(session: Session, policy: TopicPolicy): void {
    session.rights(session.principal, policy);
    for (const { name, filter } of session.subscriptions.values()) {
      if (!policy.maySubscribe(filter)) this.unsubscribe(session, name);
    }
    this.#broker.tree.forget();
  }

  /** Time limits of those that are away, and the way to disk of what nobody waits for. */
  sweep(): void {
    const now = this.#options.now();
    for (const session of this.#away) {
      if (session.willDueAt !== undefined && session.willDueAt <= now) this.#sendWill(session);
      if (session.expiresAt <= now) this.end(session);
    }
    void this.#store.checkpoint(this.#broker.tree.size > 0 ? MQTT_ROUTED_LAG_MAX : Number.POSITIVE_INFINITY);
    this.#sweeps += 1;
    if (this.#sweeps % SWEEPS_PER_RESCUE === 0) void this.#rescue.run();
  }

  /** The log lost these before they were on disk. */
  lost(from: Offset, through: Offset): void {
    for (const session of this.#byKey.values()) session.lost(from, through);
  }

  sessionChanged(session: Session, what: 'record' | 'flow'): void {
    if (session.wasKept) this.#store.changed(session, what);
  }

  whenStored(then: () => void): void {
    this.#store.whenStored(then);
  }

  get encodings() {
    return this.#broker.encodings;
  }

  get durable(): Offset {
    return this.#broker.durable;
  }

  get isFull() {
    return this.#broker.isFull;
  }

  now(): number {
    return this.#options.now();
  }

  read(offset: Offset): ReturnType<Broker['read']> {
    return this.#broker.read(offset);
  }

  retained(topic: string): Retained | undefined {
    return this.#broker.retained(topic);
  }

  retainedMatching(filter: string): Iterator<Retained> {
    const { now, sys } = this.#options;
    return filter.startsWith('$SYS/') ? sys(filter) : this.#broker.retainedMessages.matching(filter, now);
  }

  delivered(qos: 0 | 1 | 2): void {
    this.#broker.delivered(qos);
  }

  dropped(reason: DropReason): void {
    this.#broker.dropped(reason);
  }

  awaitCommit(outbound: Pump): void {
    this.#broker.awaitCommit(outbound);
  }

  #create({ key, clientId, principal, policy }: Opening): Session {
    const identity = { id: this.#nextId, key, clientId, principal };
    this.#nextId += 1;
    const session = new Session({ identity, policy, host: this, createdAt: this.#options.now() });
    this.#byKey.set(key, session);
    this.#byId.set(session.id, session);
    return session;
  }

  /** Rights are looked at again: they may be what has ended. */
  #sendWill(session: Session): void {
    const { will, principal } = session;
    session.will = undefined;
    session.willDueAt = undefined;
    if (will === undefined) return;
    this.sessionChanged(session, 'record');
    if (!this.#options.policyOf(principal).mayPublish(will.topic)) return;
    publishWill(will, session, this.#options);
  }

  #passOnShared(session: Session, all: boolean): void {
    const groups = [...session.subscriptions.values()].flatMap(({ filter, group }) =>
      group === undefined ? [] : [{ filter, group }],
    );
    if (groups.length === 0) return;
    session.outbound.shareOut(all, (offset) => this.#broker.passOn(offset, groups, session, all));
  }

  #restore({ id, record, flow, queue }: StoredSession): void {
    const { key, clientId, principal, createdAt } = record;
    const policy = this.#options.policyOf(principal);
    const session = new Session({
      identity: { id, key, clientId, principal },
      policy,
      host: this,
      createdAt,
    });
    session.expiryS = record.expiryS;
    // Others may have written since, under offsets that once were something else's.
    const next = this.#options.log.recovered;
    const replays = new Map<number, Retained>();
    for (const [packetId, topic] of flow.replays) {
      const retained = this.#broker.retained(topic);
      if (retained !== undefined) replays.set(packetId, retained);
    }
    // What the log does not have was never acknowledged to anybody.
    queue.filter(({ offset }) => offset < next);
    flow.flights.forget((flight) => !flight.isReplay && flight.offset >= next);
    session.outbound.restore(queue, flow.flights, replays);
    for (const [packetId, offset] of flow.received) if (offset < next) session.received.set(packetId, offset);
    this.#byKey.set(key, session);
    this.#byId.set(id, session);
    for (const stored of record.subscriptions) {
      const subscription = { ...stored, since: Math.min(stored.since, next) };
      session.subscribe(subscription);
      this.#broker.tree.add(subscription, session);
    }
    for (const name of record.replaysDue) session.replays.begin(name);
    const will = willOf(record);
    session.will = will?.will;
    // Whoever was connected when the server ended has lost the connection now.
    if (record.disconnectedAt === undefined) this.sessionChanged(session, 'record');
    session.detach(record.disconnectedAt ?? this.#options.now());
    if (will !== undefined) {
      const delayS = Math.min(will.will.delayS, session.expiryS);
      session.willDueAt = will.dueAt ?? this.#options.now() + delayS * 1_000;
    }
    this.#away.add(session);
  }
}
