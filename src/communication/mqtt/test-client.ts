/** A raw MQTT client for tests, and the packets it sends. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { generate, type Packet } from 'mqtt-packet';

export interface ConnectOptions {
  readonly clientId?: string;
  readonly password?: string;
  readonly keepalive?: number;
  readonly clean?: boolean;
  readonly will?: { topic: string; payload: Buffer; qos: 0 | 1 | 2; retain: boolean };
}

export function connectPacket(username: string, options: ConnectOptions = {}): Buffer {
  const { clientId = username, password = 'right', keepalive = 0, clean = true, will } = options;
  return generate({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    username,
    password: Buffer.from(password),
    clientId,
    keepalive,
    clean,
    ...(will === undefined ? {} : { will }),
  });
}

interface PublishOptions {
  readonly qos?: 0 | 1 | 2;
  readonly messageId?: number;
  readonly retain?: boolean;
  readonly dup?: boolean;
}

export function publishPacket(topic: string, payload: string | Buffer, options: PublishOptions = {}): Buffer {
  const { qos = 0, messageId, retain = false, dup = false } = options;
  const id = messageId === undefined ? {} : { messageId };
  return generate({ cmd: 'publish', topic, payload, qos, retain, dup, ...id });
}

export const packet = (fields: Packet): Buffer => generate(fields);

export function subscribePacket(messageId: number, filters: Readonly<Record<string, 0 | 1 | 2>>): Buffer {
  const subscriptions = Object.entries(filters).map(([topic, qos]) => ({ topic, qos }));
  return generate({ cmd: 'subscribe', messageId, subscriptions });
}

export const unsubscribePacket = (messageId: number, ...unsubscriptions: string[]): Buffer =>
  generate({ cmd: 'unsubscribe', messageId, unsubscriptions });

export const PING = Buffer.from([0xc0, 0]);
export const DISCONNECT = Buffer.from([0xe0, 0]);
export const puback = (id: number): Buffer => Buffer.from([0x40, 2, id >> 8, id & 0xff]);
export const pubrel = (id: number): Buffer => Buffer.from([0x62, 2, id >> 8, id & 0xff]);

export interface Received {
  /** First byte. */
  readonly header: number;
  readonly body: Buffer;
  readonly hex: string;
}

/** A PUBLISH as received. */
export function readPublish({ header, body }: Received): {
  readonly topic: string;
  readonly payload: string;
  readonly qos: number;
  readonly retain: boolean;
  readonly dup: boolean;
  readonly id: number;
} {
  if (header >> 4 !== 3) throw new Error(`no PUBLISH: ${header.toString(16)}`);
  const qos = (header >> 1) & 3;
  const topicEnd = 2 + body.readUInt16BE(0);
  return {
    topic: body.toString('utf8', 2, topicEnd),
    payload: body.toString('utf8', topicEnd + (qos === 0 ? 0 : 2)),
    qos,
    retain: (header & 1) !== 0,
    dup: (header & 8) !== 0,
    id: qos === 0 ? 0 : body.readUInt16BE(topicEnd),
  };
}

/** Bytes out, packets in; knows nothing of the protocol but how long a packet is. */
export class RawClient {
  readonly socket: Socket;
  readonly closed: Promise<unknown>;
  readonly #received: Received[] = [];
  #wake: () => void = () => undefined;
  #rest = Buffer.alloc(0);
  isClosed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    this.closed = once(socket, 'close').then(() => {
      this.isClosed = true;
      this.#wake();
      return undefined;
    });
  }

  static async dial(port: number): Promise<RawClient> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.setNoDelay(true);
    return new RawClient(socket);
  }

  send(...packets: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(packets));
  }

  /** The next packet; throws when the connection ends first. */
  async next(): Promise<Received> {
    for (;;) {
      const received = this.#received.shift();
      if (received !== undefined) return received;
      if (this.isClosed) throw new Error('closed');
      await new Promise<void>((done) => {
        this.#wake = done;
      });
    }
  }

  async nextHex(): Promise<string> {
    return (await this.next()).hex;
  }

  /** What came that nobody has taken. */
  get waiting(): readonly Received[] {
    return this.#received;
  }

  /** Everything sent so far is handled: what it caused has arrived, or never will. */
  async settled(): Promise<readonly Received[]> {
    this.send(PING);
    await until(() => this.isClosed || this.#received.some(({ header }) => header === 0xd0));
    const at = this.#received.findIndex(({ header }) => header === 0xd0);
    if (at >= 0) this.#received.splice(at, 1);
    return this.#received;
  }

  destroy(): void {
    this.socket.destroy();
  }

  #take(chunk: Buffer): void {
    let bytes = Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const whole = wholePacket(bytes);
      if (whole === undefined) break;
      const { headBytes, length } = whole;
      const body = bytes.subarray(headBytes, length);
      this.#received.push({
        header: bytes[0] ?? 0,
        body,
        hex: bytes.subarray(0, length).toString('hex'),
      });
      bytes = bytes.subarray(length);
    }
    this.#rest = bytes;
    this.#wake();
  }
}

function wholePacket(bytes: Buffer): { readonly headBytes: number; readonly length: number } | undefined {
  let remaining = 0;
  for (let i = 1; i < Math.min(bytes.length, 5); i += 1) {
    const byte = bytes[i] ?? 0;
    remaining += (byte & 0x7f) * 128 ** (i - 1);
    if (byte < 0x80) {
      const length = i + 1 + remaining;
      return length <= bytes.length ? { headBytes: i + 1, length } : undefined;
    }
  }
  return undefined;
}

/** Lets the process turn until it is so; a test that waits for ever fails by its own time limit. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn();
}
