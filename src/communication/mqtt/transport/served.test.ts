/** The whole server behind a WebSocket: what must not depend on the transport. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createWebSocketStream, WebSocket } from 'ws';
import { MQTT_CONNECT_TIMEOUT_MS } from '../../../base/limits.ts';
import {
  connectPacket,
  DISCONNECT,
  PING,
  publishPacket,
  RawClient,
  readPublish,
  subscribePacket,
  until,
} from '../test-client.ts';
import { type Rig, startRig } from '../test-support.ts';

const HOST = '127.0.0.1';
const start = async (): Promise<Rig> =>
  await startRig({
    listeners: [
      { name: 'mqtt', transport: 'tcp', host: HOST, port: 0 },
      { name: 'ws', transport: 'ws', host: HOST, port: 0 },
    ],
  });

interface Dialled {
  readonly webSocket: WebSocket;
  readonly client: RawClient;
  readonly code: Promise<unknown>;
}

async function dial(rig: Rig): Promise<Dialled> {
  const webSocket = new WebSocket(`ws://${HOST}:${rig.server.addresses.ws?.port ?? 0}`, ['mqtt']);
  const code = new Promise((done) => webSocket.on('close', done));
  // It reads and writes; that is all that is asked of it.
  const client = new RawClient(createWebSocketStream(webSocket) as unknown as Socket);
  await once(webSocket, 'open');
  return { webSocket, client, code };
}

async function admitted(rig: Rig, name: string): Promise<Dialled> {
  const dialled = await dial(rig);
  dialled.client.send(connectPacket(name));
  expect(await dialled.client.nextHex()).toBe('20020000');
  return dialled;
}

describe('the server over a WebSocket', () => {
  it('takes packets byte by byte, and joined behind a CONNECT that waits for its answer', async () => {
    await using rig = await start();
    const packets = [
      connectPacket('admin'),
      subscribePacket(1, { 'a/#': 1 }),
      publishPacket('a/b', 'x', { qos: 1, messageId: 7 }),
      PING,
    ];
    const bytes = Buffer.concat(packets);
    for (const size of [1, 7, bytes.length]) {
      const { webSocket, client } = await dial(rig);
      for (let at = 0; at < bytes.length; at += size) webSocket.send(bytes.subarray(at, at + size));
      const received = [await client.next(), await client.next(), await client.next(), await client.next()];
      const later = await client.next();
      const all = [...received, later].map(({ header }) => header >> 4).toSorted((a, b) => a - b);
      // CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP.
      expect(all).toEqual([2, 3, 4, 9, 13]);
      client.destroy();
      await client.closed;
    }
    expect(rig.events).toEqual([]);
  });

  it('tells of a device where it came in, and counts it there', async () => {
    await using rig = await start();
    const { client, code } = await admitted(rig, 'd1');
    expect(rig.events).toMatchObject([
      { type: 'device.connected', data: { transport: 'ws', address: HOST } },
    ]);
    expect(rig.meter.read('iot_mqtt_connections ws')).toBe(1);
    client.send(DISCONNECT);
    expect(await code).toBe(1000);
    await until(() => rig.meter.read('iot_mqtt_connections ws') === 0);
    expect(rig.events.at(-1)).toMatchObject({ type: 'device.disconnected', data: { reason: 'clean' } });
  });

  it('publishes the will when the WebSocket ends without a DISCONNECT, in order or not', async () => {
    await using rig = await start();
    for (const end of ['close', 'terminate'] as const) {
      const { webSocket, client } = await dial(rig);
      const will = { topic: 'v1/d1/will', payload: Buffer.from(end), qos: 1, retain: false } as const;
      client.send(connectPacket('d1', { will }));
      await client.next();
      webSocket[end]();
      await until(() => rig.log.texts.includes(end));
    }
  });

  it('ends a stranger who is silent, or speaks something else', async () => {
    await using rig = await start();
    const silent = await dial(rig);
    const other = await dial(rig);
    other.webSocket.send(Buffer.from('GET / HTTP/1.1'));
    expect(await other.code).toBe(1000);
    rig.clock.advance(MQTT_CONNECT_TIMEOUT_MS + 1);
    expect(await silent.code).toBe(1000);
  });

  it('holds a bounded part of what a slow reader does not take, and the others do not wait', async () => {
    await using rig = await start();
    const slow = await admitted(rig, 'admin');
    slow.client.send(subscribePacket(1, { 'load/#': 0 }));
    await slow.client.next();
    slow.webSocket.pause();
    const publisher = await rig.client('admin', { clientId: 'publisher' });
    const payload = Buffer.alloc(65_536, 'p');
    const dropped = (): number => rig.meter.read('iot_messages_dropped_total slow_subscriber');
    let sent = 0;
    for (; dropped() === 0 && sent < 1_000; sent += 1) {
      publisher.send(publishPacket('load/x', payload));
      await publisher.settled();
    }
    expect(dropped()).toBeGreaterThan(0);
    // Kernel buffers, the socket's, and the outbox.
    expect(sent * payload.length).toBeLessThan(32 * 1_048_576);
    slow.webSocket.resume();
    const first = readPublish(await slow.client.next());
    expect(first.payload).toHaveLength(payload.length);
    await slow.client.settled();
    slow.client.destroy();
  });

  it('says goodbye when the server stops', async () => {
    const rig = await start();
    const { code } = await admitted(rig, 'd1');
    await rig[Symbol.asyncDispose]();
    expect(await code).toBe(1000);
  });
});
