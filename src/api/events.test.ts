import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import { LIVE_QUEUE_MAX } from '../base/limits.ts';
import { bearer } from '../communication/http/test-support.ts';
import type { DeviceId } from '../model/ids.ts';
import { runApi } from './test-support.ts';

type Api = Awaited<ReturnType<typeof runApi>>;

interface Frame {
  readonly event: string;
  readonly data: { readonly data?: Record<string, unknown>; readonly code?: string; readonly count?: number };
}

/** An open stream: frames as they come, until the server ends it. */
async function listen(api: Api, token: string, query = '') {
  const response = await fetch(`${api.url}/api/v1/events${query}`, { headers: bearer(token) });
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  const reader = (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const more = async (): Promise<boolean> => {
    const { done, value } = await reader.read();
    text += value ?? '';
    return !done;
  };
  return {
    /** Reads on until so many frames are there. */
    frames: async (count: number): Promise<readonly Frame[]> => {
      while (parseFrames(text).length < count && (await more()));
      return parseFrames(text);
    },
    toEnd: async (): Promise<readonly Frame[]> => {
      while (await more());
      return parseFrames(text);
    },
    cancel: () => reader.cancel(),
  };
}

const parseFrames = (text: string): readonly Frame[] =>
  [...text.matchAll(/^event: (.*)\ndata: (.*)\n\n/gm)].map(([, event = '', data = '{}']) => ({
    event,
    data: JSON.parse(data) as Frame['data'],
  }));

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 300 && !condition(); tries += 1) await sleep(10);
  expect(condition()).toBe(true);
}

const received = (device: string, readings = 1) => ({ device, readings, fromMs: 0, toMs: 1 });

describe('the event stream', () => {
  it('carries CloudEvents under their type, filtered by type and device', async () => {
    await using api = await runApi();
    const all = await listen(api, 'admin');
    const some = await listen(api, 'admin', '?type=data.received,device.removed&device=station');
    api.events.emit('data.received', received('other'));
    api.events.emit('device.connected', { device: 'station', transport: 'mqtt', address: '::1' });
    api.events.emit('data.received', received('station', 7));
    const frames = await all.frames(3);
    expect(frames.map(({ event }) => event)).toEqual(['data.received', 'device.connected', 'data.received']);
    expect(frames[2]?.data).toMatchObject({
      specversion: '1.0',
      type: 'data.received',
      data: { readings: 7 },
    });
    expect(await some.frames(1)).toEqual([frames[2]]);
  });

  it('shows events about the installation only to those who may see it', async () => {
    await using api = await runApi();
    const viewer = await listen(api, 'viewer');
    const admin = await listen(api, 'admin');
    api.events.emit('security.denied', { subject: 'x', action: 'connect', resource: 'r', address: '::1' });
    api.events.emit('system.degraded', { part: 'data', reason: 'disk' });
    api.events.emit('data.received', received('station'));
    expect((await admin.frames(3)).map(({ event }) => event)).toEqual([
      'security.denied',
      'system.degraded',
      'data.received',
    ]);
    expect((await viewer.frames(1)).map(({ event }) => event)).toEqual(['data.received']);
  });

  it('shows a device itself and its children, and refuses it others', async () => {
    await using api = await runApi();
    const gateway = await listen(api, 'gw');
    for (const device of ['station', 'child', 'gw']) api.events.emit('data.received', received(device));
    const seen = (await gateway.frames(2)).map(({ data }) => data.data?.['device']);
    expect(seen).toEqual(['child', 'gw']);
    const foreign = await fetch(`${api.url}/api/v1/events?device=station`, { headers: bearer('gw') });
    expect(foreign.status).toBe(403);
  });

  it('names the types there are to one who asks for another', async () => {
    await using api = await runApi();
    const refused = await fetch(`${api.url}/api/v1/events?type=data.received,nope`, {
      headers: bearer('admin'),
    });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({
      errors: [{ field: 'query.type', allowed: expect.arrayContaining(['data.finding']) as unknown }],
    });
  });

  it('tells a slow client how many events it lost, and goes on', async () => {
    await using api = await runApi();
    const socket = connect(api.port, '127.0.0.1');
    socket.write('GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin\r\n\r\n');
    await until(() => api.events.subscribers === 1);
    const emitted = LIVE_QUEUE_MAX * 5;
    for (let i = 0; i < emitted; i += 1) api.events.emit('data.received', received('station', i));
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += String(chunk).replaceAll(/(^|\r\n)[0-9a-f]+\r\n/g, '');
    });
    const lost = () => Number(/event: lost\ndata: {"count":(\d+)}/.exec(text)?.[1] ?? 0);
    await until(() => lost() > 0);
    api.events.emit('data.received', received('station', 9_999_999));
    await until(() => text.includes('9999999'));
    const kept = text.match(/event: data.received/g)?.length ?? 0;
    expect(kept).toBeGreaterThanOrEqual(LIVE_QUEUE_MAX);
    expect(kept + lost()).toBe(emitted + 1);
    socket.destroy();
    await until(() => api.events.subscribers === 0);
  });

  it('ends when the credentials are revoked, and listens to the bus no longer than its clients', async () => {
    await using api = await runApi();
    const stream = await listen(api, 'station');
    const other = await listen(api, 'gw');
    api.security.end({ kind: 'device', id: 'station' as DeviceId });
    api.events.emit('data.received', received('station'));
    expect(await stream.toEnd()).toEqual([{ event: 'end', data: { code: 'auth.invalid' } }]);
    expect(api.events.subscribers).toBe(1);
    await other.cancel();
    await until(() => api.events.subscribers === 0);
    expect(api.security.revocationListeners).toBe(0);
  });

  it('ends when the token expires', async () => {
    const clock = new ManualClock();
    await using api = await runApi({ clock });
    const expiresAt = clock.now() + 60_000;
    api.security.principals.set('short', { kind: 'user', id: 'ann', role: 'viewer', expiresAt });
    const stream = await listen(api, 'short');
    clock.advance(60_000);
    expect(await stream.toEnd()).toEqual([{ event: 'end', data: { code: 'auth.expired' } }]);
  });

  it('ends when the server stops', async () => {
    const api = await runApi();
    const stream = await listen(api, 'admin');
    await api.server.stop();
    expect(await stream.toEnd()).toEqual([{ event: 'end', data: { code: 'server.stopping' } }]);
  });
});
