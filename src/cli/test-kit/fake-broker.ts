import { type AddressInfo, createServer, type Socket } from 'node:net';
import { generate, type IConnectPacket, type IPublishPacket, parser } from 'mqtt-packet';

export interface FakeBroker extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly connects: IConnectPacket[];
  readonly publishes: IPublishPacket[];
  /** Most messages that were ever waiting for their acknowledgement at once. */
  readonly waitingMax: () => number;
  /** Breaks every connection, once. */
  breakConnections(): void;
}

export interface FakeBrokerOptions {
  /** CONNACK return code by the CONNECT packet; default 0. */
  readonly admit?: (packet: IConnectPacket) => number;
  /** Milliseconds until PUBACK. */
  readonly ackAfterMs?: number;
  /** Whether a PUBLISH is acknowledged; default always. */
  readonly acks?: (packet: IPublishPacket) => boolean;
}

/** An MQTT server for tests that reads with an independent parser, acknowledges, and keeps what it got. */
export async function fakeBroker(options: FakeBrokerOptions = {}): Promise<FakeBroker> {
  const connects: IConnectPacket[] = [];
  const publishes: IPublishPacket[] = [];
  const sockets = new Set<Socket>();
  let waiting = 0;
  let waitingMax = 0;
  const acknowledge = (socket: Socket, packet: IPublishPacket): void => {
    publishes.push(packet);
    if (packet.qos === 0 || options.acks?.(packet) === false) return;
    waiting += 1;
    waitingMax = Math.max(waitingMax, waiting);
    setTimeout(() => {
      waiting -= 1;
      if (!socket.destroyed) socket.write(generate({ cmd: 'puback', messageId: packet.messageId ?? 0 }));
    }, options.ackAfterMs ?? 0);
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    const reader = parser({ protocolVersion: 4 });
    reader.on('packet', (packet) => {
      if (packet.cmd === 'connect') {
        connects.push(packet);
        const returnCode = options.admit?.(packet) ?? 0;
        socket.write(generate({ cmd: 'connack', returnCode, sessionPresent: false }));
        if (returnCode !== 0) socket.end();
      }
      if (packet.cmd === 'publish') acknowledge(socket, packet);
      if (packet.cmd === 'pingreq') socket.write(generate({ cmd: 'pingresp' }));
      if (packet.cmd === 'disconnect') socket.end();
    });
    reader.on('error', () => socket.destroy());
    socket.on('data', (chunk) => reader.parse(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const breakConnections = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    connects,
    publishes,
    waitingMax: () => waitingMax,
    breakConnections,
    [Symbol.asyncDispose]: async () => {
      breakConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
