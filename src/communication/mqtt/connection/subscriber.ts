/**
 * The outbound half of a connection as far as the client speaks: subscriptions, and its acknowledgements of what it was
 * sent. What it is sent is its session's business.
 */
import { parseAcknowledgement } from '../codec/acknowledgement.ts';
import { type Fault, isFault } from '../codec/reason.ts';
import { parseSubscribe, parseUnsubscribe, type SubscriptionRequest } from '../codec/subscribe.ts';
import type { ProtocolVersion } from '../codec/version.ts';
import { suback, unsuback } from '../codec/write.ts';
import type { Session } from '../session/session.ts';
import type { Outbox } from './outbox.ts';

export interface SubscriptionHost {
  /** The code of each filter. */
  subscribe(session: Session, request: SubscriptionRequest, subscriptionId: number): number;
  unsubscribe(session: Session, name: string): number;
}

export class Subscriber {
  readonly #host: SubscriptionHost;
  readonly #outbox: Outbox;
  readonly #session: Session;
  readonly #version: ProtocolVersion;
  readonly #maximumPacketSize: number;
  readonly #tooLarge: () => void;
  #isEnded = false;

  constructor(options: {
    readonly host: SubscriptionHost;
    readonly outbox: Outbox;
    readonly session: Session;
    readonly version: ProtocolVersion;
    readonly maximumPacketSize: number;
    /** An answer is larger than the client takes: it cannot be told. */
    readonly tooLarge: () => void;
  }) {
    this.#host = options.host;
    this.#outbox = options.outbox;
    this.#session = options.session;
    this.#version = options.version;
    this.#maximumPacketSize = options.maximumPacketSize;
    this.#tooLarge = options.tooLarge;
  }

  /** Nothing is answered any more. */
  end(): void {
    this.#isEnded = true;
  }

  /** PUBACK, PUBREC, PUBCOMP. */
  acknowledged(type: 4 | 5 | 7, chunk: Buffer, start: number, end: number): Fault | undefined {
    const packet = parseAcknowledgement(this.#version, type, chunk, start, end);
    if (isFault(packet)) return packet;
    const { outbound, replays } = this.#session;
    if (type === 4) outbound.acknowledged(packet.packetId);
    else if (type === 5) outbound.received(packet.packetId, packet.reason);
    else outbound.completed(packet.packetId);
    replays.pump();
    return undefined;
  }

  /** A kept session's subscriptions are on disk when SUBACK says so. */
  subscribe(chunk: Buffer, start: number, end: number): Fault | undefined {
    const packet = parseSubscribe(this.#version, chunk, start, end);
    if (isFault(packet)) return packet;
    const { packetId, entries, subscriptionId } = packet;
    const codes = entries.map((entry) => this.#host.subscribe(this.#session, entry, subscriptionId));
    this.#session.whenStored(() => {
      this.#answer(suback(this.#version, packetId, codes));
      this.#session.replays.pump();
    });
    return undefined;
  }

  unsubscribe(chunk: Buffer, start: number, end: number): Fault | undefined {
    const packet = parseUnsubscribe(this.#version, chunk, start, end);
    if (isFault(packet)) return packet;
    const codes = packet.filters.map((name) => this.#host.unsubscribe(this.#session, name));
    this.#session.whenStored(() => {
      this.#answer(unsuback(this.#version, packet.packetId, codes));
    });
    return undefined;
  }

  #answer(bytes: Buffer): void {
    if (this.#isEnded) return;
    if (bytes.length <= this.#maximumPacketSize) this.#outbox.send(bytes);
    else this.#tooLarge();
  }
}
