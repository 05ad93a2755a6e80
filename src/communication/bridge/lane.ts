/**
 * One direction of a bridge while both sides are connected. Promises that a QoS 1 message is acknowledged where it came
 * from only after it was acknowledged where it goes, in order on both sides, and that a message nobody can take does not
 * hold up those behind it. It must not know which side is ours.
 */
import type { DoneCallback, IPublishPacket, MqttClient } from 'mqtt';
import { BRIDGE_WINDOW } from '../../base/limits.ts';
import { REASON } from '../mqtt/codec/reason.ts';
import { fitsLimits, isTopicName } from '../mqtt/codec/topics.ts';
import { crossed, sizeAtMost } from './message-properties.ts';
import type { TopicMap } from './topic-map.ts';

export const BRIDGE_DROPS = ['unmapped', 'hops', 'echo', 'too_large', 'refused', 'slow'] as const;
export type BridgeDrop = (typeof BRIDGE_DROPS)[number];

interface Receiver {
  readonly client: MqttClient;
  /** Bytes of a packet that it takes. */
  readonly maximumPacketSize: number;
}

interface LaneOptions {
  readonly map: TopicMap;
  /** Where the messages come from. */
  readonly source: MqttClient;
  /** Was it sent by us a moment ago? With the topic as it came. */
  readonly isEcho?: ((topic: string, payload: Buffer) => boolean) | undefined;
  /** Told before a message leaves, with the topic it goes to. */
  readonly leaving?: ((topic: string, payload: Buffer) => void) | undefined;
  readonly forwarded: () => void;
  readonly dropped: (reason: BridgeDrop) => void;
  /** The receiver said no to what it may take later: both connections begin anew. */
  readonly failed: (reason: string) => void;
}

interface Flight {
  readonly id: number;
  isDone: boolean;
}

/** Refusals that would be repeated for ever [3.4.2.1]. */
const FINAL: ReadonlySet<number> = new Set([
  REASON.notAuthorized,
  REASON.topicInvalid,
  REASON.packetTooLarge,
  // Payload format invalid.
  0x99,
]);

/** In place of an acknowledgement: the client goes on to the next packet and leaves it to us. */
const LATER = new Error('acknowledged later');

export class Lane {
  readonly #options: LaneOptions;
  #target: Receiver | undefined;
  /** In the order they came: so they are acknowledged [MQTT-4.6.0-2]. */
  readonly #flights: Flight[] = [];
  /** Goes on reading. */
  #held: (() => void) | undefined;

  constructor(options: LaneOptions) {
    this.#options = options;
    options.source.handleMessage = (packet, next) => this.#take(packet, next);
  }

  /** Until then the first message waits, and all behind it. */
  open(target: Receiver): void {
    this.#target = target;
    this.#goOn();
  }

  #take(packet: IPublishPacket, next: DoneCallback): void {
    const target = this.#target;
    if (target === undefined) {
      this.#held = () => this.#take(packet, next);
      return;
    }
    if (packet.qos === 0) {
      this.#pass(packet, target);
      next();
      return;
    }
    const flight = { id: packet.messageId ?? 0, isDone: false };
    this.#flights.push(flight);
    this.#forward(packet, target, flight);
    // Acknowledgements for the other lane come behind: held up on both sides, both would wait for ever. Our own server
    // never sends more than the window (its receive maximum), so that at least its side is always read.
    if (this.#flights.length <= BRIDGE_WINDOW) next(LATER);
    else this.#held = () => next(LATER);
  }

  #goOn(): void {
    const held = this.#held;
    this.#held = undefined;
    held?.();
  }

  /** QoS 0 waits for nobody. */
  #pass(packet: IPublishPacket, { client, maximumPacketSize }: Receiver): void {
    const message = this.#judge(packet, maximumPacketSize);
    if (message === undefined) return;
    if (client.stream.writableNeedDrain) {
      this.#options.dropped('slow');
      return;
    }
    this.#options.leaving?.(message.topic, message.payload);
    const { topic, payload, properties } = message;
    client.publish(topic, payload, { qos: 0, retain: packet.retain, properties });
    this.#options.forwarded();
  }

  #forward(packet: IPublishPacket, { client, maximumPacketSize }: Receiver, flight: Flight): void {
    const message = this.#judge(packet, maximumPacketSize);
    if (message === undefined) {
      this.#done(flight);
      return;
    }
    this.#options.leaving?.(message.topic, message.payload);
    const { topic, payload, properties } = message;
    client.publish(topic, payload, { qos: 1, retain: packet.retain, properties }, (error) => {
      if (!(error instanceof Error)) this.#options.forwarded();
      else if ('code' in error && typeof error.code === 'number' && FINAL.has(error.code))
        this.#options.dropped('refused');
      else {
        this.#options.failed(`a message was refused: ${error.message}`);
        return;
      }
      this.#done(flight);
    });
  }

  #judge({ topic: from, payload: body, properties: given }: IPublishPacket, maximumPacketSize: number) {
    const { map, isEcho, dropped } = this.#options;
    const payload = typeof body === 'string' ? Buffer.from(body) : body;
    const topic = map.translate(from);
    // What a subscription of an earlier configuration has left, or a prefix has made of it.
    const isSound = topic !== undefined && isTopicName(topic) && fitsLimits(topic);
    if (!isSound) dropped('unmapped');
    else if (isEcho?.(from, payload) === true) dropped('echo');
    else {
      const properties = crossed(given);
      if (properties === undefined) dropped('hops');
      else if (sizeAtMost(topic, payload, properties) > maximumPacketSize) dropped('too_large');
      else return { topic, payload, properties };
    }
    return undefined;
  }

  #done(flight: Flight): void {
    flight.isDone = true;
    const { stream } = this.#options.source;
    for (let head = this.#flights[0]; head?.isDone === true; head = this.#flights[0]) {
      this.#flights.shift();
      if (stream.writable) stream.write(puback(head.id));
    }
    if (this.#flights.length <= BRIDGE_WINDOW) this.#goOn();
  }
}

/** The same in every version: success may be left out [3.4.2.1]. */
const puback = (id: number): Buffer => Buffer.of(0x40, 2, id >> 8, id & 0xff);
