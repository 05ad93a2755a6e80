import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ManualClock } from '../base/clock.ts';
import { LIVE_INCOMING_MAX_BYTES } from '../base/limits.ts';
import { bearer, exchange, problemIn } from '../communication/http/test-support.ts';
import type { DeviceId } from '../model/ids.ts';
import { reading, runApi } from './test-support.ts';

type Api = Awaited<ReturnType<typeof runApi>>;

interface Message {
  readonly readings: readonly { readonly device: string; readonly value: unknown }[];
  readonly dropped: number;
}

function open(api: Api, token: string, query = '', protocols: readonly string[] = [], headers = {}) {
  const url = `${api.url.replace('http', 'ws')}/api/v1/live${query}`;
  const authorization = token === '' ? {} : bearer(token);
  const socket = new WebSocket(url, [...protocols], { headers: { ...authorization, ...headers } });
  const messages: Message[] = [];
  socket.on('message', (data: Buffer) => messages.push(JSON.parse(data.toString('utf8')) as Message));
  return { socket, messages };
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !condition(); tries += 1) await sleep(10);
  expect(condition()).toBe(true);
}

async function refusedWith(socket: WebSocket): Promise<number> {
  const status = Promise.withResolvers<number>();
  socket.on('unexpected-response', (_request, response) => status.resolve(response.statusCode ?? 0));
  socket.on('error', () => undefined);
  return await status.promise;
}

async function closeCode(socket: WebSocket): Promise<readonly [number, string]> {
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
  return [code, reason.toString()];
}

describe('the live socket', () => {
  it('carries readings as they are stored, of one device or of all', async () => {
    await using api = await runApi();
    const all = open(api, 'viewer');
    const one = open(api, 'admin', '?device=station');
    await Promise.all([once(all.socket, 'open'), once(one.socket, 'open')]);
    await until(() => api.live.watchers.size === 2);
    api.live.emit([reading('station', 1), reading('gw', 2)], 3);
    await until(() => all.messages.length === 1 && one.messages.length === 1);
    expect(all.messages[0]).toEqual({ readings: [reading('station', 1), reading('gw', 2)], dropped: 3 });
    expect(one.messages[0]?.readings).toEqual([reading('station', 1)]);
    all.socket.close();
    one.socket.close();
    await until(() => api.live.watchers.size === 0);
  });

  it('shows a device itself and its children only', async () => {
    await using api = await runApi();
    const gateway = open(api, 'gw');
    await once(gateway.socket, 'open');
    await until(() => api.live.watchers.size === 1);
    api.live.emit([reading('station', 1), reading('child', 2), reading('gw', 3)]);
    await until(() => gateway.messages.length === 1);
    expect(gateway.messages[0]?.readings.map(({ device }) => device)).toEqual(['child', 'gw']);
    expect(await refusedWith(open(api, 'gw', '?device=station').socket)).toBe(403);
  });

  it('takes the token as a subprotocol, and never tells it back where it need not', async () => {
    await using api = await runApi();
    const token = 'sensorium.bearer.viewer';
    const both = open(api, '', '', ['sensorium.v1', token]).socket;
    await once(both, 'open');
    expect(both.protocol).toBe('sensorium.v1');
    const alone = open(api, '', '', [token]).socket;
    await once(alone, 'open');
    expect(alone.protocol).toBe(token);
    expect(await refusedWith(open(api, '', '', ['sensorium.bearer.wrong']).socket)).toBe(401);
    expect(await refusedWith(open(api, '').socket)).toBe(401);
  });

  it('refuses pages of other sites, whatever token they have', async () => {
    await using api = await runApi();
    const from = (origin: string) => open(api, 'admin', '', [], { origin }).socket;
    expect(await refusedWith(from('https://evil.example'))).toBe(403);
    expect(await refusedWith(from('null'))).toBe(403);
    await once(from(api.url), 'open');
  });

  it('answers upgrades elsewhere like any request', async () => {
    await using api = await runApi();
    const upgrade =
      'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
    const answer = await exchange(api.port, `GET /none HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n\r\n`);
    expect(problemIn(answer)).toMatchObject({ code: 'request.not_found' });
    const h2c = 'Upgrade: h2c\r\nConnection: Upgrade, close';
    const plain = await exchange(api.port, `GET /healthz HTTP/1.1\r\nHost: x\r\n${h2c}\r\n\r\n`);
    expect(plain).toContain('HTTP/1.1 200');
  });

  it('drops for a slow client what its socket has no room for, and tells how much', async () => {
    await using api = await runApi();
    const { socket, messages } = open(api, 'admin');
    await once(socket, 'open');
    await until(() => api.live.watchers.size === 1);
    socket.pause();
    const batch = Array.from({ length: 10_000 }, () => reading('station', 'x'.repeat(200)));
    let emitted = 0;
    for (let i = 0; i < 40; i += 1) {
      api.live.emit(batch);
      emitted += batch.length;
      await sleep(1);
    }
    socket.resume();
    const kept = () => messages.reduce((sum, { readings }) => sum + readings.length, 0);
    const dropped = () => messages.reduce((sum, message) => sum + message.dropped, 0);
    const last = () => messages.at(-1)?.readings[0]?.value;
    while (last() !== 'end') {
      api.live.emit([reading('station', 'end')]);
      emitted += 1;
      await sleep(20);
    }
    await until(() => kept() + dropped() === emitted);
    expect(dropped()).toBeGreaterThan(batch.length);
    expect(kept()).toBeGreaterThan(1_000);
  });

  it('closes on revocation, on expiry, and when the server stops, each with its reason', async () => {
    const clock = new ManualClock();
    const api = await runApi({ clock });
    const expiresAt = clock.now() + 1_000;
    api.security.principals.set('short', { kind: 'user', id: 'ann', role: 'viewer', expiresAt });
    const [device, short, admin] = ['station', 'short', 'admin'].map((token) => open(api, token).socket);
    if (device === undefined || short === undefined || admin === undefined) throw new Error('three sockets');
    await Promise.all([device, short, admin].map((socket) => once(socket, 'open')));
    await until(() => api.live.watchers.size === 3);
    const ends = Promise.all([device, short, admin].map(closeCode));
    api.security.end({ kind: 'device', id: 'station' as DeviceId });
    clock.advance(1_000);
    await until(() => api.live.watchers.size === 1);
    await api.server.stop();
    expect(await ends).toEqual([
      [1008, 'auth.invalid'],
      [1008, 'auth.expired'],
      [1001, 'server.stopping'],
    ]);
  });

  it('cuts a client that does not answer the end of its rights', async () => {
    await using api = await runApi();
    const { socket } = open(api, 'station');
    await once(socket, 'open');
    await until(() => api.live.watchers.size === 1);
    socket.pause();
    api.security.end({ kind: 'device', id: 'station' as DeviceId });
    await until(() => api.live.watchers.size === 0);
  });

  it('refuses large messages from a client', async () => {
    await using api = await runApi();
    const { socket } = open(api, 'admin');
    await once(socket, 'open');
    socket.on('error', () => undefined);
    socket.send('x'.repeat(LIVE_INCOMING_MAX_BYTES + 1));
    await once(socket, 'close');
    expect((await fetch(`${api.url}/healthz`)).status).toBe(200);
  });
});
