/**
 * A publisher whose own state outlives everything: it sends again, in order and with the same packet id, what was not
 * acknowledged [MQTT-4.4.0-1], and releases again what the server has taken [MQTT-4.3.3-1]. It numbers its messages and
 * holds the server to the rules that a publisher can see.
 */
import type { Packet } from 'mqtt-packet';
import type { Ledger, Stream } from './ledger.ts';
import { type Account, type Version, Wire } from './wire.ts';

/** Reading times of a stream: one per number, so that history can be compared message by message. */
export const FIRST_TS = 1_700_000_000_000;

export const topicOf = (publisher: string): string => `v1/${publisher}/telemetry`;

/** The same for the same message, whenever it is sent: whoever receives it compares all of it. */
export const payloadOf = (qos: 1 | 2, seq: number): string =>
  `{"ts":${FIRST_TS + seq},"values":{"q${qos}":${seq}}}`;

interface InFlight {
  readonly seq: number;
  readonly qos: 1 | 2;
  /** QoS 2: PUBREC has come; the message is the server's, the id is not free yet. */
  isReceived: boolean;
}

interface KeptPublisherOptions {
  readonly account: Account;
  readonly version: Version;
  readonly window: number;
  readonly ledger: Ledger;
  /** QoS of the message after so many: publishers differ in how they mix them. */
  readonly qosOf: (count: number) => 1 | 2;
}

export class KeptPublisher {
  readonly #options: KeptPublisherOptions;
  /** In the order sent. */
  readonly #inFlight = new Map<number, InFlight>();
  #wire: Wire | undefined;
  #isKnown = false;
  #nextId = 1;
  #count = 0;
  acknowledged = 0;
  #budget = 0;

  constructor(options: KeptPublisherOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.account.username;
  }

  get streams(): readonly Stream[] {
    return ([1, 2] as const).map((qos) => ({ publisher: this.name, qos }));
  }

  /** All that was allowed is sent and acknowledged. */
  get isDrained(): boolean {
    return this.#inFlight.size === 0 && this.#budget === 0;
  }

  get isOpen(): boolean {
    return this.#wire !== undefined;
  }

  async open(port: number): Promise<void> {
    const { account, version, ledger } = this.#options;
    const opened = await Wire.open({
      port,
      version,
      account,
      clientId: account.username,
      onPacket: (packet) => this.#packet(packet),
      onClose: () => {
        this.#wire = undefined;
      },
    });
    if (opened === undefined) return;
    const { wire, connack } = opened;
    const code = version === 5 ? connack.reasonCode : connack.returnCode;
    if (code !== 0) {
      ledger.fault(`${this.name}: CONNACK ${code}`);
      wire.drop();
      return;
    }
    // Session present only where the server has kept state [MQTT-3.2.2-2]; what it once confirmed it may not lose.
    if (this.#isKnown && !connack.sessionPresent) ledger.fault(`${this.name}: session lost`);
    this.#isKnown = true;
    this.#wire = wire;
    this.#resend(wire);
    this.#pump();
  }

  /** So many new messages may be sent from now on. */
  allow(messages: number): void {
    this.#budget = messages;
    this.#pump();
  }

  drop(): void {
    this.#wire?.drop();
    this.#wire = undefined;
  }

  #resend(wire: Wire): void {
    for (const [id, { seq, qos, isReceived }] of this.#inFlight) {
      if (isReceived) wire.send({ cmd: 'pubrel', messageId: id });
      else wire.send(this.#publish(id, qos, seq, true));
    }
  }

  #pump(): void {
    const { window, ledger, qosOf } = this.#options;
    while (this.#wire !== undefined && this.#budget > 0 && this.#inFlight.size < window) {
      const qos = qosOf(this.#count);
      const seq = ledger.number({ publisher: this.name, qos });
      const id = this.#freeId();
      this.#budget -= 1;
      this.#count += 1;
      this.#inFlight.set(id, { seq, qos, isReceived: false });
      this.#wire.send(this.#publish(id, qos, seq, false));
    }
  }

  #publish(messageId: number, qos: 1 | 2, seq: number, dup: boolean): Packet {
    const topic = topicOf(this.name);
    return { cmd: 'publish', topic, payload: payloadOf(qos, seq), qos, dup, retain: false, messageId };
  }

  /** Used again as soon as it may be [MQTT-2.3.1-4]: a server that remembers an id too long swallows a message. */
  #freeId(): number {
    while (this.#inFlight.has(this.#nextId)) this.#nextId = (this.#nextId % this.#idsUsed) + 1;
    const id = this.#nextId;
    this.#nextId = (this.#nextId % this.#idsUsed) + 1;
    return id;
  }

  get #idsUsed(): number {
    return 2 * this.#options.window;
  }

  #packet(packet: Packet): void {
    switch (packet.cmd) {
      case 'puback':
        this.#completed(packet.messageId, 1, packet.reasonCode);
        break;
      case 'pubrec':
        this.#received(packet.messageId, packet.reasonCode);
        break;
      case 'pubcomp':
        this.#completed(packet.messageId, 2, packet.reasonCode === NOT_FOUND ? 0 : packet.reasonCode);
        break;
      default:
        this.#options.ledger.fault(`${this.name}: ${packet.cmd} ${JSON.stringify(packet)}`);
    }
  }

  #received(id = 0, reason = 0): void {
    const message = this.#inFlight.get(id);
    if (message?.qos !== 2 || reason >= REFUSED)
      this.#options.ledger.fault(`${this.name}: PUBREC ${id} reason ${reason}`);
    else message.isReceived = true;
    this.#wire?.send({ cmd: 'pubrel', messageId: id });
  }

  #completed(id = 0, qos: 1 | 2, reason = 0): void {
    const message = this.#inFlight.get(id);
    const isDue = message?.qos === qos && (qos === 1 || message.isReceived);
    if (!isDue || reason >= REFUSED)
      this.#options.ledger.fault(
        `${this.name}: ${qos === 1 ? 'PUBACK' : 'PUBCOMP'} ${id} reason ${reason}, not due`,
      );
    this.#inFlight.delete(id);
    this.acknowledged += 1;
    this.#pump();
  }
}

/** Reason codes of MQTT 5: from here on a failure; of a PUBCOMP: the server has let go of the id already. */
const REFUSED = 0x80;
const NOT_FOUND = 0x92;
