/**
 * A subscriber whose own state outlives everything: it remembers which QoS 2 ids it holds, hands each message to the
 * ledger as an application would get it [4.3.3, method B], and holds the server to the rules a subscriber can see.
 */
import type { IPublishPacket, Packet } from 'mqtt-packet';
import { payloadOf, topicOf } from './kept-publisher.ts';
import type { Ledger } from './ledger.ts';
import { type Account, type Version, Wire } from './wire.ts';

interface KeptSubscriberOptions {
  readonly name: string;
  readonly account: Account;
  readonly version: Version;
  readonly qos: 1 | 2;
  readonly receiveMaximum: number;
  readonly filter: string;
  readonly ledger: Ledger;
  /** Milliseconds that answers are held back: what is on its way when the server dies is what goes wrong. */
  readonly delayMs: () => number;
}

export class KeptSubscriber {
  readonly #options: KeptSubscriberOptions;
  /** QoS 2 ids whose PUBREL has not come. */
  readonly #held = new Set<number>();
  /** Ids of this connection that the server counts against our receive maximum. */
  readonly #open = new Set<number>();
  #wire: Wire | undefined;
  #answers: Packet[] = [];
  #isSubscribed = false;
  #onAnswer: () => void = () => undefined;

  constructor(options: KeptSubscriberOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get isOpen(): boolean {
    return this.#wire !== undefined;
  }

  /** Nothing waits for an answer of ours or for a PUBREL. */
  get isIdle(): boolean {
    return this.#open.size === 0 && this.#held.size === 0;
  }

  /** Connects; the first time it also subscribes, and waits until that is confirmed. */
  async open(port: number): Promise<void> {
    const { name, account, version, receiveMaximum, ledger } = this.#options;
    this.#open.clear();
    this.#answers = [];
    const early: Packet[] = [];
    const opened = await Wire.open({
      port,
      version,
      account,
      receiveMaximum,
      clientId: name,
      onPacket: (packet) => {
        if (this.#wire === undefined) early.push(packet);
        else this.#packet(packet);
      },
      onClose: () => {
        this.#wire = undefined;
        this.#onAnswer();
      },
    });
    if (opened === undefined) return;
    const { wire, connack } = opened;
    const code = version === 5 ? connack.reasonCode : connack.returnCode;
    if (code !== 0) {
      ledger.fault(`${name}: CONNACK ${code}`);
      wire.drop();
      return;
    }
    this.#wire = wire;
    if (this.#isSubscribed && !connack.sessionPresent) ledger.fault(`${name}: session lost`);
    if (!connack.sessionPresent) this.#held.clear();
    for (const packet of early) this.#packet(packet);
    if (!this.#isSubscribed) await this.#subscribe(wire);
  }

  drop(): void {
    this.#wire?.drop();
    this.#wire = undefined;
    this.#onAnswer();
  }

  /** Resolves when the server has answered all that was sent before, or is gone. */
  async settled(): Promise<void> {
    const answer = this.#nextAnswer();
    this.#wire?.send({ cmd: 'pingreq' });
    if (this.#wire !== undefined) await answer;
  }

  async #subscribe(wire: Wire): Promise<void> {
    const { filter, qos } = this.#options;
    const answer = this.#nextAnswer();
    wire.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: filter, qos }] });
    await answer;
  }

  #nextAnswer(): Promise<void> {
    return new Promise((done) => {
      this.#onAnswer = done;
    });
  }

  #packet(packet: Packet): void {
    const { ledger, name } = this.#options;
    switch (packet.cmd) {
      case 'publish':
        this.#publish(packet);
        break;
      case 'pubrel':
        this.#held.delete(packet.messageId ?? 0);
        this.#answer({ cmd: 'pubcomp', messageId: packet.messageId ?? 0 });
        break;
      case 'suback':
        if (packet.granted[0] !== this.#options.qos)
          ledger.fault(`${name}: granted ${JSON.stringify(packet.granted)}`);
        this.#isSubscribed = true;
        this.#onAnswer();
        break;
      case 'pingresp':
        this.#onAnswer();
        break;
      default:
        ledger.fault(`${name}: ${packet.cmd} ${JSON.stringify(packet)}`);
    }
  }

  #publish(packet: IPublishPacket): void {
    const { ledger, name, qos: granted, receiveMaximum, version } = this.#options;
    const { qos, dup, messageId = 0 } = packet;
    if (qos > granted) ledger.fault(`${name}: QoS ${qos} over the granted ${granted}`);
    if (this.#open.has(messageId)) ledger.fault(`${name}: id ${messageId} used while in use [MQTT-2.2.1-4]`);
    this.#open.add(messageId);
    // The receive maximum is MQTT 5's [MQTT-3.3.4-9]; 3.1.1 leaves the window to the server.
    if (version === 5 && this.#open.size > receiveMaximum)
      ledger.fault(`${name}: ${this.#open.size} on the way, receive maximum ${receiveMaximum}`);
    if (this.#held.has(messageId)) {
      // The same message again, not another under its id [MQTT-3.3.1-1].
      if (!dup) ledger.fault(`${name}: id ${messageId} again without DUP`);
    } else {
      this.#deliver(packet);
    }
    if (qos === 2) this.#held.add(messageId);
    this.#answer({ cmd: qos === 2 ? 'pubrec' : 'puback', messageId });
  }

  /** Topic, metric and number tell the stream; all the rest must be as it was sent. */
  #deliver(packet: IPublishPacket): void {
    const { ledger, name } = this.#options;
    const publisher = packet.topic.split('/')[1] ?? '';
    const payload = packet.payload.toString();
    const match = /"q([12])":(\d+)/.exec(payload);
    const sentQos = match?.[1] === '2' ? 2 : 1;
    const seq = Number(match?.[2]);
    if (packet.topic !== topicOf(publisher) || payload !== payloadOf(sentQos, seq))
      ledger.fault(`${name}: not what was sent: ${packet.topic} ${payload}`);
    else ledger.deliver(name, { publisher, qos: sentQos }, seq, packet.qos === 2);
  }

  /** In the order of what they answer [MQTT-4.6.0-2, MQTT-4.6.0-3], after a while. */
  #answer(packet: Packet): void {
    const answers = this.#answers;
    answers.push(packet);
    if (answers.length > 1) return;
    setTimeout(() => {
      // Of another connection: the server sends again, and is answered then.
      if (this.#answers !== answers) return;
      for (const answer of answers.splice(0)) {
        this.#wire?.send(answer);
        if (answer.cmd !== 'pubrec') this.#open.delete(answer.messageId ?? 0);
      }
    }, this.#options.delayMs());
  }
}
