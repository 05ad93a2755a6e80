/**
 * One message as bytes for its receivers. All that get it alike share one encoding; each one's packet id is written into
 * its own copy later. Lives as long as the message is being routed and is then used for the next.
 */

import type { ProtocolVersion } from '../codec/version.ts';
import { type Encoded, publish } from '../codec/write.ts';
import { type Message, secondsLeft } from './message.ts';

/** v5 or not, three QoS, RETAIN or not. */
const KINDS = 12;

/** How one receiver gets it. */
export interface Form {
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly ids: readonly number[] | undefined;
  readonly dup: boolean;
}

export class Encodings {
  readonly #now: () => number;
  readonly #shared = new Array<Encoded | undefined>(KINDS);
  #used = 0;
  #message: Message | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  get message(): Message {
    if (this.#message === undefined) throw new Error('encodings of no message');
    return this.#message;
  }

  of(message: Message): this {
    if (this.#used !== 0) this.#shared.fill(undefined);
    this.#used = 0;
    this.#message = message;
    return this;
  }

  get(version: ProtocolVersion, form: Form): Encoded {
    // Identifiers and repeats are rare, and each receiver's own.
    if (form.ids !== undefined || form.dup) return this.encode(version, form, undefined);
    const kind = (version === 5 ? 6 : 0) + form.qos * 2 + (form.retain ? 1 : 0);
    const known = this.#shared[kind];
    if (known !== undefined) return known;
    this.#used += 1;
    return (this.#shared[kind] = this.encode(version, form, undefined));
  }

  /** `alias`: the topic alias of the receiver, and whether it knows already what it stands for. */
  encode(
    version: ProtocolVersion,
    { qos, retain, ids, dup }: Form,
    alias: { readonly number: number; readonly isKnown: boolean } | undefined,
  ): Encoded {
    const { topic, payload, passed, expiresAt } = this.message;
    const plain = { version, topic, payload, qos, retain, dup };
    if (version !== 5) return publish(plain);
    return publish({
      ...plain,
      topic: alias?.isKnown === true ? '' : topic,
      topicAlias: alias?.number ?? 0,
      passed,
      // What it has waited here is taken off [MQTT-3.3.2-6].
      expiryS: expiresAt === undefined ? undefined : Math.max(0, secondsLeft(expiresAt, this.#now())),
      subscriptionIds: ids,
    });
  }
}
