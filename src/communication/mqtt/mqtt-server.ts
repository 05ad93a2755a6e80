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
} from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import type { DisconnectReason } from '../../model/events.ts';
import type { EventPublisher } from '../../model/ports/events.ts';
import type { Log } from '../../model/ports/log.ts';
import type { Meter } from '../../model/ports/meter.ts';
import { type Principal, principalKey, type SecurityFacade } from '../../model/ports/security.ts';
import type { StateStore } from '../../model/ports/state.ts';
import { Broker } from './broker.ts';
import { CONNACK, type ConnectPacket } from './codec/connect.ts';
import { Connection, type ConnectionHost, type Session } from './connection.ts';
import { type Accepted, type Address, type ListenerOptions, Listeners } from './listeners.ts';
import type { Fault } from './publisher.ts';

export interface MqttServerOptions {
  readonly listeners: ListenerOptions;
  readonly security: SecurityFacade;
  readonly log: Log;
  readonly state: StateStore;
  readonly events: EventPublisher;
  readonly meter: Meter;
  readonly logger: Logger;
  readonly clock: Clock;
}

type PacketStatus = 'ok' | Fault | 'too_many';

/** How often a stop looks whether it may go on. */
const STOP_POLL_MS = 2;

export class MqttServer implements ConnectionHost {
  readonly #options: MqttServerOptions;
  readonly #listeners: Listeners;
  readonly #broker: Broker;
  readonly #connections = new Set<Connection>();
  readonly #sessions = new Map<string, Connection>();
  readonly #undo: (() => void)[] = [];
  readonly #packets: Record<PacketStatus, number> = {
    ok: 0,
    malformed: 0,
    too_large: 0,
    denied: 0,
    refused: 0,
    too_many: 0,
  };
  #order = 0;
  #isStopping = false;
  #sweep: NodeJS.Timeout | undefined;

  constructor(options: MqttServerOptions) {
    this.#options = options;
    this.#listeners = new Listeners(options.listeners);
    const { log, state, meter, logger } = options;
    const onCongestion = (isCongested: boolean): void => {
      for (const connection of this.#connections) connection.setCongested(isCongested);
    };
    this.#broker = new Broker({ log, state, meter, logger, onCongestion });
  }

  get addresses(): { readonly mqtt: Address | null; readonly mqtts: Address | null } {
    return this.#listeners.addresses;
  }

  onFailure(listener: (cause: Error) => void): void {
    this.#listeners.onFailure(listener);
  }

  /** Throws SensoriumError: port.taken, port.denied, config.invalid, and what the state store or security throws. */
  async start(): Promise<void> {
    const { security } = this.#options;
    this.#isStopping = false;
    try {
      this.#broker.start();
      this.#undo.push(
        security.onRevoked((principal) => this.#revoked(principal)),
        security.onPolicyChanged((principal) => this.#policyChanged(principal)),
        ...this.#meters(),
      );
      this.#sweep = setInterval(() => this.#sweepNow(), MQTT_SWEEP_MS).unref();
      await this.#listeners.start(security, (accepted) => this.#accept(accepted));
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
    await until(() => this.#broker.pending === 0, MQTT_DRAIN_MS);
    for (const connection of this.#connections) connection.close('shutdown');
    await until(() => this.#connections.size === 0, MQTT_STOP_LINGER_MS);
    for (const { socket } of this.#connections) socket.destroy();
    await until(() => this.#connections.size === 0, MQTT_STOP_LINGER_MS);
    for (const undo of this.#undo.splice(0)) undo();
    this.#broker.stop();
  }

  async authenticate(connection: Connection, packet: ConnectPacket): Promise<Principal | number> {
    const { username, password, clientId } = packet;
    const { address, certificateName } = connection;
    const credentials = { username, password, clientId, address, certificateName };
    const result = await this.#options.security.connect(credentials);
    if (result.ok) return result.value;
    if (result.error.code === 'auth.unavailable') return CONNACK.unavailable;
    return result.error.code === 'auth.forbidden' ? CONNACK.unauthorized : CONNACK.credentials;
  }

  admit(
    connection: Connection,
    packet: ConnectPacket,
    principal: Principal,
  ): Session | number | 'taken-over' {
    const policy = this.#options.security.topics(principal);
    const { will } = packet;
    if (will !== undefined && !policy.mayPublish(will.topic)) return CONNACK.unauthorized;
    const clientId = packet.clientId === '' ? randomUUID() : packet.clientId;
    // Client ids are each principal's own: nobody can end, or keep out, the session of another.
    const key = `${principalKey(principal)} ${clientId}`;
    const before = this.#sessions.get(key);
    if (before !== undefined && before.connectOrder > connection.connectOrder) return 'taken-over';
    before?.close('taken-over');
    this.#sessions.set(key, connection);
    return { principal, key, policy, will };
  }

  opened(connection: Connection, { principal }: Session): void {
    connection.setCongested(this.#options.log.congested);
    if (principal.kind !== 'device') return;
    const { listener: transport, address } = connection;
    this.#options.events.publish('device.connected', principal.id, {
      device: principal.id,
      transport,
      address,
    });
  }

  closed(connection: Connection, session: Session | undefined, reason: DisconnectReason): void {
    if (session === undefined) return;
    const { principal, key, will } = session;
    this.#sessions.delete(key);
    // A clean end discards the will [MQTT-3.14.4-3]; any other publishes it [MQTT-3.1.2-8].
    if (will !== undefined && reason !== 'clean') this.#publishWill(principal, will);
    if (principal.kind !== 'device') return;
    const { address } = connection;
    this.#options.events.publish('device.disconnected', principal.id, {
      device: principal.id,
      reason,
      address,
    });
  }

  gone(connection: Connection): void {
    this.#connections.delete(connection);
  }

  count(status: 'ok' | Fault, packets: number): void {
    this.#packets[status] += packets;
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

  #accept(accepted: Accepted): void {
    if (this.#isStopping || this.#connections.size >= MQTT_CONNECTIONS_MAX) {
      accepted.socket.destroy();
      this.#packets.too_many += this.#isStopping ? 0 : 1;
      return;
    }
    this.#connections.add(new Connection({ ...accepted, host: this, broker: this.#broker }));
  }

  /** Rights are looked at again: they may be what has ended. */
  #publishWill(principal: Principal, will: NonNullable<ConnectPacket['will']>): void {
    const { security, logger, clock } = this.#options;
    const { topic, payload, qos, retain } = will;
    if (!security.topics(principal).mayPublish(topic)) return;
    const origin = principal.kind === 'device' ? principal.id : (`@${principal.id}` as const);
    const receivedAt = clock.now();
    const packet = { origin, topic, payload, receivedAt, qos, format: 'auto', checked: false } as const;
    if (!this.#broker.publish(packet, retain)) logger.warn({ topic, origin }, 'the log refused a will');
  }

  #revoked(principal: string): void {
    for (const connection of this.#connections) connection.revoked(principal);
  }

  #policyChanged(key: string): void {
    for (const connection of this.#connections) {
      const { principal } = connection;
      if (principal === undefined || principalKey(principal) !== key) continue;
      connection.policyChanged(this.#options.security.topics(principal));
    }
  }

  /** One look at every connection for all time limits: no timer per client. */
  #sweepNow(): void {
    for (const connection of this.#connections) connection.checkTime();
    void this.#broker.repair();
  }

  #meters(): (() => void)[] {
    const { meter } = this.#options;
    const open = (listener: string): number => {
      let count = 0;
      for (const connection of this.#connections) {
        if (connection.isOpen && connection.listener === listener) count += 1;
      }
      return count;
    };
    const statuses = Object.keys(this.#packets) as PacketStatus[];
    return [
      ...['mqtt', 'mqtts'].map((listener) =>
        meter.collect('iot_mqtt_connections', () => open(listener), { listener }),
      ),
      ...statuses.map((status) =>
        meter.collect('iot_requests_total', () => this.#packets[status], { protocol: 'mqtt', status }),
      ),
    ];
  }
}

/** By the timers of the process, not by the injected clock: a stop must end. */
async function until(isDone: () => boolean, withinMs: number): Promise<void> {
  for (let waitedMs = 0; waitedMs < withinMs && !isDone(); waitedMs += STOP_POLL_MS)
    await delay(STOP_POLL_MS);
}
