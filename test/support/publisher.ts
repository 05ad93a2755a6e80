/**
 * A raw MQTT 3.1.1 publisher for durability tests: it knows exactly which packets were acknowledged when the
 * server died, which a client library with its own retry store would hide.
 */
import { connect, type Socket } from 'node:net';
import { generate, parser } from 'mqtt-packet';

export class RawPublisher {
  readonly #socket: Socket;
  readonly #device: string;
  readonly #waiting = new Map<number, number>();
  #nextId = 1;
  /** Sequence numbers whose PUBACK has arrived. */
  readonly acknowledged: number[] = [];
  sent = 0;
  closed = false;
  /** White space behind each message: bytes for the log, nothing for history. */
  padBytes = 0;

  private constructor(socket: Socket, device: string) {
    this.#socket = socket;
    this.#device = device;
  }

  static async connect(port: number, device: string, token: string): Promise<RawPublisher> {
    const socket = connect(port, '127.0.0.1');
    const publisher = new RawPublisher(socket, device);
    const packets = parser({ protocolVersion: 4 });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      publisher.closed = true;
    });
    socket.on('data', (chunk) => packets.parse(chunk));
    const connected = new Promise<void>((done, fail) => {
      socket.once('close', () => fail(new Error('closed before CONNACK')));
      packets.on('packet', (packet) => {
        if (packet.cmd === 'puback') publisher.#acknowledge(packet.messageId ?? 0);
        if (packet.cmd === 'connack' && packet.returnCode === 0) done();
        else if (packet.cmd === 'connack') fail(new Error(`connack ${packet.returnCode}`));
      });
    });
    const password = Buffer.from(token);
    socket.write(
      generate({
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion: 4,
        clean: true,
        keepalive: 0,
        clientId: device,
        username: device,
        password,
      }),
    );
    await connected;
    return publisher;
  }

  /** Publishes `{"ts":…,"values":{"seq":n}}` at QoS 1 for n in from..to-1, at most `window` unacknowledged. */
  async publish(from: number, to: number, window: number): Promise<void> {
    for (let seq = from; seq < to && !this.closed; seq += 1) {
      while (this.#waiting.size >= window && !this.closed) await new Promise((done) => setImmediate(done));
      const messageId = this.#nextId;
      this.#nextId = (this.#nextId % 65_535) + 1;
      this.#waiting.set(messageId, seq);
      this.#send(seq, 1, messageId);
    }
    while (this.#waiting.size > 0 && !this.closed) await new Promise((done) => setImmediate(done));
  }

  /** The same at QoS 0: as fast as the socket takes it. */
  async shout(from: number, to: number): Promise<void> {
    for (let seq = from; seq < to && !this.closed; seq += 1) {
      const hasRoom = this.#send(seq, 0);
      if (!hasRoom) await new Promise((done) => this.#socket.once('drain', done));
    }
  }

  #send(seq: number, qos: 0 | 1, messageId?: number): boolean {
    const payload = `{"ts":${1_700_000_000_000 + seq},"values":{"seq":${seq}}}`.padEnd(this.padBytes);
    const topic = `v1/${this.#device}/telemetry`;
    const identified = messageId === undefined ? {} : { messageId };
    this.sent += 1;
    return this.#socket.write(
      generate({ cmd: 'publish', topic, payload, qos, dup: false, retain: false, ...identified }),
    );
  }

  end(): void {
    this.#socket.destroy();
  }

  #acknowledge(messageId: number): void {
    const seq = this.#waiting.get(messageId);
    if (seq === undefined) return;
    this.#waiting.delete(messageId);
    this.acknowledged.push(seq);
  }
}
