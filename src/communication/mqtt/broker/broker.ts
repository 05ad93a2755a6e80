/**
 * The way of a message: into the log, to its subscribers, into the retained messages, and back to its sender as an
 * acknowledgement once the log has it on disk. It must not know sockets, or who is behind a connection.
 */
import type { Logger } from '../../../base/logger.ts';
import type { DataPacket, LogRecord, Offset, Origin } from '../../../model/packet.ts';
import { type Log, type LogLookup, REFUSED } from '../../../model/ports/log.ts';
import type { StateStore } from '../../../model/ports/state.ts';
import { matches } from '../codec/topics.ts';
import { KeptMessages } from '../session/kept-messages.ts';
import type { DropReason, OutboundHost, Pump } from '../session/outbound-host.ts';
import type { Session } from '../session/session.ts';
import { Encodings } from './encodings.ts';
import { asMessage, encodeMeta, type Message } from './message.ts';
import { type Acknowledged, PendingAcks } from './pending-acks.ts';
import { type Retained, RetainedMessages } from './retained.ts';
import { TopicTree } from './topic-tree.ts';

export interface BrokerOptions {
  readonly log: Log;
  readonly lookup: LogLookup;
  readonly state: StateStore;
  readonly logger: Logger;
  readonly now: () => number;
  readonly onCongestion: (isCongested: boolean) => void;
  /** The end of a turn: what was handed to clients leaves. */
  readonly flush: () => void;
}

/** A shared subscription: its group and what it matches. */
export interface GroupName {
  readonly filter: string;
  readonly group: string;
}

/** A message as it comes from a client, a will, or the server itself. */
export interface Incoming {
  readonly origin: Origin;
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly receivedAt: number;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly passed: Uint8Array | undefined;
  readonly expiryS: number | undefined;
  /** The session it came from, if any. */
  readonly session: Session | undefined;
  /** Of QoS 2. */
  readonly packetId: number;
}

/** Who waits for a message to be on disk; told of retained ones what else to wait for. */
export interface Sender extends Acknowledged {
  storing(key: number, stored: Promise<void>): Promise<void>;
}

export type BrokerDrop = DropReason | 'log_refused' | 'shed' | 'retained_limit';

export class Broker implements OutboundHost {
  readonly tree = new TopicTree<Session>();
  readonly retainedMessages: RetainedMessages;
  readonly kept: KeptMessages;
  /** For messages read back from the log. */
  readonly encodings: Encodings;
  readonly counts = {
    received: [0, 0, 0],
    delivered: [0, 0, 0],
    dropped: new Map<BrokerDrop, number>(),
    receivedBytes: 0,
  };
  /** All queues together hold as much as they may: each gives one up for one more. */
  isFull = false;
  /** Hears what clients publish, beside the sessions. */
  hear: ((incoming: Incoming) => Promise<void> | undefined) | undefined;
  readonly #options: BrokerOptions;
  /** For the message being routed. */
  readonly #live: Encodings;
  #undo: (() => void) | undefined;
  #acks = new PendingAcks();
  #awaiting = new Set<Pump>();
  #onLost: (from: Offset, through: Offset) => void = () => undefined;
  #isRepairing = false;

  constructor(options: BrokerOptions) {
    this.#options = options;
    this.retainedMessages = new RetainedMessages(options.state);
    this.kept = new KeptMessages(options.state);
    this.#live = new Encodings(options.now);
    this.encodings = new Encodings(options.now);
  }

  /** Messages that wait for the disk. */
  get pending(): number {
    return this.#acks.size;
  }

  get durable(): Offset {
    return this.#options.log.durable;
  }

  /** Offsets below this have been routed. */
  get next(): Offset {
    return this.#options.log.next;
  }

  /** `onLost`: messages that will never be on disk. */
  start(onLost: (from: Offset, through: Offset) => void): void {
    const { log, onCongestion } = this.#options;
    this.#onLost = onLost;
    this.retainedMessages.load();
    this.kept.load();
    this.#undo = log.listen({
      committed: (through) => this.#committed(through),
      failed: (from, through, { code }) => this.#failed(from, through, code),
      congestion: onCongestion,
    });
  }

  stop(): void {
    this.#undo?.();
    this.#undo = undefined;
    this.#acks = new PendingAcks();
    this.#awaiting.clear();
  }

  now(): number {
    return this.#options.now();
  }

  /** The offset, or REFUSED. A sender is told later, with its key, of the commit or the loss. */
  publish(incoming: Incoming, sender?: Sender, key = 0): Offset {
    const { origin, topic, payload, receivedAt, qos, retain, session } = incoming;
    this.counts.received[qos] = (this.counts.received[qos] ?? 0) + 1;
    this.counts.receivedBytes += payload.length;
    const expiresAt = incoming.expiryS === undefined ? undefined : receivedAt + incoming.expiryS * 1_000;
    const passed = incoming.passed?.length === 0 ? undefined : incoming.passed;
    const meta = metaOf(incoming, expiresAt, passed);
    const packet: DataPacket = {
      origin,
      topic,
      payload,
      receivedAt,
      qos,
      format: 'auto',
      checked: false,
      meta,
    };
    const offset = this.#options.log.append(packet);
    if (offset === REFUSED) {
      this.dropped(this.#options.log.refusal === 'log.shedding' ? 'shed' : 'log_refused');
      return REFUSED;
    }
    const isAwaited = qos > 0 && sender !== undefined;
    if (isAwaited) this.#acks.add(offset, sender, key);
    const heard = this.hear?.(incoming);
    if (heard !== undefined && isAwaited) void sender.storing(key, heard);
    if (retain) this.#retain({ topic, payload, qos, passed, expiresAt }, isAwaited ? sender : undefined, key);
    if (this.tree.size > 0)
      this.#route({ topic, payload, qos, retain, passed, expiresAt, publisher: session?.id ?? 0, offset });
    return offset;
  }

  remind(offset: Offset, sender: Sender, key: number): void {
    this.#acks.add(offset, sender, key);
  }

  /** Hands on what is not in the log: the server's own words about itself. */
  tell(topic: string, payload: Uint8Array): void {
    const plain = { topic, payload, qos: 0, retain: true, passed: undefined, expiresAt: undefined } as const;
    this.#route({ ...plain, publisher: 0, offset: 0 });
  }

  /**
   * Another member of a group gets what `from` will not take; false when there is none. What is not committed yet waits
   * for that, where `from` is going for good.
   */
  passOn(offset: Offset, groups: readonly GroupName[], from: Session, isGoing: boolean): boolean {
    if (offset >= this.durable) {
      if (!isGoing) return false;
      this.#awaiting.add({ pump: () => this.#passOnOrDrop(offset, groups, from) });
      return true;
    }
    const message = this.read(offset)?.message;
    if (message === undefined) return false;
    for (const { filter, group } of groups) {
      if (!matches(filter, message.topic)) continue;
      const taker = this.tree.group(filter, group)?.next(message.topic, from);
      if (taker === undefined) continue;
      taker.member.outbound.deliver(this.encodings.of(message), taker.delivery, true);
      taker.member.outbound.pump();
      return true;
    }
    return false;
  }

  read(offset: Offset): { readonly message: Message; readonly receivedAt: number } | undefined {
    const record = this.record(offset);
    return record && { message: asMessage(record), receivedAt: record.receivedAt };
  }

  /** As the log has it; what it cannot read any more is as if it were gone, and said. */
  record(offset: Offset): LogRecord | undefined {
    try {
      return this.#options.lookup.get(offset) ?? this.kept.get(offset);
    } catch (cause) {
      this.#options.logger.error({ offset, cause: String(cause) }, 'a queued message cannot be read');
      return undefined;
    }
  }

  retained(topic: string): Retained | undefined {
    return this.retainedMessages.get(topic);
  }

  delivered(qos: 0 | 1 | 2): void {
    this.counts.delivered[qos] = (this.counts.delivered[qos] ?? 0) + 1;
  }

  dropped(reason: BrokerDrop, count = 1): void {
    const { dropped } = this.counts;
    dropped.set(reason, (dropped.get(reason) ?? 0) + count);
  }

  awaitCommit(outbound: Pump): void {
    this.#awaiting.add(outbound);
  }

  /** Asked from time to time: retained messages that the state store did not take are offered again. */
  async repair(): Promise<void> {
    if (this.#isRepairing) return;
    this.#isRepairing = true;
    this.retainedMessages.expire(this.now());
    await this.retainedMessages.retry();
    this.#isRepairing = false;
  }

  #passOnOrDrop(offset: Offset, groups: readonly GroupName[], from: Session): void {
    if (!this.passOn(offset, groups, from, true)) this.dropped('session_ended');
  }

  #route(message: Message): void {
    const { direct, shared } = this.tree.match(message.topic);
    const encodings = this.#live.of(message);
    for (const { member, delivery, own } of direct) {
      const form = member.id === message.publisher ? own : delivery;
      if (form !== undefined) member.outbound.deliver(encodings, form, false);
    }
    for (const group of shared) {
      const taker = group.next(message.topic);
      taker?.member.outbound.deliver(encodings, taker.delivery, true);
    }
  }

  /** Kept at once, so that a subscriber in the next moment gets it; the sender is told when it is on disk, too. */
  #retain(message: Retained, sender: Sender | undefined, key: number): void {
    const stored = this.retainedMessages.set(message);
    if (stored === undefined) {
      this.dropped('retained_limit');
      return;
    }
    stored.catch((cause: unknown) => {
      this.#options.logger.error({ cause: String(cause) }, 'a retained message is not stored yet');
    });
    void sender?.storing(key, stored);
  }

  #committed(through: Offset): void {
    this.#acks.committed(through);
    if (this.#awaiting.size > 0) {
      const awaiting = this.#awaiting;
      this.#awaiting = new Set();
      for (const outbound of awaiting) outbound.pump();
    }
    this.#options.flush();
  }

  #failed(from: Offset, through: Offset, code: string): void {
    this.#options.logger.error(
      { from, through, code },
      'messages were not committed; their senders are disconnected',
    );
    this.#onLost(from, through);
    this.#acks.lost(from, through);
    this.#options.flush();
  }
}

/** Undefined for most messages. The publisher's id is kept where a routing after a crash would need it. */
function metaOf(
  { qos, retain, session, packetId }: Incoming,
  expiresAt: number | undefined,
  passed: Uint8Array | undefined,
): Uint8Array | undefined {
  const keepsId = qos === 2 && session?.isKept === true;
  const isNamed = keepsId || session?.hasNoLocal === true;
  if (!retain && !isNamed && expiresAt === undefined && passed === undefined) return undefined;
  return encodeMeta({
    retain,
    expiresAt,
    publisher: isNamed ? (session?.id ?? 0) : 0,
    packetId: keepsId ? packetId : 0,
    passed,
  });
}
