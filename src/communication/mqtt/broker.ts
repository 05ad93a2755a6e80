/**
 * The way of a message: into the log, to its subscribers, into the retained messages, and back to its sender as an
 * acknowledgement once the log has it on disk. It must not know sockets, or who is behind a connection.
 */
import type { Logger } from '../../base/logger.ts';
import type { DataPacket, Offset } from '../../model/packet.ts';
import { type Log, REFUSED } from '../../model/ports/log.ts';
import type { Meter } from '../../model/ports/meter.ts';
import type { StateStore } from '../../model/ports/state.ts';
import { type Encoded, publish } from './codec/write.ts';
import { WriteTurn } from './outbox.ts';
import { PendingAcks } from './pending-acks.ts';
import type { MessageSink, Publisher } from './publisher.ts';
import { type Retained, RetainedMessages } from './retained.ts';
import type { Subscriber, SubscriptionHost } from './subscriber.ts';
import { TopicTree } from './topic-tree.ts';

interface BrokerOptions {
  readonly log: Log;
  readonly state: StateStore;
  readonly meter: Meter;
  readonly logger: Logger;
  readonly onCongestion: (isCongested: boolean) => void;
}

type DropReason = 'slow_subscriber' | 'log_refused' | 'retained_limit';

export class Broker implements MessageSink, SubscriptionHost {
  readonly turn = new WriteTurn();
  readonly #options: BrokerOptions;
  readonly #tree = new TopicTree<Subscriber>();
  readonly #retained: RetainedMessages;
  readonly #undo: (() => void)[] = [];
  readonly #received = [0, 0, 0];
  readonly #sent = [0, 0];
  readonly #dropped: Record<DropReason, number> = { slow_subscriber: 0, log_refused: 0, retained_limit: 0 };
  #denied = 0;
  #acks = new PendingAcks();
  #isRepairing = false;

  constructor(options: BrokerOptions) {
    this.#options = options;
    this.#retained = new RetainedMessages(options.state);
  }

  /** Messages that wait for the disk. */
  get pending(): number {
    return this.#acks.size;
  }

  start(): void {
    const { log, logger, onCongestion } = this.#options;
    this.#retained.load();
    this.#undo.push(
      log.listen({
        committed: (through) => {
          this.#acks.committed(through);
          this.turn.flush();
        },
        failed: (from, through, { code }) => {
          logger.error(
            { from, through, code },
            'messages were not committed; their senders are disconnected',
          );
          this.#lost(from, through);
        },
        congestion: onCongestion,
      }),
      ...this.#meters(),
    );
  }

  stop(): void {
    for (const undo of this.#undo.splice(0)) undo();
    this.#acks = new PendingAcks();
  }

  publish(packet: DataPacket, retain: boolean, sender?: Publisher, key = 0): boolean {
    const { topic, payload, qos } = packet;
    this.#received[qos] = (this.#received[qos] ?? 0) + 1;
    const offset = this.#options.log.append(packet);
    if (offset === REFUSED) {
      this.#dropped.log_refused += 1;
      return false;
    }
    const isAwaited = qos > 0 && sender !== undefined;
    if (isAwaited) this.#acks.add(offset, sender, key);
    if (retain) this.#retain(packet, isAwaited ? sender : undefined, key);
    if (this.#tree.size > 0) this.#route(topic, payload, qos);
    return true;
  }

  subscribe(subscriber: Subscriber, filter: string, qos: 0 | 1): void {
    this.#tree.add(filter, subscriber, qos);
  }

  unsubscribe(subscriber: Subscriber, filter: string): void {
    this.#tree.remove(filter, subscriber);
  }

  retained(filter: string): Iterator<Retained> {
    return this.#retained.matching(filter);
  }

  delivered(qos: 0 | 1): void {
    this.#sent[qos] = (this.#sent[qos] ?? 0) + 1;
  }

  shed(): void {
    this.#dropped.slow_subscriber += 1;
  }

  filterDenied(): void {
    this.#denied += 1;
  }

  /** Asked from time to time: retained messages that the state store did not take are offered again. */
  async repair(): Promise<void> {
    if (this.#isRepairing) return;
    this.#isRepairing = true;
    await this.#retained.retry();
    this.#isRepairing = false;
  }

  /** All receivers of one QoS share one encoding; the packet id is each one's own. */
  #route(topic: string, payload: Uint8Array, qos: 0 | 1 | 2): void {
    let plain: Encoded | undefined;
    let acknowledged: Encoded | undefined;
    for (const { member, qos: granted } of this.#tree.match(topic)) {
      // The lower of what was published and what was granted [MQTT-3.8.4-6]; RETAIN is 0 here [MQTT-3.3.1-9].
      if (qos === 0 || granted === 0) {
        plain ??= publish({ topic, payload, qos: 0, retain: false });
        member.deliver(topic, plain);
      } else {
        acknowledged ??= publish({ topic, payload, qos: 1, retain: false });
        member.deliver(topic, acknowledged);
      }
    }
  }

  /** Kept at once, so that a subscriber in the next moment gets it; the sender is told when it is on disk, too. */
  #retain({ topic, payload, qos }: DataPacket, sender: Publisher | undefined, key: number): void {
    const stored = this.#retained.set(topic, payload, qos);
    if (stored === undefined) {
      this.#dropped.retained_limit += 1;
      return;
    }
    stored.catch((cause: unknown) => {
      this.#options.logger.error({ cause: String(cause) }, 'a retained message is not stored yet');
    });
    void sender?.storing(key, stored);
  }

  #lost(from: Offset, through: Offset): void {
    this.#acks.lost(from, through);
    this.turn.flush();
  }

  #meters(): (() => void)[] {
    const { meter } = this.#options;
    const reasons = Object.keys(this.#dropped) as DropReason[];
    const status = { protocol: 'mqtt', status: 'filter_denied' };
    return [
      meter.collect('iot_mqtt_subscriptions', () => this.#tree.size),
      meter.collect('iot_mqtt_retained', () => this.#retained.size),
      meter.collect('iot_requests_total', () => this.#denied, status),
      ...[0, 1, 2].map((qos) =>
        meter.collect('iot_mqtt_received_total', () => this.#received[qos] ?? 0, { qos: String(qos) }),
      ),
      ...[0, 1].map((qos) =>
        meter.collect('iot_mqtt_delivered_total', () => this.#sent[qos] ?? 0, { qos: String(qos) }),
      ),
      ...reasons.map((reason) =>
        meter.collect('iot_messages_dropped_total', () => this.#dropped[reason], { reason }),
      ),
    ];
  }
}
