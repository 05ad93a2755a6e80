/**
 * The inbound half of a connection: judges PUBLISH packets, hands them on, and acknowledges each once it is on disk, in
 * the order they came [MQTT-4.6.0-2, MQTT-4.6.0-3]. Payloads stay views into the socket's chunk.
 */
import { isUtf8 } from 'node:buffer';
import {
  MQTT_RECEIVE_MAXIMUM,
  MQTT_ROUTES_PER_CLIENT_MAX,
  MQTT_TOPIC_ALIAS_MAX,
  PACKET_MAX_BYTES,
} from '../../../base/limits.ts';
import type { ErrorCode } from '../../../model/errors.ts';
import type { Offset, Origin } from '../../../model/packet.ts';
import type { Account, DropReason } from '../../../model/ports/ledger.ts';
import { REFUSED } from '../../../model/ports/log.ts';
import type { TopicPolicy } from '../../../model/ports/security.ts';
import type { Incoming, Sender } from '../broker/broker.ts';
import { parseAcknowledgement } from '../codec/acknowledgement.ts';
import { type PublishProperties, parsePublishProperties } from '../codec/publish.ts';
import { type Fault, isFault, REASON } from '../codec/reason.ts';
import { fitsLimits, isTopicName } from '../codec/topics.ts';
import type { ProtocolVersion } from '../codec/version.ts';
import { acknowledgement, PUBACK, PUBCOMP, PUBREC } from '../codec/write.ts';
import type { Session } from '../session/session.ts';
import type { Outbox } from './outbox.ts';

/** Where messages go. */
export interface MessageSink {
  /** First offset that is not on disk yet. */
  readonly durable: Offset;
  /** Where what comes from this sender is counted. */
  account(origin: Origin): Account;
  /** Why the last message was refused. */
  readonly refusal: ErrorCode;
  /** Tells the sender again when this is on disk. */
  remind(offset: Offset, sender: Sender, key: number): void;
  /** The offset, or REFUSED. A sender is told later, with its key, of the commit or the loss. */
  publish(incoming: Incoming, sender?: Sender, key?: number): Offset;
}

interface Route {
  readonly topic: string;
  readonly isAllowed: boolean;
}

/** Packet id and kind in one number, as the key of an acknowledgement: QoS 1 and 2 share the ids. */
const QOS_2 = 0x1_0000;
const PACKET_ID = 0xffff;
const NO_TOPIC = new Uint8Array(0);
/** Its type. */
const PUBREL = 6;

const fault = (reason: number, why: string): Fault => ({ fault: reason, why });
const CUT_SHORT = fault(REASON.malformed, 'PUBLISH ends within its header');
const QOS_3 = fault(REASON.malformed, 'PUBLISH with QoS 3 [MQTT-3.3.1-4]');
const DUP_0 = fault(REASON.malformed, 'DUP with QoS 0 [MQTT-3.3.1-2]');
const NO_ID = fault(REASON.protocolError, 'packet id 0 [MQTT-2.2.1-3]');
const BAD_TOPIC = fault(REASON.malformed, 'PUBLISH to what is no topic name [MQTT-3.3.2-2]');
const LONG_TOPIC = fault(REASON.topicInvalid, 'the topic is too long or too deep');
const NO_TOPIC_AT_ALL = fault(REASON.protocolError, 'PUBLISH without topic and alias [3.3.2.1]');
const BAD_ALIAS = fault(REASON.topicAliasInvalid, 'a topic alias over the maximum [MQTT-3.3.2-9]');
const UNKNOWN_ALIAS = fault(REASON.protocolError, 'a topic alias that stands for nothing [3.3.4]');
const TOO_LARGE = fault(REASON.packetTooLarge, 'the payload is too large');
const TOO_MANY = fault(REASON.receiveMaximumExceeded, 'more at once than the receive maximum [MQTT-3.3.4-7]');
const DENIED = fault(REASON.notAuthorized, 'not allowed to publish to this topic');
const REFUSED_BY_LOG = fault(REASON.quotaExceeded, 'the log takes no more at present');

/** Why a message is not taken, in the words of the ledger. */
const DROPPED: Readonly<Partial<Record<number, DropReason>>> = {
  [REASON.notAuthorized]: 'denied',
  [REASON.packetTooLarge]: 'too_large',
  [REASON.quotaExceeded]: 'log_refused',
  [REASON.payloadFormatInvalid]: 'invalid',
};

export class Publisher implements Sender {
  readonly #sink: MessageSink;
  readonly #outbox: Outbox;
  readonly #close: () => void;
  readonly #refused: (refusal: Fault) => void;
  #account: Account | undefined;
  #version: ProtocolVersion = 4;
  #session: Session | undefined;
  #origin: Origin = '@';
  #policy: TopicPolicy | undefined;
  #isEnded = false;
  #routes: Map<string, Route> | undefined;
  /** Devices publish to one topic again and again: comparing bytes is cheaper than making a key of them. */
  #lastTopic: Uint8Array = NO_TOPIC;
  #lastRoute: Route | undefined;
  #aliases: Map<number, Route> | undefined;
  /** QoS 2 packet ids that came on an earlier connection of the session. */
  #inherited: Set<number> | undefined;
  /** QoS 1 and 2 that the client has no last acknowledgement of: what the receive maximum counts. */
  #outstanding = 0;
  /** Retained messages the state store has not yet, by key: they are acknowledged when both stores have them. */
  #storing: Map<number, number> | undefined;
  /** Due behind one that is still storing. */
  #due: number[] = [];
  /** Milliseconds since the epoch of the chunk being read. */
  receivedAt = 0;

  constructor(options: {
    readonly sink: MessageSink;
    readonly outbox: Outbox;
    readonly close: () => void;
    /** A message was not taken, and the connection goes on. */
    readonly refused: (refusal: Fault) => void;
  }) {
    this.#sink = options.sink;
    this.#refused = options.refused;
    this.#outbox = options.outbox;
    this.#close = options.close;
  }

  open(session: Session, version: ProtocolVersion): void {
    const { principal } = session;
    this.#session = session;
    this.#version = version;
    this.#origin = principal.kind === 'device' ? principal.id : `@${principal.id}`;
    this.#account = this.#sink.account(this.#origin);
    if (session.received.size > 0) this.#inherited = new Set(session.received.keys());
    this.policyChanged(session.policy);
  }

  policyChanged(policy: TopicPolicy): void {
    this.#policy = policy;
    this.#routes = undefined;
    this.#lastTopic = NO_TOPIC;
    this.#lastRoute = undefined;
    for (const [alias, { topic }] of this.#aliases ?? []) this.#aliases?.set(alias, this.#judged(topic));
  }

  /** Nothing is acknowledged any more. */
  end(): void {
    this.#isEnded = true;
  }

  /** A fault ends the connection. Whatever comes of it, a message that came is counted, and so is what came of it. */
  publish(header: number, chunk: Buffer, start: number, end: number): Fault | undefined {
    this.#account?.received(this.receivedAt);
    const wrong = this.#take(header, chunk, start, end);
    if (wrong !== undefined) this.#dropped(DROPPED[wrong.fault] ?? 'malformed');
    return wrong;
  }

  /** A message that is not waited for: its header alone says that it is too large. */
  tooLarge(): void {
    this.#account?.received(this.receivedAt);
    this.#dropped('too_large');
  }

  #take(header: number, chunk: Buffer, start: number, end: number): Fault | undefined {
    const qos = (header >> 1) & 3;
    if (qos === 3) return QOS_3;
    if (qos === 0 && (header & 8) !== 0) return DUP_0;
    if (end - start < 2) return CUT_SHORT;
    const topicEnd = start + 2 + (((chunk[start] ?? 0) << 8) | (chunk[start + 1] ?? 0));
    const isLong = this.#version === 5;
    let payloadAt = qos === 0 ? topicEnd : topicEnd + 2;
    if (payloadAt + (isLong ? 1 : 0) > end) return CUT_SHORT;
    const packetId = qos === 0 ? 0 : ((chunk[topicEnd] ?? 0) << 8) | (chunk[topicEnd + 1] ?? 0);
    if (qos > 0 && packetId === 0) return NO_ID;
    let properties: PublishProperties | undefined;
    if (isLong) {
      if (chunk[payloadAt] === 0) {
        payloadAt += 1;
      } else {
        const parsed = parsePublishProperties(chunk, payloadAt, end);
        if (isFault(parsed)) return parsed;
        properties = parsed.properties;
        payloadAt = parsed.end;
      }
    }
    const route = this.#routeOf(chunk, start + 2, topicEnd, properties?.topicAlias ?? 0);
    if (isFault(route)) return route;
    // Version 5 was told how large a packet may be, and the framing sees to that.
    if (!isLong && end - payloadAt > PACKET_MAX_BYTES) return TOO_LARGE;
    const payload = chunk.subarray(payloadAt, end);
    const retain = (header & 1) !== 0;
    if (qos === 2 && this.#isRepeat(packetId)) {
      this.#dropped('repeated');
      return undefined;
    }
    const refusal = this.#refusal(route, payload, properties);
    if (refusal !== undefined) return this.#refuse(refusal, qos, packetId);
    if (qos > 0 && isLong && this.#outstanding >= MQTT_RECEIVE_MAXIMUM) return TOO_MANY;
    return this.#hand(route.topic, payload, qos as 0 | 1 | 2, packetId, retain, properties);
  }

  /** PUBREL: PUBCOMP leaves when it is on disk that the id is free, or a crash would take the next message for a repeat. */
  released(chunk: Buffer, start: number, end: number): Fault | undefined {
    const packet = parseAcknowledgement(this.#version, PUBREL, chunk, start, end);
    if (isFault(packet)) return packet;
    const { packetId } = packet;
    const session = this.#session;
    const offset = session?.received.get(packetId);
    if (session === undefined || offset === undefined) {
      // Its session was another, or it was released before.
      // Released on an earlier connection a moment ago: that has to be on disk here, too.
      session?.whenStored(() => {
        if (!this.#isEnded) this.#answer(PUBCOMP, packetId, REASON.packetIdNotFound);
      });
      return undefined;
    }
    if (offset >= this.#sink.durable) return fault(REASON.protocolError, 'PUBREL before PUBREC');
    session.received.delete(packetId);
    session.changed();
    session.whenStored(() => {
      if (this.#isEnded) return;
      this.#outstanding = Math.max(0, this.#outstanding - 1);
      this.#outbox.acknowledge(PUBCOMP, packetId);
    });
    return undefined;
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

  #hand(
    topic: string,
    payload: Uint8Array,
    qos: 0 | 1 | 2,
    packetId: number,
    retain: boolean,
    properties: PublishProperties | undefined,
  ): Fault | undefined {
    const session = this.#session;
    const incoming: Incoming = {
      origin: this.#origin,
      topic,
      payload,
      receivedAt: this.receivedAt,
      qos,
      retain,
      passed: properties?.passed,
      expiryS: properties?.expiryS,
      session,
      packetId,
    };
    const offset = this.#sink.publish(incoming, this, qos === 2 ? QOS_2 | packetId : packetId);
    // A refused QoS 0 message is gone, and counted; the sender of another keeps it and comes again.
    if (offset === REFUSED && qos > 0) return this.#refuse(REFUSED_BY_LOG, qos, packetId);
    if (offset === REFUSED) {
      this.#dropped(this.#sink.refusal === 'log.shedding' ? 'shed' : 'log_refused');
      return undefined;
    }
    this.#account?.logged(this.receivedAt, offset);
    if (qos > 0) this.#outstanding += 1;
    if (qos === 2) session?.keepReceived(packetId, offset);
    return undefined;
  }

  /** Why a well-formed message is not taken. */
  #refusal(route: Route, payload: Buffer, properties: PublishProperties | undefined): Fault | undefined {
    if (!route.isAllowed) return DENIED;
    if (properties?.isUtf8 === true && !isUtf8(payload))
      return fault(REASON.payloadFormatInvalid, 'the payload is not the UTF-8 it says it is [3.3.2.3.2]');
    return undefined;
  }

  /**
   * Version 5 says why in PUBACK or PUBREC, and drops QoS 0; before, there is no word for "no" but the end of the
   * connection [MQTT-3.3.5-2]: a PUBACK means "on disk" here.
   */
  #refuse(refusal: Fault, qos: number, packetId: number): Fault | undefined {
    if (this.#version !== 5) return refusal;
    this.#refused(refusal);
    this.#dropped(DROPPED[refusal.fault] ?? 'malformed');
    if (qos === 0) return undefined;
    this.#outbox.send(acknowledgement(qos === 1 ? PUBACK : PUBREC, packetId, refusal.fault));
    return undefined;
  }

  #dropped(reason: DropReason): void {
    this.#account?.dropped(this.receivedAt, reason);
  }

  #answer(type: typeof PUBCOMP, packetId: number, reason: number): void {
    if (this.#version === 5) this.#outbox.send(acknowledgement(type, packetId, reason));
    else this.#outbox.acknowledge(type, packetId);
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
      this.#outstanding = Math.max(0, this.#outstanding - 1);
      this.#outbox.acknowledge(PUBACK, packetId);
      return;
    }
    this.#outbox.acknowledge(PUBREC, packetId);
  }

  /** A QoS 2 message that is stored, or on its way to the disk, is not stored again [MQTT-4.3.3-2]. */
  #isRepeat(packetId: number): boolean {
    const offset = this.#session?.received.get(packetId);
    if (offset === undefined) return false;
    if (offset < this.#sink.durable) this.#outbox.acknowledge(PUBREC, packetId);
    // It came on a connection that has ended, and the commit in progress would tell only that.
    else if (this.#inherited?.delete(packetId) === true) this.#sink.remind(offset, this, QOS_2 | packetId);
    return true;
  }

  #routeOf(chunk: Buffer, from: number, to: number, alias: number): Route | Fault {
    if (alias === 0)
      return to === from ? (this.#version === 5 ? NO_TOPIC_AT_ALL : BAD_TOPIC) : this.#route(chunk, from, to);
    if (alias > MQTT_TOPIC_ALIAS_MAX) return BAD_ALIAS;
    if (to === from) return this.#aliases?.get(alias) ?? UNKNOWN_ALIAS;
    const route = this.#route(chunk, from, to);
    if (!isFault(route)) (this.#aliases ??= new Map()).set(alias, route);
    return route;
  }

  #route(chunk: Buffer, from: number, to: number): Route | Fault {
    const last = this.#lastTopic;
    const length = to - from;
    if (last.length === length && this.#lastRoute !== undefined) {
      let i = 0;
      while (i < length && last[i] === chunk[from + i]) i += 1;
      if (i === length) return this.#lastRoute;
    }
    const key = chunk.toString('latin1', from, to);
    const route = this.#routes?.get(key) ?? this.#judge(key, chunk.subarray(from, to));
    if (isFault(route)) return route;
    this.#lastTopic = Uint8Array.from(chunk.subarray(from, to));
    this.#lastRoute = route;
    return route;
  }

  /** Bad UTF-8 [MQTT-1.5.4-1], U+0000 [MQTT-1.5.4-2], wildcards [MQTT-3.3.2-2]. */
  #judge(key: string, bytes: Buffer): Route | Fault {
    if (!isUtf8(bytes) || bytes.includes(0)) return BAD_TOPIC;
    const topic = bytes.toString('utf8');
    if (!isTopicName(topic)) return BAD_TOPIC;
    if (!fitsLimits(topic)) return LONG_TOPIC;
    const route = this.#judged(topic);
    if (this.#routes === undefined || this.#routes.size >= MQTT_ROUTES_PER_CLIENT_MAX)
      this.#routes = new Map();
    this.#routes.set(key, route);
    return route;
  }

  #judged(topic: string): Route {
    return { topic, isAllowed: this.#policy?.mayPublish(topic) === true };
  }
}
