/**
 * The outbound half of a connection: its subscriptions, and what it gets because of them. Retained messages are handed
 * over at the pace the client takes them, however many match.
 */
import { MQTT_SUBSCRIPTIONS_PER_CLIENT_MAX } from '../../base/limits.ts';
import type { TopicPolicy } from '../../model/ports/security.ts';
import { parseSubscribe, parseUnsubscribe } from './codec/subscribe.ts';
import { type Encoded, publish, suback, UNSUBACK } from './codec/write.ts';
import type { Outbox } from './outbox.ts';
import type { Retained } from './retained.ts';

/** What subscriptions are registered with. */
export interface SubscriptionHost {
  subscribe(subscriber: Subscriber, filter: string, qos: 0 | 1): void;
  unsubscribe(subscriber: Subscriber, filter: string): void;
  retained(filter: string): Iterator<Retained>;
  delivered(qos: 0 | 1): void;
  /** A message did not reach this client. */
  shed(): void;
  /** A filter was not granted. */
  filterDenied(): void;
}

const FAILURE = 0x80;

export class Subscriber {
  readonly #host: SubscriptionHost;
  readonly #outbox: Outbox;
  #policy: TopicPolicy | undefined;
  #isReplayPlanned = false;
  #filters: Map<string, 0 | 1> | undefined;
  /** Retained messages still to be handed over, by filter. */
  #replays: Map<string, Iterator<Retained>> | undefined;

  constructor(options: { readonly host: SubscriptionHost; readonly outbox: Outbox }) {
    this.#host = options.host;
    this.#outbox = options.outbox;
  }

  /** Subscriptions that are no longer allowed end. */
  policyChanged(policy: TopicPolicy): void {
    this.#policy = policy;
    for (const filter of this.#filters?.keys() ?? []) {
      if (!policy.maySubscribe(filter)) this.#remove(filter);
    }
  }

  /** False when malformed. */
  subscribe(chunk: Buffer, start: number, end: number): boolean {
    const packet = parseSubscribe(chunk, start, end);
    if (packet === undefined) return false;
    const codes = packet.entries.map(({ filter, qos }, i) => this.#grant(filter, qos, i));
    this.#outbox.send(suback(packet.packetId, codes));
    this.replay();
    return true;
  }

  /** False when malformed. A filter that was never subscribed is confirmed, too [MQTT-3.10.4-5]. */
  unsubscribe(chunk: Buffer, start: number, end: number): boolean {
    const packet = parseUnsubscribe(chunk, start, end);
    if (packet === undefined) return false;
    for (const filter of packet.filters) this.#remove(filter);
    this.#outbox.acknowledge(UNSUBACK, packet.packetId);
    return true;
  }

  /** PUBACK from the client. */
  acknowledged(packetId: number): void {
    this.#outbox.acknowledged(packetId);
    if (this.#replays !== undefined) this.replay();
  }

  deliver(topic: string, message: Encoded): void {
    if (this.#policy?.mayReceive(topic) !== true) return;
    if (this.#outbox.deliver(message)) this.#host.delivered(message.idAt === 0 ? 0 : 1);
    else this.#host.shed();
  }

  /** Goes on with retained messages while there is room for them; called again when there is room again. */
  replay(): void {
    for (const [filter, messages] of this.#replays ?? []) {
      const granted = this.#filters?.get(filter) ?? 0;
      while (this.#outbox.isRoomy) {
        const step = messages.next();
        if (step.done === true) {
          this.#replays?.delete(filter);
          break;
        }
        const { topic, payload, qos } = step.value;
        // A retained message says so to a new subscription [MQTT-3.3.1-8].
        this.deliver(topic, publish({ topic, payload, qos: qos === 0 ? 0 : granted, retain: true }));
      }
    }
    if (this.#replays === undefined) return;
    if (this.#replays.size === 0) this.#replays = undefined;
    else if (!this.#outbox.isHeldUp) this.#planReplay();
  }

  end(): void {
    for (const filter of this.#filters?.keys() ?? []) this.#host.unsubscribe(this, filter);
    this.#filters = undefined;
    this.#replays = undefined;
  }

  /** The return code of one filter; what is asked for twice is sent its retained messages twice [MQTT-3.8.4-3]. */
  #grant(filter: string, asked: 0 | 1 | 2, index: number): 0 | 1 | typeof FAILURE {
    const isFull =
      this.#filters?.has(filter) !== true && (this.#filters?.size ?? 0) >= MQTT_SUBSCRIPTIONS_PER_CLIENT_MAX;
    // Shared subscriptions are not part of 3.1.1; granting one as a plain filter would deliver nothing, silently.
    const isShared = filter.startsWith('$share/');
    const isRefused = isFull || isShared || index >= MQTT_SUBSCRIPTIONS_PER_CLIENT_MAX;
    if (isRefused || this.#policy?.maySubscribe(filter) !== true) {
      this.#host.filterDenied();
      return FAILURE;
    }
    const qos = asked === 0 ? 0 : 1;
    this.#filters ??= new Map();
    this.#filters.set(filter, qos);
    this.#host.subscribe(this, filter, qos);
    this.#replays ??= new Map();
    this.#replays.set(filter, this.#host.retained(filter));
    return qos;
  }

  #remove(filter: string): void {
    if (this.#filters?.delete(filter) !== true) return;
    this.#replays?.delete(filter);
    this.#host.unsubscribe(this, filter);
  }

  /** A socket that takes everything at once says nothing: after this turn's write there is room again. */
  #planReplay(): void {
    if (this.#isReplayPlanned) return;
    this.#isReplayPlanned = true;
    setImmediate(() => {
      this.#isReplayPlanned = false;
      this.replay();
    });
  }
}
