/**
 * A connection as its session sees it: how much it takes, and messages in the form of its version. Owns the topic
 * aliases towards this client [MQTT-3.3.2-8]; it must not know what waits.
 */
import type { Encodings, Form } from '../broker/encodings.ts';
import type { ProtocolVersion } from '../codec/version.ts';
import { acknowledgement, type Encoded, PUBREL } from '../codec/write.ts';
import type { Receiver } from '../session/receiver.ts';
import type { Outbox } from './outbox.ts';

export interface ClientReceiverOptions {
  readonly outbox: Outbox;
  readonly version: ProtocolVersion;
  readonly window: number;
  readonly maximumPacketSize: number;
  readonly topicAliasMaximum: number;
}

/** Properties and fixed header of a message whose size is guessed. */
const HEAD_BYTES = 64;

export class ClientReceiver implements Receiver {
  readonly version: ProtocolVersion;
  readonly window: number;
  readonly #outbox: Outbox;
  readonly #maximumPacketSize: number;
  readonly #aliasMaximum: number;
  #aliases: Map<string, number> | undefined;

  constructor(options: ClientReceiverOptions) {
    this.#outbox = options.outbox;
    this.version = options.version;
    this.window = options.window;
    this.#maximumPacketSize = options.maximumPacketSize;
    this.#aliasMaximum = options.topicAliasMaximum;
  }

  get hasRoom(): boolean {
    return this.#outbox.hasRoom;
  }

  deliver(encodings: Encodings, form: Form, packetId: number): 'sent' | 'slow_subscriber' | 'too_large' {
    const { payload, topic } = encodings.message;
    if (packetId === 0 && !this.#outbox.takes(payload.length + topic.length + HEAD_BYTES))
      return 'slow_subscriber';
    const encoded =
      this.#aliasMaximum === 0 ? encodings.get(this.version, form) : this.#aliased(encodings, form);
    // A client is never sent more than it takes [MQTT-3.1.2-24].
    if (encoded === undefined || encoded.bytes.length > this.#maximumPacketSize) return 'too_large';
    this.#outbox.deliver(encoded, packetId);
    return 'sent';
  }

  release(packetId: number, reason: number): void {
    if (reason === 0 || this.version !== 5) this.#outbox.acknowledge(PUBREL, packetId);
    else this.#outbox.send(acknowledgement(PUBREL, packetId, reason));
  }

  /** The first topics of a connection get an alias each. A message too large to be sent must not define one. */
  #aliased(encodings: Encodings, form: Form): Encoded | undefined {
    const { topic } = encodings.message;
    this.#aliases ??= new Map();
    const known = this.#aliases.get(topic);
    if (known !== undefined) return encodings.encode(this.version, form, { number: known, isKnown: true });
    if (this.#aliases.size >= this.#aliasMaximum) return encodings.get(this.version, form);
    const number = this.#aliases.size + 1;
    const encoded = encodings.encode(this.version, form, { number, isKnown: false });
    if (encoded.bytes.length > this.#maximumPacketSize) return undefined;
    this.#aliases.set(topic, number);
    return encoded;
  }
}
