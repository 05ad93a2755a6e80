/** MQTT's bytes over WebSockets: any cut, pressure in both directions, and how it ends. */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClientOptions, WebSocket } from 'ws';
import { MQTT_FRAME_MAX_BYTES, UNAUTHENTICATED_MAX_BYTES } from '../../../base/limits.ts';
import { until } from '../test-client.ts';
import { type Doors, type Entered, openDoors } from './test-doors.ts';

const CONNACK = Buffer.from([0x20, 2, 0, 0]);
const MIB = 1_048_576;

interface Pair {
  readonly doors: Doors;
  readonly client: WebSocket;
  readonly server: Entered;
}

async function pair(doors: Doors, options: ClientOptions = {}): Promise<Pair> {
  const before = doors.entered.length;
  const client = doors.ws(options);
  await once(client, 'open');
  await until(() => doors.entered.length > before);
  const server = doors.entered.at(-1);
  if (server === undefined) throw new Error('nobody came');
  return { doors, client, server };
}

const open = async (): Promise<Doors> => await openDoors({ names: ['ws'] });
/** `ws` has no word for it. */
function cork(client: WebSocket, write: () => void): void {
  const { _socket: socket } = client as unknown as { readonly _socket: Socket };
  socket.cork();
  write();
  socket.uncork();
}
const closeCode = async (client: WebSocket): Promise<unknown> => (await once(client, 'close'))[0];
const refusal = async (client: WebSocket): Promise<IncomingMessage> => {
  const answer = Promise.withResolvers<IncomingMessage>();
  client.on('unexpected-response', (_request, response) => answer.resolve(response));
  return await answer.promise;
};

describe('the WebSocket handshake', () => {
  it.each([
    [['mqtt'], 'mqtt'],
    [['mqttv3.1'], 'mqttv3.1'],
    [['other', 'mqttv3.1', 'mqtt'], 'mqtt'],
  ])('chooses from %j', async (offered, chosen) => {
    await using doors = await open();
    const client = doors.ws({}, offered);
    await once(client, 'open');
    expect(client.protocol).toBe(chosen);
    // Offered by the client, and refused: memory.
    expect(client.extensions).toBe('');
    expect(doors.entered).toMatchObject([{ listener: 'ws', address: '127.0.0.1' }]);
  });

  it.each([[[]], [['mqtt5']]])('refuses %j with 400', async (offered) => {
    await using doors = await open();
    const answer = await refusal(doors.ws({}, offered));
    expect(answer.statusCode).toBe(400);
    expect(JSON.parse(await text(answer))).toMatchObject({ code: 'request.invalid', detail: /"mqtt"/ });
    expect(doors.refused('websocket')).toBe(1);
    expect(doors.entered).toEqual([]);
  });

  it('refuses what is no WebSocket, and what is no HTTP', async () => {
    await using doors = await open();
    const [answer] = (await once(get(`http://127.0.0.1:${doors.port('ws')}`), 'response')) as [
      IncomingMessage,
    ];
    expect(answer.statusCode).toBe(426);
    answer.resume();
    const plain = await doors.tcp('ws');
    plain.write(Buffer.from('101000044d51545404020000000464657631', 'hex'));
    await once(plain.resume(), 'close');
    const old = await doors.tcp('ws');
    old.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n');
    old.write('Sec-WebSocket-Version: 7\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n');
    expect(await text(old)).toMatch(/^HTTP\/1.1 400 /);
    expect(doors.refused('websocket')).toBe(3);
  });
});

describe('a WebSocket as a link', () => {
  it('makes one stream of messages, wherever they are cut, fragmented or joined', async () => {
    await using doors = await open();
    const { client, server } = await pair(doors);
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 300 }),
        fc.array(fc.nat(40)),
        async (bytes, cuts) => {
          const sent = server.bytes.length;
          let at = 0;
          for (const [i, cut] of cuts.entries()) {
            client.send(bytes.subarray(at, at + cut), { fin: i % 3 !== 0 });
            at += cut;
          }
          client.send(bytes.subarray(at));
          await until(() => server.bytes.length - sent === bytes.length);
          expect(server.bytes.subarray(sent)).toEqual(Buffer.from(bytes));
        },
      ),
      { numRuns: 50 },
    );
  });

  it('hands on nothing empty', async () => {
    await using doors = await open();
    const { client, server } = await pair(doors);
    client.send(Buffer.alloc(0));
    client.send(Buffer.from('x'));
    await until(() => server.chunks.length > 0);
    expect(server.chunks.map(String)).toEqual(['x']);
  });

  it('writes binary messages', async () => {
    await using doors = await open();
    const { client, server } = await pair(doors);
    expect(server.socket.write(CONNACK)).toBe(true);
    const [data, isBinary] = (await once(client, 'message')) as [Buffer, boolean];
    expect([data.toString('hex'), isBinary]).toEqual(['20020000', true]);
  });

  it('ends a text message with 1003, and hands it on to nobody', async () => {
    await using doors = await open();
    const { client, server } = await pair(doors);
    client.send('text');
    client.send(Buffer.from('binary'));
    expect(await closeCode(client)).toBe(1003);
    await server.closed;
    expect(server.chunks).toEqual([]);
    expect(server.socket.write(CONNACK)).toBe(false);
  });

  it('keeps nothing large of a stranger', async () => {
    await using doors = await open();
    const { client, server } = await pair(doors);
    client.send(Buffer.alloc(UNAUTHENTICATED_MAX_BYTES));
    await until(() => server.bytes.length === UNAUTHENTICATED_MAX_BYTES);
    client.send(Buffer.alloc(4 * UNAUTHENTICATED_MAX_BYTES));
    expect(await closeCode(client)).toBe(1009);
    expect(server.bytes).toHaveLength(UNAUTHENTICATED_MAX_BYTES);
  });

  it('takes the largest packet of a client that is let in, and no larger message', async () => {
    await using doors = await open();
    const { client, server } = await pair(doors);
    server.socket.write(CONNACK);
    client.send(Buffer.alloc(MQTT_FRAME_MAX_BYTES));
    await until(() => server.bytes.length === MQTT_FRAME_MAX_BYTES);
    client.send(Buffer.alloc(MQTT_FRAME_MAX_BYTES + 1));
    expect(await closeCode(client)).toBe(1009);
    await server.closed;
  });

  it('ends with 1000 behind the last words', async () => {
    await using doors = await open();
    const { client, server } = await pair(doors);
    server.socket.write(Buffer.from([0xe0, 0]));
    server.socket.end();
    expect(server.socket.writable).toBe(false);
    const words = once(client, 'message');
    expect(await closeCode(client)).toBe(1000);
    expect(String((await words)[0])).toBe(String(Buffer.from([0xe0, 0])));
    await server.closed;
  });

  it('closes when the client does, or is gone, or breaks the protocol', async () => {
    await using doors = await open();
    for (const end of [
      (client: WebSocket) => client.close(),
      (client: WebSocket) => client.terminate(),
      // An unmasked frame (RFC 6455, section 5.1).
      (client: WebSocket) => client.send(Buffer.from('x'), { mask: false }),
    ]) {
      const { client, server } = await pair(doors);
      end(client);
      await server.closed;
    }
  });

  it('is destroyed at once', async () => {
    await using doors = await open();
    const { client, server } = await pair(doors);
    server.socket.destroy();
    server.socket.destroy();
    await server.closed;
    expect(await closeCode(client)).toBe(1006);
  });
});

describe('pressure on a WebSocket', () => {
  it('hands nothing on while paused, reads nothing more, and goes on in order', async () => {
    await using doors = await open();
    const { client, server } = await pair(doors);
    server.socket.write(CONNACK);
    server.socket.on('data', () => server.socket.pause());
    const total = 16 * MIB;
    const message = Buffer.alloc(1_000);
    for (let i = 0; i * message.length < total; i += 1) {
      message.writeUInt32BE(i);
      client.send(Buffer.from(message));
    }
    await until(() => server.chunks.length === 1);
    // Both kernels' buffers fill up; the rest stays with the client.
    for (let i = 0; i < 1_000; i += 1) await turn();
    expect(server.chunks).toHaveLength(1);
    expect(client.bufferedAmount).toBeGreaterThan(total / 2);
    for (let taken = 1; taken < 200; taken += 1) {
      server.socket.resume();
      await until(() => server.chunks.length === taken + 1);
      await turn();
      expect(server.chunks).toHaveLength(taken + 1);
    }
    expect(server.chunks.map((chunk) => chunk.readUInt32BE())).toEqual(
      Array.from({ length: 200 }, (_, i) => i),
    );
  });

  it('hands on the last words of a client that has left meanwhile, and then its end', async () => {
    await using doors = await open();
    for (const isTaken of [true, false]) {
      const { client, server } = await pair(doors);
      const { socket } = server;
      let closes = 0;
      socket.on('close', () => {
        closes += 1;
      });
      socket.on('data', () => socket.pause());
      // One write, so that the close frame is read with the messages before it.
      cork(client, () => {
        for (const word of ['1', '2', '3']) client.send(Buffer.from(word));
        client.close();
      });
      await closeCode(client);
      for (let i = 0; i < 20; i += 1) await turn();
      expect(server.chunks.map(String)).toEqual(['1']);
      expect(closes).toBe(0);
      if (isTaken) {
        socket.resume();
        socket.resume();
        expect(server.chunks.map(String)).toEqual(['1', '2', '3']);
      } else socket.end();
      await server.closed;
      expect(closes).toBe(1);
    }
  });

  it('needs a drain when the client does not read, and tells when it has come', async () => {
    await using doors = await open();
    const { client, server } = await pair(doors);
    client.pause();
    const { socket } = server;
    let drains = 0;
    socket.on('drain', () => {
      drains += 1;
    });
    const chunk = Buffer.alloc(65_536);
    let written = 0;
    while (written < 64 * MIB && !socket.writableNeedDrain) {
      const wantsMore = socket.write(chunk);
      expect(wantsMore).toBe(!socket.writableNeedDrain);
      written += chunk.length;
      await turn();
    }
    expect(socket.writableNeedDrain).toBe(true);
    expect(socket.writableLength).toBeGreaterThan(0);
    expect(socket.writableLength).toBeLessThan(2 * MIB);
    let received = 0;
    client.on('message', (data: Buffer) => {
      received += data.length;
    });
    client.resume();
    await until(() => drains > 0 && received === written);
    expect(socket.writableNeedDrain).toBe(false);
  });

  it('does not answer the pings of a client that does not read for ever', async () => {
    await using doors = await open();
    const { client, server } = await pair(doors);
    client.pause();
    for (let i = 0; i < 20_000; i += 1) client.ping(Buffer.alloc(125));
    await turn();
    for (let i = 0; i < 2_000; i += 1) await turn();
    expect(server.socket.writableLength).toBeLessThan(MIB);
  });
});
