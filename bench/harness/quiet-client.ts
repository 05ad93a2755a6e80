/** A client that connects, maybe subscribes, and then says nothing: idle, or frozen with all it is sent unread. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { generate, type Packet, parser } from 'mqtt-packet';

interface QuietClientOptions {
  readonly port: number;
  readonly clientId: string;
  readonly username: string;
  readonly password: string;
  /** Subscribed at QoS 1. */
  readonly filter?: string | undefined;
}

const PROTOCOL = { protocolId: 'MQTT', protocolVersion: 4 } as const;
/** Longer than any scenario: nobody has to ping. */
const KEEP_ALIVE_S = 600;

/** Resolves when the broker has answered all that was asked; from then on the socket is not read. */
export async function quietClient(options: QuietClientOptions): Promise<Socket> {
  const { port, clientId, username, filter } = options;
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const password = Buffer.from(options.password);
  const identity = { clientId, username, password, keepalive: KEEP_ALIVE_S, clean: true };
  socket.write(generate({ cmd: 'connect', ...PROTOCOL, ...identity }));
  const connack = await answer(socket);
  if (connack.cmd !== 'connack' || connack.returnCode !== 0)
    throw new Error(`${clientId} was answered ${JSON.stringify(connack)}`);
  if (filter !== undefined) {
    socket.write(generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: filter, qos: 1 }] }));
    const suback = await answer(socket);
    if (suback.cmd !== 'suback' || suback.granted[0] !== 1)
      throw new Error(`${clientId} was answered ${JSON.stringify(suback)}`);
  }
  socket.pause();
  // Brokers end silent clients as they like; who is gone shows in the figures.
  socket.on('error', () => socket.destroy());
  return socket;
}

async function answer(socket: Socket): Promise<Packet> {
  const packets = parser({ protocolVersion: 4 });
  const found: Packet[] = [];
  packets.on('packet', (packet) => found.push(packet));
  socket.resume();
  while (found[0] === undefined) {
    const [chunk]: unknown[] = await once(socket, 'data');
    if (chunk instanceof Buffer) packets.parse(chunk);
  }
  return found[0];
}
