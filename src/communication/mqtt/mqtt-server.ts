/**
 * The MQTT server: listeners, admission, routing between clients, and the way from a PUBLISH to the log and back to
 * its acknowledgement. Promises that PUBACK and PUBREC leave only for what is on disk, and that a client which does
 * not read costs the others nothing. It must not know what is in a payload, or who checks credentials.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import {
  MQTT_CONNECT_TIMEOUT_MS,
  MQTT_CONNECTIONS_MAX,
  MQTT_DRAIN_MS,
  MQTT_SWEEP_MS,
} from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import type { DisconnectReason } from '../../model/events.ts';
import type { Offset } from '../../model/packet.ts';
import type { EventPublisher } from '../../model/ports/events.ts';
import { type Log, REFUSED } from '../../model/ports/log.ts';
import type { Meter } from '../../model/ports/meter.ts';
import { principalKey, type SecurityFacade } from '../../model/ports/security.ts';
import type { StateStore } from '../../model/ports/state.ts';
import { CONNACK, type ConnectPacket } from './codec/connect.ts';
import { publish } from './codec/write.ts';
import { type Broker, Connection, type Inbound } from './connection.ts';
import { type Address, type ListenerOptions, Listeners } from './listeners.ts';
import { PendingAcks } from './pending-acks.ts';
import { RetainedMessages } from './retained.ts';
import { TopicTree } from './topic-tree.ts';

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

export class MqttServer {
  readonly #options: MqttServerOptions;
  readonly #listeners: Listeners;
  readonly #retained: RetainedMessages;
  readonly #tree = new TopicTree<Connection>();
  readonly #connections = new Set<Connection>();
  readonly #clients = new Map<string, Connection>();
  #acks = new PendingAcks();
  readonly #dirty = new Set<Connection>();
  readonly #undo: (() => void)[] = [];
  readonly #received = [0, 0, 0];
  readonly #sent = [0, 0];
  #flushing = false;
  #congested = false;
  #sweep: NodeJS.Timeout | undefined;
  readonly #broker: Broker;

  constructor(options: MqttServerOptions) {
    this.#options = options;
    this.#retained = new RetainedMessages(options.state);
    this.#listeners = new Listeners(options.listeners);
    this.#broker = this.#brokerFace();
  }

  get addresses(): { readonly mqtt: Address | null; readonly mqtts: Address | null } {
    return this.#listeners.addresses;
  }

  onFailure(listener: (cause: Error) => void): void {
    this.#listeners.onFailure(listener);
  }

  /** Throws SensoriumError: port.taken, port.denied, config.invalid. */
  async start(): Promise<void> {
    const { log, security } = this.#options;
    this.#retained.load();
    this.#undo.push(
      log.listen({
        committed: (through) => this.#committed(through),
        failed: (from, through, error) => this.#lost(from, through, error.code),
        congestion: (congested) => this.#congestion(congested),
      }),
      security.onRevoked((principal) => this.#each(principal, (connection) => connection.close('kicked'))),
      security.onPolicyChanged((principal) =>
        this.#each(principal, (connection) => connection.policyChanged()),
      ),
      ...this.#meters(),
    );
    this.#congested = log.congested;
    this.#sweep = setInterval(() => this.#sweepNow(), MQTT_SWEEP_MS).unref();
    try {
      await this.#listeners.start(security.tls, (accepted) => {
        if (this.#connections.size >= MQTT_CONNECTIONS_MAX) {
          accepted.socket.destroy();
          this.#options.meter.add('iot_messages_dropped_total', 1, { reason: 'too_many_connections' });
          return;
        }
        this.#connections.add(new Connection({ ...accepted, broker: this.#broker }));
      });
    } catch (cause) {
      await this.stop();
      throw cause;
    }
  }

  /** Stops accepting, lets the commit in progress be acknowledged, then closes. */
  async stop(): Promise<void> {
    clearInterval(this.#sweep);
    this.#listeners.close();
    for (const connection of this.#connections) connection.socket.pause();
    const { clock } = this.#options;
    const deadline = clock.monotonic() + MQTT_DRAIN_MS;
    while (this.#acks.size > 0 && clock.monotonic() < deadline)
      await new Promise((done) => setTimeout(done, 1));
    this.#flush();
    for (const connection of this.#connections) {
      connection.socket.resume();
      connection.close('shutdown');
    }
    await new Promise((done) => setTimeout(done, 10));
    for (const connection of this.#connections) connection.socket.destroy();
    while (this.#connections.size > 0) await new Promise((done) => setTimeout(done, 1));
    for (const undo of this.#undo.splice(0)) undo();
    this.#acks = new PendingAcks();
  }

  #brokerFace(): Broker {
    const { security, clock, meter } = this.#options;
    return {
      admit: async (connection, packet) => await this.#admit(connection, packet),
      policyOf: (principal) => security.topics(principal),
      publish: (from, message) => this.#publish(from, message),
      subscribe: (connection, filter, qos) => this.#subscribe(connection, filter, qos),
      unsubscribe: (connection, filter) => this.#tree.remove(filter, connection),
      denied: (connection, action, resource) => this.#denied(connection, action, resource),
      dirty: (connection) => this.#schedule(connection),
      dropped: (reason) => meter.add('iot_messages_dropped_total', 1, { reason }),
      delivered: (qos) => (this.#sent[qos] = (this.#sent[qos] ?? 0) + 1),
      closed: (connection, reason) => this.#closed(connection, reason),
      monotonic: () => clock.monotonic(),
    };
  }

  async #admit(connection: Connection, packet: ConnectPacket): Promise<number> {
    const { security, meter, events } = this.#options;
    const { username, password, will } = packet;
    const { address, certificateName } = connection;
    const result = await security.connect({
      username,
      password,
      clientId: packet.clientId,
      address,
      certificateName,
    });
    if (!result.ok) {
      meter.add('iot_auth_failures_total', 1, { protocol: 'mqtt', code: result.error.code });
      if (result.error.code === 'auth.unavailable') return CONNACK.unavailable;
      return result.error.code === 'auth.forbidden' ? CONNACK.unauthorized : CONNACK.credentials;
    }
    const principal = result.value;
    const clientId = packet.clientId === '' ? randomUUID() : packet.clientId;
    const before = this.#clients.get(clientId);
    if (before?.principal !== undefined) {
      if (principalKey(before.principal) !== principalKey(principal)) return CONNACK.identifier;
      before.close('taken-over');
    }
    if (will !== undefined && !security.topics(principal).mayPublish(will.topic)) {
      this.#denied(connection, 'will', will.topic);
      return CONNACK.unauthorized;
    }
    connection.principal = principal;
    connection.origin = principal.kind === 'device' ? principal.id : `@${principal.id}`;
    connection.clientId = clientId;
    connection.will = will;
    this.#clients.set(clientId, connection);
    if (principal.kind === 'device') {
      events.publish('device.connected', principal.id, {
        device: principal.id,
        transport: connection.listener,
        address,
      });
    }
    if (this.#congested) connection.socket.pause();
    return CONNACK.accepted;
  }

  #publish(from: Connection, message: Inbound): boolean {
    const { log, clock } = this.#options;
    const { topic, payload, qos, retain, packetId } = message;
    this.#received[qos] = (this.#received[qos] ?? 0) + 1;
    const receivedAt = clock.now();
    const offset = log.append({
      origin: from.origin,
      topic,
      payload,
      receivedAt,
      qos,
      format: 'auto',
      checked: false,
    });
    if (offset === REFUSED) {
      // A QoS 0 message is gone, and counted; the sender of a QoS 1 or 2 message keeps it and comes again.
      this.#broker.dropped(log.refusal);
      return false;
    }
    const stored = retain ? this.#retain(message) : undefined;
    if (qos > 0) {
      if (stored === undefined) this.#acks.add(offset, from, packetId);
      else void this.#acknowledgeAfter(Promise.all([log.committed(offset), stored]), from, packetId);
    }
    if (this.#tree.size > 0) this.#route(topic, payload, qos);
    return true;
  }

  #route(topic: string, payload: Uint8Array, qos: 0 | 1 | 2): void {
    let shared: Buffer | undefined;
    for (const match of this.#tree.match(topic)) {
      const granted = qos === 0 || match.qos === 0 ? 0 : 1;
      if (granted === 0) shared ??= publish({ topic, payload, qos: 0, retain: false }).bytes;
      match.member.deliver(topic, payload, granted, false, shared);
    }
  }

  #retain(message: Inbound): Promise<unknown> | undefined {
    const stored = this.#retained.set(message.topic, message.payload, message.qos);
    if (stored === undefined) this.#broker.dropped('retained_limit');
    else
      stored.catch((cause: unknown) =>
        this.#options.logger.error({ cause: String(cause) }, 'a retained message was not stored'),
      );
    return stored;
  }

  async #acknowledgeAfter(stored: Promise<unknown>, connection: Connection, packetId: number): Promise<void> {
    try {
      await stored;
      connection.acknowledge(packetId);
    } catch {
      connection.close('network');
    }
  }

  #committed(through: Offset): void {
    this.#acks.take(through, (connection, packetId) => connection.acknowledge(packetId));
    this.#flush();
  }

  /** Their senders have no acknowledgement and will send again, on a new connection. */
  #lost(from: Offset, through: Offset, code: string): void {
    this.#options.logger.error(
      { from, through, code },
      'messages were not committed; their senders are disconnected',
    );
    this.#acks.take(through, (connection) => connection.close('network'));
  }

  #congestion(congested: boolean): void {
    this.#congested = congested;
    for (const { socket, open } of this.#connections) {
      if (congested && open) socket.pause();
      else socket.resume();
    }
  }

  #subscribe(connection: Connection, filter: string, qos: 0 | 1): void {
    this.#tree.add(filter, connection, qos);
    this.#retained.each(filter, (topic, message) => {
      const granted = qos === 0 || message.qos === 0 ? 0 : 1;
      connection.deliver(topic, message.payload, granted, true, undefined);
    });
  }

  #denied(connection: Connection, action: string, resource: string): void {
    const subject = connection.origin;
    const { address } = connection;
    this.#options.meter.add('iot_messages_dropped_total', 1, { reason: 'denied' });
    this.#options.events.publish('security.denied', subject, { subject, action, resource, address });
  }

  #closed(connection: Connection, reason: DisconnectReason): void {
    this.#connections.delete(connection);
    this.#dirty.delete(connection);
    const { principal, clientId, will, address } = connection;
    if (principal === undefined) return;
    if (this.#clients.get(clientId) === connection) this.#clients.delete(clientId);
    if (will !== undefined && reason !== 'clean') {
      if (!this.#publish(connection, { ...will, packetId: 0 }))
        this.#options.logger.warn({ clientId }, 'a will was not stored');
    }
    if (principal.kind !== 'device') return;
    this.#options.events.publish('device.disconnected', principal.id, {
      device: principal.id,
      reason,
      address,
    });
  }

  #each(principal: string, act: (connection: Connection) => void): void {
    for (const connection of this.#connections) {
      if (connection.principal !== undefined && principalKey(connection.principal) === principal)
        act(connection);
    }
  }

  #schedule(connection: Connection): void {
    this.#dirty.add(connection);
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = false;
    for (const connection of this.#dirty) connection.outbox.flush();
    this.#dirty.clear();
  }

  /** One look at every connection for all time limits: no timer per client. */
  #sweepNow(): void {
    const { clock } = this.#options;
    const now = clock.monotonic();
    for (const connection of this.#connections) {
      const reason = connection.overdue(now, MQTT_CONNECT_TIMEOUT_MS);
      if (reason !== undefined) connection.close(reason);
      const expiresAt = connection.principal?.expiresAt;
      if (expiresAt !== undefined && clock.now() >= expiresAt) connection.close('kicked');
    }
  }

  #meters(): (() => void)[] {
    const { meter } = this.#options;
    const count = (listener: string) => (): number =>
      [...this.#connections].filter((connection) => connection.open && connection.listener === listener)
        .length;
    return [
      meter.collect('iot_mqtt_connections', count('mqtt'), { listener: 'mqtt' }),
      meter.collect('iot_mqtt_connections', count('mqtts'), { listener: 'mqtts' }),
      meter.collect('iot_mqtt_subscriptions', () => this.#tree.size),
      meter.collect('iot_mqtt_retained', () => this.#retained.size),
      ...[0, 1, 2].map((qos) =>
        meter.collect('iot_mqtt_received_total', () => this.#received[qos] ?? 0, { qos: String(qos) }),
      ),
      ...[0, 1].map((qos) =>
        meter.collect('iot_mqtt_delivered_total', () => this.#sent[qos] ?? 0, { qos: String(qos) }),
      ),
    ];
  }
}
