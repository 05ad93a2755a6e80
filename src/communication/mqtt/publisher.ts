/**
 * The inbound half of a connection: judges PUBLISH packets, hands them on, and acknowledges each once it is on disk, in
 * the order they came [MQTT-4.6.0-2, MQTT-4.6.0-3]. Payloads stay views into the socket's chunk.
 */
import { isUtf8 } from 'node:buffer';
import { MQTT_ROUTES_PER_CLIENT_MAX, PACKET_MAX_BYTES } from '../../base/limits.ts';
import type { DataPacket, Origin } from '../../model/packet.ts';
import type { TopicPolicy } from '../../model/ports/security.ts';
import { isTopic } from './codec/topics.ts';
import { PUBACK, PUBCOMP, PUBREC } from './codec/write.ts';
import type { Outbox } from './outbox.ts';
import type { Acknowledged } from './pending-acks.ts';

/** Why a packet ends its connection; also the `status` of its count. */
export type Fault = 'malformed' | 'too_large' | 'denied' | 'refused';

/** Where messages go. */
export interface MessageSink {
  /** False when the log refuses. A sender is told later, with its key, of the commit or the loss. */
  publish(packet: DataPacket, retain: boolean, sender?: Publisher, key?: number): boolean;
}

interface Route {
  readonly topic: string;
  readonly isAllowed: boolean;
}

/** Packet id and kind in one number, as the key of an acknowledgement: QoS 1 and 2 share the ids. */
const QOS_2 = 0x1_0000;
const PACKET_ID = 0xffff;
const NO_TOPIC = new Uint8Array(0);

export class Publisher implements Acknowledged {
  readonly #sink: MessageSink;
  readonly #outbox: Outbox;
  readonly #close: () => void;
  #origin: Origin = '@';
  #policy: TopicPolicy | undefined;
  #isEnded = false;
  #routes: Map<string, Route> | undefined;
  /** Devices publish to one topic again and again: comparing bytes is cheaper than making a key of them. */
  #lastTopic: Uint8Array = NO_TOPIC;
  #lastRoute: Route | undefined;
  /** QoS 2 packet ids between PUBLISH and PUBREL, true once on disk: a repeat is not stored again [MQTT-4.3.3-2]. */
  #unreleased: Map<number, boolean> | undefined;
  /** Retained messages the state store has not yet, by key: they are acknowledged when both stores have them. */
  #storing: Map<number, number> | undefined;
  /** Due behind one that is still storing. */
  #due: number[] = [];
  /** Milliseconds since the epoch of the chunk being read. */
  receivedAt = 0;

  constructor(options: { readonly sink: MessageSink; readonly outbox: Outbox; readonly close: () => void }) {
    this.#sink = options.sink;
    this.#outbox = options.outbox;
    this.#close = options.close;
  }

  open(origin: Origin, policy: TopicPolicy): void {
    this.#origin = origin;
    this.policyChanged(policy);
  }

  policyChanged(policy: TopicPolicy): void {
    this.#policy = policy;
    this.#routes = undefined;
    this.#lastTopic = NO_TOPIC;
    this.#lastRoute = undefined;
  }

  /** Nothing is acknowledged any more. */
  end(): void {
    this.#isEnded = true;
  }

  publish(header: number, chunk: Buffer, start: number, end: number): Fault | undefined {
    const qos = (header >> 1) & 3;
    // QoS 3 [MQTT-3.3.1-4]; DUP at QoS 0 [MQTT-3.3.1-2].
    if (qos === 3 || (qos === 0 && (header & 8) !== 0) || end - start < 2) return 'malformed';
    const topicEnd = start + 2 + (((chunk[start] ?? 0) << 8) | (chunk[start + 1] ?? 0));
    const payloadAt = qos === 0 ? topicEnd : topicEnd + 2;
    if (payloadAt > end) return 'malformed';
    const route = this.#route(chunk, start + 2, topicEnd);
    if (route === undefined) return 'malformed';
    const packetId = qos === 0 ? 0 : ((chunk[topicEnd] ?? 0) << 8) | (chunk[topicEnd + 1] ?? 0);
    if (qos > 0 && packetId === 0) return 'malformed';
    if (end - payloadAt > PACKET_MAX_BYTES) return 'too_large';
    // 3.1.1 has no word for "no" but the end of the connection [MQTT-3.3.5-2]: a PUBACK means "on disk" here.
    if (!route.isAllowed) return 'denied';
    if (qos === 2 && !this.#isNew(packetId)) return undefined;
    const packet: DataPacket = {
      origin: this.#origin,
      topic: route.topic,
      payload: chunk.subarray(payloadAt, end),
      receivedAt: this.receivedAt,
      qos: qos as 0 | 1 | 2,
      format: 'auto',
      checked: false,
    };
    const isTaken = this.#sink.publish(
      packet,
      (header & 1) !== 0,
      this,
      qos === 2 ? QOS_2 | packetId : packetId,
    );
    // A refused QoS 0 message is gone, and counted; the sender of another keeps it and comes again.
    return isTaken || qos === 0 ? undefined : 'refused';
  }

  /** PUBREL; false for one that comes before its PUBREC. An unknown id is released, too: its session was another. */
  release(packetId: number): boolean {
    if (this.#unreleased?.get(packetId) === false) return false;
    this.#unreleased?.delete(packetId);
    this.#outbox.acknowledge(PUBCOMP, packetId);
    return true;
  }

  committed(key: number): void {
    if (this.#isEnded) return;
    if (this.#due.length > 0 || this.#storing?.has(key) === true) this.#due.push(key);
    else this.#acknowledge(key);
  }

  /** The sender has no acknowledgement and will send again, on a new connection. */
  lost(): void {
    this.#close();
  }

  /** The message of `key` is retained, and `stored` settles when the state store has it or failed. */
  async storing(key: number, stored: Promise<void>): Promise<void> {
    this.#storing ??= new Map();
    this.#storing.set(key, (this.#storing.get(key) ?? 0) + 1);
    try {
      await stored;
    } catch {
      this.#close();
      return;
    }
    const left = (this.#storing.get(key) ?? 0) - 1;
    if (left > 0) this.#storing.set(key, left);
    else this.#storing.delete(key);
    this.#acknowledgeDue();
  }

  #acknowledgeDue(): void {
    if (this.#isEnded) return;
    const blocked = this.#due.findIndex((key) => this.#storing?.has(key));
    for (const key of this.#due.splice(0, blocked === -1 ? this.#due.length : blocked))
      this.#acknowledge(key);
  }

  #acknowledge(key: number): void {
    const packetId = key & PACKET_ID;
    if (key < QOS_2) {
      this.#outbox.acknowledge(PUBACK, packetId);
      return;
    }
    this.#unreleased?.set(packetId, true);
    this.#outbox.acknowledge(PUBREC, packetId);
  }

  /** A QoS 2 message seen for the first time? A repeat of one on disk is answered again. */
  #isNew(packetId: number): boolean {
    this.#unreleased ??= new Map();
    const isOnDisk = this.#unreleased.get(packetId);
    if (isOnDisk === undefined) this.#unreleased.set(packetId, false);
    else if (isOnDisk) this.#outbox.acknowledge(PUBREC, packetId);
    return isOnDisk === undefined;
  }

  #route(chunk: Buffer, from: number, to: number): Route | undefined {
    const last = this.#lastTopic;
    const length = to - from;
    if (last.length === length) {
      let i = 0;
      while (i < length && last[i] === chunk[from + i]) i += 1;
      if (i === length) return this.#lastRoute;
    }
    const key = chunk.toString('latin1', from, to);
    const route = this.#routes?.get(key) ?? this.#judge(key, chunk.subarray(from, to));
    if (route === undefined) return undefined;
    this.#lastTopic = Uint8Array.from(chunk.subarray(from, to));
    this.#lastRoute = route;
    return route;
  }

  /** Undefined = malformed: bad UTF-8 [MQTT-1.5.3-1], U+0000 [MQTT-1.5.3-2], wildcards [MQTT-3.3.2-2]. */
  #judge(key: string, bytes: Buffer): Route | undefined {
    if (!isUtf8(bytes) || bytes.includes(0)) return undefined;
    const topic = bytes.toString('utf8');
    if (!isTopic(topic)) return undefined;
    const route = { topic, isAllowed: this.#policy?.mayPublish(topic) === true };
    if (this.#routes === undefined || this.#routes.size >= MQTT_ROUTES_PER_CLIENT_MAX)
      this.#routes = new Map();
    this.#routes.set(key, route);
    return route;
  }
}
