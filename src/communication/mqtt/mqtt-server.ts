/**
 * The MQTT server: listeners, who may connect, which connections there are, and their time limits. Promises that one
 * client id of a principal has one session, that ended rights end sessions, and that a stop acknowledges what is on its
 * way to the disk. It must not know what is in a payload, or how credentials are checked.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../base/clock.ts';
import {
  MQTT_CONNECTIONS_MAX,
  MQTT_DRAIN_MS,
  MQTT_STOP_LINGER_MS,
  MQTT_SWEEP_MS,
  MQTT_SYS_INTERVAL_MS,
} from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import type { ErrorCode } from '../../model/errors.ts';
import type { DeviceId } from '../../model/ids.ts';
import type { Origin } from '../../model/packet.ts';
import type { ClientDirectory } from '../../model/ports/clients.ts';
import type { Account, Receipts } from '../../model/ports/ledger.ts';
import type { Log, LogLookup } from '../../model/ports/log.ts';
import type { Messaging } from '../../model/ports/messaging.ts';
import type { Meter } from '../../model/ports/meter.ts';
import type { ConnectionWatch, DeviceConnection } from '../../model/ports/presence.ts';
import { type Principal, principalKey, type SecurityFacade } from '../../model/ports/security.ts';
import type { StateStore } from '../../model/ports/state.ts';
import type { Upgrade } from '../http/upgrades.ts';
import { Broker, type Incoming, type Sender } from './broker/broker.ts';
import type { Retained } from './broker/retained.ts';
import { MqttClients } from './client-directory.ts';
import type { ConnectPacket } from './codec/connect.ts';
import { type Fault, REASON } from './codec/reason.ts';
import type { SubscriptionRequest } from './codec/subscribe.ts';
import { Connection } from './connection/connection.ts';
import type { Admission, ConnectionHost, Ending } from './connection/connection-host.ts';
import { WriteTurn } from './connection/outbox.ts';
import type { MessageSink } from './connection/publisher.ts';
import { Flapping } from './flapping.ts';
import { collectMeters } from './mqtt-meters.ts';
import { PlatformMessaging } from './platform-messaging.ts';
import { type Session } from './session/session.ts';
import { SessionRegistry } from './session/session-registry.ts';
import { SysTopics } from './sys-topics.ts';
import type { Accepted, Address, ListenerName, ListenerRow } from './transport/link.ts';
import { Listeners } from './transport/listeners.ts';

type MqttSecurity = Pick<
  SecurityFacade,
  'connect' | 'exchange' | 'topics' | 'onRevoked' | 'onPolicyChanged' | 'tls'
>;

export interface MqttServerOptions {
  /** Said under $SYS. */
  readonly version: string;
  readonly listeners: readonly ListenerRow[];
  readonly security: MqttSecurity;
  readonly log: Log;
  readonly lookup: LogLookup;
  readonly state: StateStore;
  /** Told of connections of devices. */
  readonly connections: ConnectionWatch;
  /** Counts what comes in. */
  readonly receipts: Receipts;
  readonly meter: Meter;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** How often a stop looks whether it may go on. */
const STOP_POLL_MS = 2;
const SWEEPS_PER_TELL = MQTT_SYS_INTERVAL_MS / MQTT_SWEEP_MS;

export class MqttServer implements ConnectionHost, MessageSink {
  readonly turn = new WriteTurn();
  readonly broker: Broker;
  readonly registry: SessionRegistry;
  readonly clients: ClientDirectory;
  readonly messaging: Messaging;
  readonly packets = {
    ok: 0,
    malformed: 0,
    too_large: 0,
    denied: 0,
    refused: 0,
    too_many: 0,
    filter_denied: 0,
  };
  readonly #options: MqttServerOptions;
  readonly #listeners: Listeners;
  readonly #flapping: Flapping;
  readonly #sys: SysTopics;
  readonly #platform: PlatformMessaging;
  readonly #connections = new Set<Connection>();
  /** Those of devices that were told of as connected. */
  readonly #announced = new Set<Connection>();
  /** By key of their session. */
  readonly #live = new Map<string, Connection>();
  readonly #undo: (() => void)[] = [];
  #order = 0;
  #sweeps = 0;
  #isStopping = false;
  #sweep: NodeJS.Timeout | undefined;

  constructor(options: MqttServerOptions) {
    const { log, lookup, state, logger, clock, meter, security, listeners } = options;
    this.#options = options;
    this.#listeners = new Listeners({ table: listeners, clock, meter });
    this.#flapping = new Flapping(clock);
    const now = (): number => clock.now();
    this.broker = new Broker({
      log,
      lookup,
      state,
      logger,
      now,
      onCongestion: (isCongested) => {
        for (const connection of this.#connections) connection.setCongested(isCongested);
      },
      flush: () => this.turn.flush(),
    });
    const policyOf = (principal: Principal) => security.topics(principal);
    const sys = (filter: string): Iterator<Retained> => this.#sys.matching(filter);
    const shared = { broker: this.broker, now };
    const { receipts } = options;
    const refusal = (): ErrorCode => log.refusal;
    this.#platform = new PlatformMessaging({ ...shared, receipts, logger, refusal });
    this.messaging = this.#platform;
    this.registry = new SessionRegistry({ ...shared, log, state, logger, policyOf, sys, receipts });
    this.clients = new MqttClients({ registry: this.registry, live: this.#live, logger });
    this.#sys = new SysTopics({
      ...shared,
      version: options.version,
      startedAt: clock.now(),
      registry: this.registry,
      connected: () => this.#live.size,
      logBytes: () => log.sizeBytes,
    });
  }

  get addresses(): Readonly<Record<ListenerName, Address | null>> {
    return this.#listeners.addresses;
  }

  /** What does not work at present, in words. */
  get trouble(): string | undefined {
    return this.registry.isFailing
      ? 'MQTT sessions cannot be stored: QoS 2 and new kept sessions wait for the disk'
      : undefined;
  }

  get security(): MqttSecurity {
    return this.#options.security;
  }

  get sink(): MessageSink {
    return this;
  }

  account(origin: Origin): Account {
    return this.#options.receipts.account(origin);
  }

  get refusal(): ErrorCode {
    return this.#options.log.refusal;
  }

  get durable(): number {
    return this.broker.durable;
  }

  onFailure(listener: (cause: Error) => void): void {
    this.#listeners.onFailure(listener);
  }

  /** Throws SensoriumError: port.taken, port.denied, config.invalid, and what the state store or security throws. */
  async start(): Promise<void> {
    const { security, meter } = this.#options;
    this.#isStopping = false;
    try {
      this.broker.start((from, through) => this.registry.lost(from, through));
      await this.registry.start();
      this.#undo.push(
        security.onRevoked((principal) => this.#revoked(principal)),
        security.onPolicyChanged((principal) => this.#policyChanged(principal)),
        ...collectMeters(meter, this, this.#connections),
      );
      this.#sweep = setInterval(() => this.#sweepNow(), MQTT_SWEEP_MS).unref();
      await this.#listeners.start(security, (accepted) => this.accept(accepted));
    } catch (cause) {
      await this.stop();
      throw cause;
    }
  }

  /** Stops accepting, lets the commit in progress be acknowledged, then closes. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#sweep);
    this.#listeners.close();
    for (const connection of this.#connections) connection.quiesce();
    await until(() => this.broker.pending === 0, MQTT_DRAIN_MS);
    for (const connection of this.#connections) connection.close('shutdown');
    await until(() => this.#connections.size === 0, MQTT_STOP_LINGER_MS);
    for (const connection of this.#connections) connection.destroy();
    await until(() => this.#connections.size === 0, MQTT_STOP_LINGER_MS);
    await this.registry.stop();
    for (const undo of this.#undo.splice(0)) undo();
    this.broker.stop();
  }

  /** A link that has passed its transport's handshake; `principal` where it is a part of this server. */
  accept(accepted: Accepted, principal?: Principal): void {
    if (this.#isStopping || this.#connections.size >= MQTT_CONNECTIONS_MAX) {
      accepted.socket.destroy();
      this.packets.too_many += this.#isStopping ? 0 : 1;
      return;
    }
    this.#connections.add(new Connection({ accepted, principal, host: this }));
  }

  /** A WebSocket that another listener was asked for. */
  upgrade(upgrade: Upgrade): void {
    this.#listeners.upgrade(upgrade);
  }

  admit(connection: Connection, packet: ConnectPacket, principal: Principal): Admission | Fault {
    const { will, clean, sessionExpiryS: expiryS } = packet;
    const policy = this.#options.security.topics(principal, connection.address);
    if (will !== undefined && !policy.mayPublish(will.topic))
      return { fault: REASON.notAuthorized, why: 'not allowed to publish the will' };
    const clientId = packet.clientId === '' ? randomUUID() : packet.clientId;
    // Client ids are each principal's own: nobody can end, or keep out, the session of another.
    // No client id has a NUL [MQTT-1.5.4-2], so that no two pairs of name and client id are one key.
    const key = `${principalKey(principal)}\0${clientId}`;
    if (!this.#flapping.admits(key)) return { fault: REASON.banned, why: 'this client connects too often' };
    const before = this.#live.get(key);
    if (before !== undefined && before.connectOrder > connection.connectOrder)
      return { fault: REASON.sessionTakenOver, why: 'a later CONNECT has the session' };
    before?.close('taken-over');
    const opened = this.registry.open({ key, clientId, principal, policy, clean, expiryS, will });
    if (typeof opened === 'number') return { fault: opened, why: 'there are too many sessions' };
    this.#live.set(key, connection);
    if (principal.kind === 'device')
      this.#options.connections.connecting(deviceConnection(connection, principal.id));
    return opened;
  }

  whenStored(then: () => void): void {
    this.registry.whenStored(then);
  }

  opened(connection: Connection, { principal }: Session): void {
    connection.setCongested(this.#options.log.congested);
    if (principal.kind !== 'device') return;
    this.#announced.add(connection);
    this.#options.connections.connected(deviceConnection(connection, principal.id));
  }

  closed(connection: Connection, session: Session | undefined, { reason, sendsWill, expiryS }: Ending): void {
    if (session === undefined) return;
    const { principal, key } = session;
    if (this.#live.get(key) === connection) this.#live.delete(key);
    this.registry.close(session, { sendsWill, expiryS });
    if (principal.kind !== 'device') return;
    const wasConnected = this.#announced.delete(connection);
    this.#options.connections.disconnected(deviceConnection(connection, principal.id), reason, wasConnected);
  }

  gone(connection: Connection): void {
    this.#connections.delete(connection);
  }

  publish(incoming: Incoming, sender?: Sender, key?: number): number {
    return this.broker.publish(incoming, sender, key);
  }

  remind(offset: number, sender: Sender, key: number): void {
    this.broker.remind(offset, sender, key);
  }

  subscribe(session: Session, request: SubscriptionRequest, subscriptionId: number): number {
    const code = this.registry.subscribe(session, request, subscriptionId);
    if (code >= REASON.unspecified) this.packets.filter_denied += 1;
    else if (session.principal.kind === 'device' && request.share === undefined)
      this.#platform.subscribed(session.principal.id, request.filter);
    return code;
  }

  unsubscribe(session: Session, name: string): number {
    return this.registry.unsubscribe(session, name);
  }

  count(packets: number): void {
    this.packets.ok += packets;
  }

  faulty({ fault }: Fault): void {
    if (fault === REASON.packetTooLarge) this.packets.too_large += 1;
    else if (fault === REASON.notAuthorized) this.packets.denied += 1;
    else if (fault === REASON.quotaExceeded) this.packets.refused += 1;
    else this.packets.malformed += 1;
  }

  nextOrder(): number {
    this.#order += 1;
    return this.#order;
  }

  now(): number {
    return this.#options.clock.now();
  }

  monotonic(): number {
    return this.#options.clock.monotonic();
  }

  #revoked(principal: string): void {
    for (const connection of this.#connections) connection.revoked(principal);
  }

  #policyChanged(key: string): void {
    for (const session of this.registry.all()) {
      if (principalKey(session.principal) !== key) continue;
      const connection = this.#live.get(session.key);
      const policy = this.#options.security.topics(session.principal, connection?.address);
      this.registry.policyChanged(session, policy);
      connection?.policyChanged(policy);
    }
  }

  /** One look at every connection for all time limits: no timer per client. */
  #sweepNow(): void {
    for (const connection of this.#connections) connection.checkTime();
    this.registry.sweep();
    this.#flapping.sweep();
    this.#sweeps += 1;
    if (this.#sweeps % SWEEPS_PER_TELL === 0) this.#sys.tell();
    void this.broker.repair();
  }
}

const deviceConnection = ({ listener, address }: Connection, device: DeviceId): DeviceConnection => ({
  device,
  transport: listener,
  address,
});

/** By the timers of the process, not by the injected clock: a stop must end. */
async function until(isDone: () => boolean, withinMs: number): Promise<void> {
  for (let waitedMs = 0; waitedMs < withinMs && !isDone(); waitedMs += STOP_POLL_MS)
    await delay(STOP_POLL_MS);
}
