/** A client of MQTT 5.0 for the conformance tests: says what it is told, well formed or not, and reads strictly. */
import { PING, type RawClient, until } from '../test-client.ts';
import type { Rig } from '../test-support.ts';
import { Answer, type Command } from './v5-answer.ts';
import {
  ack,
  type ConnectFields,
  connect,
  disconnect,
  type Properties,
  type PublishFields,
  publish,
  subscribe,
} from './v5-packets.ts';

let born = 0;

/** `admin`, who may all, with a client id of its own, where nothing else is said. */
const withDefaults = (fields: ConnectFields): ConnectFields => {
  born += 1;
  return { clientId: `c${born}`, ...fields };
};

const CONNECTIONS = 'iot_mqtt_connections mqtt';

export class V5Client {
  readonly raw: RawClient;
  readonly #rig: Rig;
  /** Read, but not what was asked for then. */
  readonly #early: Answer[] = [];
  #connack: Answer | undefined;
  #lastId = 0;

  private constructor(rig: Rig, raw: RawClient, connack: Answer | undefined) {
    this.#rig = rig;
    this.raw = raw;
    this.#connack = connack;
  }

  /** A connection that is not admitted yet. */
  static over(rig: Rig, raw: RawClient): V5Client {
    return new V5Client(rig, raw, undefined);
  }

  get connack(): Answer {
    if (this.#connack === undefined) throw new Error('no CONNACK yet');
    return this.#connack;
  }

  static async connect(rig: Rig, fields: ConnectFields = {}): Promise<V5Client> {
    const raw = await rig.dial();
    raw.send(connect(withDefaults(fields)));
    const connack = new Answer(await raw.next());
    if (connack.command !== 'connack' || connack.code !== 0) throw new Error(`no admission: ${connack.hex}`);
    return new V5Client(rig, raw, connack);
  }

  send(...packets: readonly Buffer[]): void {
    this.raw.send(...packets);
  }

  async next(): Promise<Answer> {
    return this.#early.shift() ?? new Answer(await this.raw.next());
  }

  /** The next packet must be of this kind. */
  async take(command: Command): Promise<Answer> {
    const answer = await this.next();
    if (answer.command !== command)
      throw new Error(`${command} was due, ${answer.command} came: ${answer.hex}`);
    return answer;
  }

  /** The next messages, acknowledged as their QoS asks; what may come between is left for later. */
  async receive(count: number): Promise<readonly Answer[]> {
    const received: Answer[] = [];
    const released = new Set<number>();
    const early: Answer[] = [];
    while (received.length < count || released.size > 0) {
      const answer = await this.next();
      if (answer.command === 'pubrel' && released.delete(answer.id)) this.send(ack('pubcomp', answer.id));
      else if (answer.command !== 'publish') throw new Error(`a message was due: ${answer.hex}`);
      else if (received.length === count) early.push(answer);
      else {
        received.push(answer);
        if (answer.qos === 1) this.send(ack('puback', answer.id));
        if (answer.qos === 2) this.send(ack('pubrec', answer.id));
        if (answer.qos === 2) released.add(answer.id);
      }
    }
    this.#early.unshift(...early);
    return received;
  }

  /** The answer to a request of this client; messages may come before it. */
  async answer(command: Command, id: number): Promise<Answer> {
    const early: Answer[] = [];
    for (;;) {
      const answer = await this.next();
      if (answer.command === command && answer.id === id) {
        this.#early.unshift(...early);
        return answer;
      }
      if (answer.command !== 'publish') throw new Error(`${command} ${id} was due: ${answer.hex}`);
      early.push(answer);
    }
  }

  async subscribe(filters: Readonly<Record<string, number>>, properties: Properties = []): Promise<Answer> {
    this.#lastId += 1;
    this.send(subscribe(this.#lastId, Object.entries(filters), properties));
    return this.answer('suback', this.#lastId);
  }

  /** QoS 1 where nothing else is said, so that the server has it when this returns. */
  async publish(fields: PublishFields): Promise<Answer> {
    this.#lastId += 1;
    const { qos = 1, id = this.#lastId } = fields;
    this.send(publish({ ...fields, qos, id }));
    if (qos !== 2) return this.answer('puback', id);
    const pubrec = await this.answer('pubrec', id);
    if (pubrec.code >= 0x80) return pubrec;
    this.send(ack('pubrel', id));
    return this.answer('pubcomp', id);
  }

  /** What came that nobody has taken, when all that was sent is handled. */
  async waiting(): Promise<readonly Answer[]> {
    await this.raw.settled();
    return this.left();
  }

  /** What nobody has taken. */
  left(): readonly Answer[] {
    return [...this.#early, ...this.raw.waiting.map((received) => new Answer(received))];
  }

  /** The reason the server gives for the end; undefined when it just closes. Nothing may follow a DISCONNECT. */
  async end(): Promise<number | undefined> {
    await this.raw.closed;
    const last = this.left();
    const at = last.findIndex(({ command }) => command === 'disconnect');
    if (at >= 0 && at !== last.length - 1) throw new Error(`${last[at + 1]?.command} after DISCONNECT`);
    return last[at]?.code;
  }

  /** DISCONNECT, and the end of the connection. */
  async leave(code?: number, properties?: Properties): Promise<void> {
    await this.#gone(() => this.send(disconnect(code, properties)));
  }

  /** The network fails. */
  async drop(): Promise<void> {
    await this.#gone(() => this.raw.destroy());
  }

  /** The server has noticed, too: from now on time counts. */
  async #gone(end: () => void): Promise<void> {
    const { meter } = this.#rig;
    const before = meter.read(CONNECTIONS);
    end();
    await until(() => meter.read(CONNECTIONS) < before);
    await this.raw.closed;
  }
}

/** The reason in the server's DISCONNECT; `closed`: it gave none; `open`: it went on. */
export type End = number | 'closed' | 'open';

/** What becomes of a connection that sends these bytes. */
export async function endOf(
  rig: Rig,
  bytes: Buffer | readonly Buffer[],
  fields: ConnectFields = {},
): Promise<End> {
  const client = await V5Client.connect(rig, fields);
  client.send(...(Buffer.isBuffer(bytes) ? [bytes] : bytes), PING);
  await until(() => client.raw.isClosed || client.raw.waiting.some(({ header }) => header === 0xd0));
  if (client.raw.waiting.some(({ header }) => header === 0xd0)) return 'open';
  return (await client.end()) ?? 'closed';
}

/** Those of the cases that do not end with one of these reasons, and how they end. */
export async function otherEnds(
  rig: Rig,
  cases: Readonly<Record<string, Buffer | readonly Buffer[]>>,
  reasons: readonly number[],
  fields: ConnectFields = {},
): Promise<readonly string[]> {
  const others: string[] = [];
  for (const [name, bytes] of Object.entries(cases)) {
    const end = await endOf(rig, bytes, fields);
    if (typeof end === 'string' || !reasons.includes(end)) others.push(`${name}: ${end.toString(16)}`);
  }
  return others;
}

/** The CONNACK that these bytes get before the connection closes; undefined when it just closes. */
export async function refusalOf(rig: Rig, bytes: Buffer): Promise<Answer | undefined> {
  const raw = await rig.dial();
  raw.send(bytes);
  await until(
    () => raw.isClosed || raw.waiting.some(({ hex }) => hex.startsWith('20') && hex.slice(6, 8) === '00'),
  );
  if (!raw.isClosed) throw new Error(`admitted: ${bytes.toString('hex')}`);
  const answers = raw.waiting.map((received) => new Answer(received));
  if (answers.length > 1 || answers.some(({ command }) => command !== 'connack'))
    throw new Error(`a CONNACK at most was due: ${answers.map(({ hex }) => hex).join()}`);
  return answers[0];
}

/** Those of the CONNECTs that are not refused with one of these codes, and how they are. */
export async function otherRefusals(
  rig: Rig,
  cases: Readonly<Record<string, ConnectFields | Buffer>>,
  codes: readonly number[],
): Promise<readonly string[]> {
  const others: string[] = [];
  for (const [name, bytes] of Object.entries(cases)) {
    const packet = Buffer.isBuffer(bytes) ? bytes : connect(withDefaults(bytes));
    const answer = await refusalOf(rig, packet).catch((cause: unknown) => String(cause));
    if (typeof answer === 'string') others.push(`${name}: ${answer}`);
    else if (answer === undefined) others.push(`${name}: closed`);
    else if (!codes.includes(answer.code)) others.push(`${name}: ${answer.code.toString(16)}`);
    else if (answer.isSessionPresent) others.push(`${name}: session present`);
  }
  return others;
}

/** The messages before this one, acknowledged. */
export async function messagesUntil(client: V5Client, marker: string): Promise<readonly Answer[]> {
  const messages: Answer[] = [];
  for (;;) {
    const [message] = await client.receive(1);
    if (message === undefined || message.payload === marker) return messages;
    messages.push(message);
  }
}
