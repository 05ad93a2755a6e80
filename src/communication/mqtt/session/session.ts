/**
 * What the server knows of one client id beyond its connection: subscriptions, both halves of QoS 1 and 2, the will, and
 * how long all of it is kept. It must not know sockets, and not how its state is stored.
 */
import { MQTT_SESSION_EXPIRY_MAX_S } from '../../../base/limits.ts';
import type { Offset } from '../../../model/packet.ts';
import type { Principal, TopicPolicy } from '../../../model/ports/security.ts';
import { type Delivery, deliveryOf, type Member } from '../broker/delivery.ts';
import type { Retained } from '../broker/retained.ts';
import type { Will } from '../codec/connect.ts';
import { matches } from '../codec/topics.ts';
import { Outbound } from './outbound.ts';
import type { OutboundHost, Owner } from './outbound-host.ts';
import type { Receiver } from './receiver.ts';
import { type ReplayHost, RetainedReplay } from './retained-replay.ts';
import type { Subscription } from './subscription.ts';

export interface SessionHost extends OutboundHost {
  /** State changed: `record` = who, subscriptions, expiry; `flow` = what is on its way or waits. */
  sessionChanged(session: Session, what: 'record' | 'flow'): void;
  whenStored(then: () => void): void;
  retainedMatching(filter: string): Iterator<Retained>;
}

export interface SessionIdentity {
  /** Never given twice. */
  readonly id: number;
  readonly key: string;
  readonly clientId: string;
  readonly principal: Principal;
}

const NEVER = 0xffff_ffff;

export class Session implements Member, Owner, ReplayHost {
  readonly id: number;
  readonly key: string;
  readonly clientId: string;
  readonly outbound: Outbound;
  readonly subscriptions = new Map<string, Subscription>();
  readonly replays: RetainedReplay;
  /** QoS 2 messages of the client between PUBLISH and PUBREL [MQTT-4.3.3-2]: packet id → offset. */
  readonly received = new Map<number, Offset>();
  readonly createdAt: number;
  readonly #host: SessionHost;
  #principal: Principal;
  #policy: TopicPolicy;
  #expiryS = 0;
  /** Was kept at any time since it began: there is something in the store. */
  #wasKept = false;
  #disconnectedAt: number | undefined;
  #noLocals = 0;
  will: Will | undefined;
  /** When a will that waits is due [MQTT-3.1.3-9]. */
  willDueAt: number | undefined;

  constructor(options: {
    readonly identity: SessionIdentity;
    readonly policy: TopicPolicy;
    readonly host: SessionHost;
    readonly createdAt: number;
  }) {
    const { identity, policy, host, createdAt } = options;
    this.id = identity.id;
    this.key = identity.key;
    this.clientId = identity.clientId;
    this.#principal = identity.principal;
    this.#policy = policy;
    this.#host = host;
    this.createdAt = createdAt;
    this.outbound = new Outbound(host, this);
    this.replays = new RetainedReplay(this);
  }

  get principal(): Principal {
    return this.#principal;
  }

  get policy(): TopicPolicy {
    return this.#policy;
  }

  get isKept(): boolean {
    return this.#expiryS > 0;
  }

  get wasKept(): boolean {
    return this.#wasKept;
  }

  get expiryS(): number {
    return this.#expiryS;
  }

  /** Seconds; as much as the server allows is what the client is told [MQTT-3.2.2-21]. */
  set expiryS(seconds: number) {
    this.#expiryS = Math.min(seconds, MQTT_SESSION_EXPIRY_MAX_S);
    if (this.isKept) this.#wasKept = true;
  }

  get isReady(): boolean {
    return this.outbound.isReady;
  }

  /** Milliseconds since the epoch; undefined while connected. */
  get disconnectedAt(): number | undefined {
    return this.#disconnectedAt;
  }

  /** When it ends if nobody comes back. */
  get expiresAt(): number {
    if (this.#disconnectedAt === undefined || this.#expiryS === NEVER) return Number.POSITIVE_INFINITY;
    return this.#disconnectedAt + this.#expiryS * 1_000;
  }

  /** Somebody has to know who published what: it must not be sent its own. */
  get hasNoLocal(): boolean {
    return this.#noLocals > 0;
  }

  rights(principal: Principal, policy: TopicPolicy): void {
    this.#principal = principal;
    this.#policy = policy;
  }

  mayReceive(topic: string): boolean {
    return this.#policy.mayReceive(topic);
  }

  /** Its client is back; messages follow when it is attached. */
  returned(): void {
    this.#disconnectedAt = undefined;
  }

  attach(receiver: Receiver): void {
    this.outbound.attach(receiver);
    this.replays.pump();
  }

  detach(now: number): void {
    this.outbound.detach();
    this.replays.rewind();
    this.#disconnectedAt ??= now;
  }

  /** The client takes more: what is to be sent again, what has waited, retained messages. */
  pump(): void {
    this.outbound.pump();
    this.replays.pump();
  }

  subscribe(subscription: Subscription): void {
    const before = this.subscriptions.get(subscription.name);
    if (before?.noLocal === true) this.#noLocals -= 1;
    if (subscription.noLocal) this.#noLocals += 1;
    this.subscriptions.set(subscription.name, subscription);
  }

  unsubscribe(name: string): Subscription | undefined {
    const subscription = this.subscriptions.get(name);
    if (subscription === undefined) return undefined;
    if (subscription.noLocal) this.#noLocals -= 1;
    this.subscriptions.delete(name);
    this.replays.drop(name);
    this.#host.sessionChanged(this, 'record');
    return subscription;
  }

  idsFor(topic: string): readonly number[] | undefined {
    let ids: number[] | undefined;
    for (const { id, filter } of this.subscriptions.values()) {
      if (id !== 0 && matches(filter, topic)) (ids ??= []).push(id);
    }
    return ids;
  }

  matching(name: string): { readonly messages: Iterator<Retained>; readonly delivery: Delivery } | undefined {
    const subscription = this.subscriptions.get(name);
    if (subscription === undefined) return undefined;
    const messages = this.#host.retainedMatching(subscription.filter);
    return { messages, delivery: deliveryOf([subscription]) };
  }

  replay(retained: Retained, delivery: Delivery): boolean {
    return this.outbound.replay(retained, delivery);
  }

  replayed(): void {
    if (this.isKept) this.#host.sessionChanged(this, 'record');
  }

  /** A QoS 2 message of the client is stored, or a repeat of one that is. */
  keepReceived(packetId: number, offset: Offset): void {
    this.received.set(packetId, offset);
    this.changed();
  }

  /** The log lost these before they were on disk: they never were. */
  lost(from: Offset, through: Offset): void {
    this.outbound.forget(from, through);
    for (const [id, offset] of this.received)
      if (offset >= from && offset <= through) this.received.delete(id);
  }

  changed(): void {
    if (this.isKept) this.#host.sessionChanged(this, 'flow');
  }

  whenStored(then: () => void): void {
    if (this.isKept) this.#host.whenStored(then);
    else then();
  }
}
