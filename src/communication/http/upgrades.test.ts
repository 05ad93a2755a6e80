/** MQTT's WebSockets beside those of routes: each goes its own way. */
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { until } from '../mqtt/test-client.ts';
import { openDoors } from '../mqtt/transport/test-doors.ts';
import type { HttpDoor } from './door.ts';
import { exchange, problemIn, runServer } from './test-support.ts';

const UPGRADE =
  'Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

/** A route of the kind the API has, with the small messages of the API. */
const echoDoor: HttpDoor = async (app) => {
  const { default: websocket } = await import('@fastify/websocket');
  await app.register(websocket, { options: { maxPayload: 100 } });
  app.get('/echo', { websocket: true, config: { access: 'public' } }, (socket) => {
    socket.on('message', (data: Buffer) => socket.send(data));
  });
};

async function setUp() {
  const doors = await openDoors({ names: [] });
  const http = await runServer({
    doors: [echoDoor],
    upgrades: { '/mqtt': (upgrade) => doors.listeners.upgrade(upgrade) },
  });
  const sockets: WebSocket[] = [];
  return {
    doors,
    http,
    dial(path: string, protocols: string[] = []): WebSocket {
      const socket = new WebSocket(`${http.url.replace('http', 'ws')}${path}`, protocols);
      sockets.push(socket);
      return socket;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.terminate();
      await doors[Symbol.asyncDispose]();
      await http.server.stop();
    },
  };
}

describe('upgrades that are no routes', () => {
  it('go to whoever serves the path, while routes keep theirs', async () => {
    await using rig = await setUp();
    const mqtt = rig.dial('/mqtt?from=here', ['mqtt']);
    const echo = rig.dial('/echo');
    await Promise.all([once(mqtt, 'open'), once(echo, 'open')]);
    // Larger than a message to a route may be.
    mqtt.send(Buffer.alloc(5_000, 'm'));
    echo.send('e');
    expect(String((await once(echo, 'message'))[0])).toBe('e');
    await until(() => rig.doors.entered[0]?.bytes.length === 5_000);
    expect(rig.doors.entered).toMatchObject([
      { listener: 'ws', address: '127.0.0.1', certificateName: undefined },
    ]);
    rig.doors.entered[0]?.socket.write(Buffer.from('out'));
    expect(String((await once(mqtt, 'message'))[0])).toBe('out');
  });

  it('takes what came together with the request', async () => {
    await using rig = await setUp();
    const hello = Buffer.from([0x82, 0x82, 0, 0, 0, 0, 0x68, 0x69]).toString('latin1');
    const request = `GET /mqtt HTTP/1.1\r\n${UPGRADE}Sec-WebSocket-Protocol: mqtt\r\n\r\n${hello}`;
    const answer = exchangeBytes(rig.http.port, request);
    await until(() => rig.doors.entered[0]?.bytes.toString() === 'hi');
    rig.doors.entered[0]?.socket.destroy();
    expect(await answer).toMatch(/^HTTP\/1.1 101 [\s\S]*Sec-WebSocket-Protocol: mqtt\r\n\r\n$/);
  });

  it('refuses what does not offer MQTT with a problem document', async () => {
    await using rig = await setUp();
    const answer = await exchange(rig.http.port, `GET /mqtt HTTP/1.1\r\n${UPGRADE}\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(problemIn(answer)).toMatchObject({ code: 'request.invalid', status: 400 });
    expect(rig.doors.refused('websocket')).toBe(1);
  });

  it.each(['/mqtt/', '/mqtt/x', '/MQTT', '/__proto__', '/none'])('leaves %s to the routes', async (path) => {
    await using rig = await setUp();
    const answer = await exchange(rig.http.port, `GET ${path} HTTP/1.1\r\n${UPGRADE}\r\n`);
    expect(problemIn(answer)).toMatchObject({ code: 'request.not_found' });
    expect(rig.doors.entered).toEqual([]);
  });

  it('says that the server is stopping, and is no page', async () => {
    await using rig = await setUp();
    expect((await fetch(`${rig.http.url}/mqtt`)).status).toBe(404);
    rig.doors.listeners.close();
    const offer = `${UPGRADE}Sec-WebSocket-Protocol: mqtt\r\n\r\n`;
    const answer = await exchange(rig.http.port, `GET /mqtt HTTP/1.1\r\n${offer}`);
    expect(problemIn(answer)).toMatchObject({ code: 'server.stopping', status: 503 });
  });

  it('ends one nobody serves where there are no WebSocket routes at all', async () => {
    await using http = await runServer();
    expect(await exchange(http.port, `GET /mqtt HTTP/1.1\r\n${UPGRADE}\r\n`)).toBe('');
  });
});

/** Bytes out as they are; what comes back until the end. */
async function exchangeBytes(port: number, bytes: string): Promise<string> {
  const { connect } = await import('node:net');
  const { text } = await import('node:stream/consumers');
  const socket = connect(port, '127.0.0.1');
  socket.write(bytes, 'latin1');
  return await text(socket);
}
