/** Presence of real MQTT clients of the real process: what is shown, what the events say, over a restart. */
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PlatformEvent } from '../../src/model/events.ts';
import type { Presence } from '../../src/model/presence.ts';
import { sensorium } from '../support/command-line.ts';
import { Server, temporaryDirectory, until } from '../support/server.ts';

const directory = temporaryDirectory();
const dataDir = join(directory.path, 'data');
const FLEET = Array.from({ length: 200 }, (_, i) => `fleet-${i}`);
const tokens = new Map<string, string>();
let server: Server;
let events: EventRecorder;

/** Listens to the event stream from the first moment on. */
class EventRecorder {
  readonly seen: PlatformEvent<'device.presence'>[] = [];
  readonly #ending = new AbortController();

  async start(from: Server): Promise<void> {
    const response = await fetch(`${from.http}/api/v1/events?type=device.presence`, {
      headers: { authorization: `Bearer ${from.token}` },
      signal: this.#ending.signal,
    });
    void this.#read(response).catch(() => undefined);
  }

  stop(): void {
    this.#ending.abort();
  }

  states(device: string): readonly string[] {
    return this.seen.filter(({ subject }) => subject === device).map(({ data }) => data.state);
  }

  async #read(response: Response): Promise<void> {
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk as Uint8Array).toString();
      const ends = text.lastIndexOf('\n') + 1;
      for (const line of text.slice(0, ends).split('\n'))
        if (line.startsWith('data: {"spec'))
          this.seen.push(JSON.parse(line.slice(6)) as (typeof this.seen)[0]);
      text = text.slice(ends);
    }
  }
}

beforeAll(async () => {
  server = await Server.start({ dataDir });
  for (const id of ['lamp', 'plug', 'web', 'meter', 'gw', ...FLEET])
    tokens.set(id, await server.addDevice({ id, gateway: id === 'gw' }));
  await server.addDevice({ id: 'leaf', parent: 'gw' });
  await server.api('PATCH', '/api/v1/devices/meter', {
    attributes: { presence: { every: '1h', sleeps: true } },
  });
  events = new EventRecorder();
  await events.start(server);
}, 60_000);

afterAll(async () => {
  events.stop();
  await server[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

async function client(id: string, keepalive = 60): Promise<MqttClient> {
  const who = { username: id, password: tokens.get(id) ?? '', clientId: id, reconnectPeriod: 0, keepalive };
  const made = await connectAsync(server.mqtt, who);
  made.on('error', () => undefined);
  return made;
}

const presence = (id: string): Promise<Presence> => server.get<Presence>(`/api/v1/devices/${id}/presence`);
const becomes = (id: string, expected: string): Promise<Presence> =>
  until(`${id} to be ${expected}`, async () => {
    const found = await presence(id);
    return `${found.state} ${found.reason}` === expected ? found : undefined;
  });
const report = (from: MqttClient, topic: string): Promise<unknown> =>
  from.publishAsync(topic, '{"t":1}', { qos: 1 });

describe('presence of real clients', () => {
  it('tells the way a connection ended', async () => {
    expect(await presence('lamp')).toMatchObject({ state: 'unknown', reason: 'never-seen' });
    const clean = await client('lamp');
    expect(await becomes('lamp', 'connected link')).toMatchObject({ transport: 'mqtt', connections: 1 });
    await report(clean, 'v1/lamp/telemetry');
    await becomes('lamp', 'reporting data');
    await clean.endAsync();
    await becomes('lamp', 'disconnected clean');
    const cut = await client('lamp');
    await becomes('lamp', 'connected link');
    cut.stream.destroy();
    await becomes('lamp', 'disconnected network');
    // It says nothing any more, and its socket stays open.
    const stuck = await client('lamp', 1);
    stuck.stream.pause();
    (stuck as unknown as { keepaliveManager?: { destroy(): void } }).keepaliveManager?.destroy();
    await becomes('lamp', 'disconnected keep-alive');
    stuck.stream.destroy();
    const told = ['connected', 'reporting', 'disconnected', 'connected', 'disconnected'];
    told.push('connected', 'disconnected');
    await until('the events', async () => events.states('lamp').length === told.length || undefined);
    expect(events.states('lamp')).toEqual(told);
  });

  it('has one connection after a take-over, and is blocked when its credentials end', async () => {
    const first = await client('plug');
    const second = await client('plug');
    expect((await becomes('plug', 'connected link')).connections).toBe(1);
    await server.api('DELETE', '/api/v1/devices/plug/credentials');
    await becomes('plug', 'blocked revoked');
    for (const each of [first, second]) each.end(true);
    await until('the events', async () => events.states('plug').at(-1) === 'blocked' || undefined);
    expect(events.states('plug')).toEqual(['connected', 'disconnected', 'connected', 'blocked']);
  });

  it('knows devices without a connection: over HTTP, behind a gateway, asleep', async () => {
    await fetch(`${server.http}/api/v1/devices/web/telemetry`, {
      method: 'POST',
      headers: { authorization: `Bearer ${tokens.get('web')}`, 'content-type': 'application/json' },
      body: '{"t":1}',
    });
    await becomes('web', 'reporting data');
    const gateway = await client('gw');
    await report(gateway, 'v1/gw/children/leaf/telemetry');
    await becomes('leaf', 'reporting data');
    await gateway.endAsync();
    await becomes('leaf', 'disconnected gateway');
    await (await client('meter')).endAsync();
    await becomes('meter', 'sleeping declared');
  });

  it('is right for each of many through a take-over storm and a restart, and says so', async () => {
    const [stay, leave, never] = [FLEET.slice(0, 120), FLEET.slice(120, 160), FLEET.slice(160)];
    const storm = [...stay, ...leave];
    await Promise.all(storm.map((id) => client(id)));
    await Promise.all(storm.map((id) => client(id)));
    const clients = await Promise.all(storm.map((id) => client(id)));
    await Promise.all(clients.slice(stay.length).map((each) => each.endAsync()));
    const expected = new Map([
      ...stay.map((id) => [id, 'connected link'] as const),
      ...leave.map((id) => [id, 'disconnected clean'] as const),
      ...never.map((id) => [id, 'unknown never-seen'] as const),
    ]);
    await allAre(expected);
    await until(
      'the events of all',
      async () =>
        storm.every((id) => events.states(id).at(-1) === expected.get(id)?.split(' ')[0]) || undefined,
    );

    await server.stop();
    server = await Server.start({ dataDir });
    const after = new EventRecorder();
    await after.start(server);
    await allAre(expected);
    expect((await presence(stay[0] ?? '')).confirmed).toBe(false);
    await Promise.all(stay.map((id) => client(id)));
    await until('all to be back', async () => (await presence(stay.at(-1) ?? '')).confirmed || undefined);
    await allAre(expected);
    // It was a restart of ours: nothing has happened to any device.
    expect(after.seen).toEqual([]);
    const { stdout } = await sensorium(server, 'devices', 'list', '--text', 'fleet-0');
    expect(stdout).toMatch(/fleet-0 .*connected/);
    after.stop();
  }, 60_000);
});

/** By the list of all devices. */
async function allAre(expected: ReadonlyMap<string, string>): Promise<void> {
  interface Listed {
    readonly id: string;
    readonly presence: Presence;
  }
  await until('all to be as they should', async () => {
    const { devices } = await server.get<{ devices: readonly Listed[] }>(
      '/api/v1/devices?text=fleet-&limit=1000',
    );
    const wrong = devices.filter(
      ({ id, presence: { state, reason } }) => `${state} ${reason}` !== expected.get(id),
    );
    return devices.length === expected.size && wrong.length === 0 ? true : undefined;
  });
}
