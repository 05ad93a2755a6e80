/**
 * One client, from accept to close: speaks the protocol, keeps its rules, and leaves everything that concerns more
 * than this client to the broker. Payloads stay views into the socket's chunk until the log or another client's
 * packet has copied them.
 */

import { isUtf8 } from 'node:buffer';
import type { Socket } from 'node:net';
import {
  MQTT_INFLIGHT_MAX,
  MQTT_ROUTES_PER_CLIENT_MAX,
  MQTT_SUBSCRIPTIONS_PER_CLIENT_MAX,
  TOPIC_MAX_BYTES,
  TOPIC_MAX_LEVELS,
  UNAUTHENTICATED_MAX_BYTES,
} from '../../base/limits.ts';
import type { DisconnectReason } from '../../model/events.ts';
import type { Origin } from '../../model/packet.ts';
import type { Principal, TopicPolicy } from '../../model/ports/security.ts';
import { CONNACK, type ConnectPacket, parseConnect } from './codec/connect.ts';
import { Framing } from './codec/framing.ts';
import { parseSubscribe, parseUnsubscribe } from './codec/subscribe.ts';
import { acknowledgement, connack, PINGRESP, publish, suback } from './codec/write.ts';
import { Outbox } from './outbox.ts';

/** What a connection asks of the server. */
export interface Broker {
  /** Refuses with a CONNACK code, or admits. */
  admit(connection: Connection, packet: ConnectPacket): Promise<number>;
  policyOf(principal: Principal): TopicPolicy;
  /** Appends and routes; false when the log refuses. */
  publish(from: Connection, message: Inbound): boolean;
  subscribe(connection: Connection, filter: string, qos: 0 | 1): void;
  unsubscribe(connection: Connection, filter: string): void;
  denied(connection: Connection, action: string, resource: string): void;
  /** Flush at the end of this turn. */
  dirty(connection: Connection): void;
  dropped(reason: string): void;
  delivered(qos: 0 | 1): void;
  closed(connection: Connection, reason: DisconnectReason): void;
  monotonic(): number;
}

export interface Inbound {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly packetId: number;
}

interface Route {
  readonly topic: string;
  readonly allowed: boolean;
}

export class Connection {
  readonly socket: Socket;
  readonly address: string;
  readonly listener: 'mqtt' | 'mqtts';
  readonly certificateName: string | undefined;
  readonly acceptedAt: number;
  readonly outbox: Outbox;
  readonly #broker: Broker;
  readonly #framing: Framing;
  readonly #routes = new Map<string, Route>();
  readonly #subscriptions = new Map<string, 0 | 1>();
  /** QoS 2 packet ids between PUBLISH and PUBREL: a repeat is acknowledged, not stored again [MQTT-4.3.3-2]. */
  #unreleased: Map<number, boolean> | undefined;
  #policy: TopicPolicy | undefined;
  #state: 'new' | 'authenticating' | 'open' | 'closed' = 'new';
  #receivedBytes = 0;
  #lastPacketAt: number;
  #keepAliveMs = 0;
  principal: Principal | undefined;
  origin: Origin = '@';
  clientId = '';
  will: ConnectPacket['will'];
  /** Why it is being closed; the socket's own end says `network`. */
  #reason: DisconnectReason | undefined;

  constructor(options: {
    readonly socket: Socket;
    readonly listener: 'mqtt' | 'mqtts';
    readonly certificateName: string | undefined;
    readonly broker: Broker;
  }) {
    this.socket = options.socket;
    this.address = options.socket.remoteAddress ?? '';
    this.listener = options.listener;
    this.certificateName = options.certificateName;
    this.#broker = options.broker;
    this.acceptedAt = options.broker.monotonic();
    this.#lastPacketAt = this.acceptedAt;
    this.outbox = new Outbox(options.socket, () => this.#broker.dirty(this));
    this.#framing = new Framing((header, chunk, start, end) => this.#packet(header, chunk, start, end));
    this.socket.setNoDelay(true);
    this.socket.on('data', (chunk: Buffer) => this.#data(chunk));
    this.socket.on('error', () => this.socket.destroy());
    this.socket.on('close', () => this.#closed());
  }

  get open(): boolean {
    return this.#state === 'open';
  }

  get subscriptions(): ReadonlyMap<string, 0 | 1> {
    return this.#subscriptions;
  }

  /** What is overdue at `now` (monotonic): the CONNECT, or a sign of life [MQTT-3.1.2-24]. */
  overdue(now: number, connectTimeoutMs: number): DisconnectReason | undefined {
    if (this.#state !== 'open')
      return now - this.acceptedAt > connectTimeoutMs ? 'protocol-error' : undefined;
    const silentMs = now - this.#lastPacketAt;
    return this.#keepAliveMs > 0 && silentMs > this.#keepAliveMs * 1.5 ? 'keep-alive' : undefined;
  }

  close(reason: DisconnectReason): void {
    if (this.#state === 'closed') return;
    this.#reason ??= reason;
    this.outbox.flush();
    // Ends after what was written; a peer that does not read is cut off by the sweep of the server.
    if (reason === 'shutdown') this.socket.end();
    else this.socket.destroySoon();
  }

  policyChanged(): void {
    if (this.principal === undefined) return;
    this.#policy = this.#broker.policyOf(this.principal);
    this.#routes.clear();
    for (const filter of this.#subscriptions.keys()) {
      if (!this.#policy.maySubscribe(filter)) this.#unsubscribe(filter);
    }
  }

  /** The log has it: PUBACK, or PUBREC for QoS 2. */
  acknowledge(packetId: number): void {
    if (this.#state !== 'open') return;
    const second = this.#unreleased?.has(packetId) === true;
    if (second) this.#unreleased?.set(packetId, true);
    this.outbox.send(acknowledgement(second ? 0x50 : 0x40, packetId));
  }

  /** A message for this client; `shared` is the QoS 0 encoding that all its receivers share. */
  deliver(topic: string, payload: Uint8Array, qos: 0 | 1, retain: boolean, shared: Buffer | undefined): void {
    if (this.#policy?.mayReceive(topic) !== true) return;
    let sent: boolean;
    if (qos === 0) sent = this.outbox.deliver(shared ?? publish({ topic, payload, qos, retain }).bytes);
    else {
      const { bytes, idAt } = publish({ topic, payload, qos, retain });
      sent = this.outbox.deliverAcknowledged(bytes, idAt);
    }
    if (sent) this.#broker.delivered(qos);
    else this.#broker.dropped('slow_subscriber');
  }

  #data(chunk: Buffer): void {
    if (this.#state === 'open') {
      this.#lastPacketAt = this.#broker.monotonic();
    } else {
      this.#receivedBytes += chunk.length;
      if (this.#receivedBytes > UNAUTHENTICATED_MAX_BYTES) {
        this.close('protocol-error');
        return;
      }
    }
    if (!this.#framing.push(chunk)) this.close('protocol-error');
  }

  /** False ends the connection. */
  #packet(header: number, chunk: Buffer, start: number, end: number): boolean {
    const type = header >> 4;
    if (type === 3) return this.#state === 'open' && this.#publish(header, chunk, start, end);
    // CONNECT comes first and once [MQTT-3.1.0-1, MQTT-3.1.0-2]; flags are as reserved [MQTT-2.2.2-2].
    if ((this.#state === 'new') !== (type === 1)) return false;
    const flags = header & 0x0f;
    if (flags !== (type === 6 || type === 8 || type === 10 ? 2 : 0)) return false;
    switch (type) {
      case 1:
        return this.#connect(chunk, start, end);
      case 4:
        return this.#ack(chunk, start, end, (id) => this.outbox.acknowledged(id));
      case 6:
        return this.#ack(chunk, start, end, (id) => this.#release(id));
      case 8:
        return this.#subscribe(chunk, start, end);
      case 10:
        return this.#unsubscribeAll(chunk, start, end);
      case 12:
        if (start === end) this.outbox.send(PINGRESP);
        return start === end;
      case 14:
        // A clean end discards the will [MQTT-3.14.4-3].
        this.will = undefined;
        this.#reason = start === end ? 'clean' : 'protocol-error';
        this.socket.end();
        return start === end;
      default:
        return false;
    }
  }

  #connect(chunk: Buffer, start: number, end: number): boolean {
    const packet = parseConnect(chunk, start, end);
    if (packet === 'malformed') return false;
    if (typeof packet === 'number') {
      this.outbox.send(connack(packet));
      return false;
    }
    this.#state = 'authenticating';
    this.#framing.suspend();
    this.#keepAliveMs = packet.keepAliveS * 1_000;
    this.#broker.admit(this, packet).then(
      (code) => this.#answer(code),
      () => this.#answer(CONNACK.unavailable),
    );
    return true;
  }

  #answer(code: number): void {
    if (this.#state !== 'authenticating') return;
    this.outbox.send(connack(code));
    if (code !== CONNACK.accepted || this.principal === undefined) {
      this.close('protocol-error');
      return;
    }
    this.#state = 'open';
    this.#lastPacketAt = this.#broker.monotonic();
    this.#policy = this.#broker.policyOf(this.principal);
    if (!this.#framing.resume()) this.close('protocol-error');
  }

  #publish(header: number, chunk: Buffer, start: number, end: number): boolean {
    const qos = (header >> 1) & 3;
    if (qos === 3 || (qos === 0 && (header & 8) !== 0) || end - start < 2) return false;
    const topicEnd = start + 2 + (((chunk[start] ?? 0) << 8) | (chunk[start + 1] ?? 0));
    const payloadAt = qos === 0 ? topicEnd : topicEnd + 2;
    if (payloadAt > end) return false;
    const key = chunk.toString('latin1', start + 2, topicEnd);
    const route = this.#routes.get(key) ?? this.#route(key, chunk.subarray(start + 2, topicEnd));
    if (route === undefined) return false;
    const packetId = qos === 0 ? 0 : ((chunk[topicEnd] ?? 0) << 8) | (chunk[topicEnd + 1] ?? 0);
    if (qos > 0 && packetId === 0) return false;
    if (!route.allowed) {
      this.#broker.denied(this, 'publish', route.topic);
      return false;
    }
    if (qos === 2 && !this.#receive(packetId)) return true;
    const payload = chunk.subarray(payloadAt, end);
    const message = {
      topic: route.topic,
      payload,
      qos: qos as 0 | 1 | 2,
      retain: (header & 1) !== 0,
      packetId,
    };
    return this.#broker.publish(this, message) || qos === 0;
  }

  /** True for a QoS 2 message seen for the first time. */
  #receive(packetId: number): boolean {
    this.#unreleased ??= new Map();
    const committed = this.#unreleased.get(packetId);
    if (committed === undefined) {
      this.#unreleased.set(packetId, false);
      return this.#unreleased.size <= MQTT_INFLIGHT_MAX;
    }
    if (committed) this.outbox.send(acknowledgement(0x50, packetId));
    return false;
  }

  #release(packetId: number): void {
    this.#unreleased?.delete(packetId);
    this.outbox.send(acknowledgement(0x70, packetId));
  }

  /** Judges a topic once per connection; undefined = malformed [MQTT-3.3.2-1, MQTT-3.3.2-2, MQTT-1.5.3-2]. */
  #route(key: string, bytes: Buffer): Route | undefined {
    if (bytes.length === 0 || bytes.length > TOPIC_MAX_BYTES || bytes.includes(0) || !isUtf8(bytes))
      return undefined;
    const topic = bytes.toString('utf8');
    if (topic.includes('#') || topic.includes('+') || topic.split('/').length > TOPIC_MAX_LEVELS)
      return undefined;
    const route = { topic, allowed: this.#policy?.mayPublish(topic) === true };
    if (this.#routes.size >= MQTT_ROUTES_PER_CLIENT_MAX) this.#routes.clear();
    this.#routes.set(key, route);
    return route;
  }

  #ack(chunk: Buffer, start: number, end: number, take: (packetId: number) => void): boolean {
    if (end - start !== 2) return false;
    const packetId = chunk.readUInt16BE(start);
    if (packetId === 0) return false;
    take(packetId);
    return true;
  }

  #subscribe(chunk: Buffer, start: number, end: number): boolean {
    const packet = parseSubscribe(chunk, start, end);
    if (packet === undefined) return false;
    const granted: [string, 0 | 1][] = [];
    const codes = packet.entries.map(({ filter, qos }) => {
      const full =
        this.#subscriptions.size >= MQTT_SUBSCRIPTIONS_PER_CLIENT_MAX && !this.#subscriptions.has(filter);
      if (full || this.#policy?.maySubscribe(filter) !== true) {
        this.#broker.denied(this, 'subscribe', filter);
        return 0x80;
      }
      const most = qos === 0 ? 0 : 1;
      this.#subscriptions.set(filter, most);
      granted.push([filter, most]);
      return most;
    });
    this.outbox.send(suback(packet.packetId, codes));
    for (const [filter, qos] of granted) this.#broker.subscribe(this, filter, qos);
    return true;
  }

  #unsubscribeAll(chunk: Buffer, start: number, end: number): boolean {
    const packet = parseUnsubscribe(chunk, start, end);
    if (packet === undefined) return false;
    for (const filter of packet.filters) this.#unsubscribe(filter);
    this.outbox.send(acknowledgement(0xb0, packet.packetId));
    return true;
  }

  #unsubscribe(filter: string): void {
    if (this.#subscriptions.delete(filter)) this.#broker.unsubscribe(this, filter);
  }

  #closed(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    for (const filter of this.#subscriptions.keys()) this.#broker.unsubscribe(this, filter);
    this.#broker.closed(this, this.#reason ?? 'network');
  }
}
