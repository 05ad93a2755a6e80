/** Commands to real MQTT clients, through the real process: answered, late, lost, over kill -9. */
import { join } from 'node:path';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Command } from '../../src/model/commands.ts';
import { sensorium } from '../support/command-line.ts';
import { Server, temporaryDirectory, until } from '../support/server.ts';

const directory = temporaryDirectory();
const dataDir = join(directory.path, 'data');
let server: Server;
const tokens = new Map<string, string>();

beforeAll(async () => {
  server = await Server.start({ dataDir });
  const level = { type: 'integer', minimum: 0, maximum: 9 };
  const dim = { arguments: { type: 'object', properties: { level }, required: ['level'] }, timeout: '2s' };
  await server.api('POST', '/api/v1/profiles', {
    id: 'dimmer',
    version: 1,
    metrics: {},
    commands: { dim, reboot: { delivery: 'at-most-once' } },
  });
  for (const input of [{ id: 'lamp', profile: 'dimmer' }, { id: 'five' }, { id: 'gw', gateway: true }])
    tokens.set(input.id, await server.addDevice(input));
  await server.addDevice({ id: 'leaf', parent: 'gw' });
}, 40_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

type Heard = readonly (readonly [topic: string, payload: string])[];

/** A device that answers every command with what it was given. */
async function device(
  id: string,
  filter = `v1/${id}/commands/#`,
  more: IClientOptions = {},
): Promise<{ readonly client: MqttClient; readonly heard: Heard }> {
  const who = { username: id, password: tokens.get(id) ?? '', clientId: `${id}/1`, reconnectPeriod: 0 };
  const client = await connectAsync(server.mqtt, { ...who, ...more });
  const heard: [string, string][] = [];
  client.on('message', (topic, payload, { properties }) => {
    heard.push([topic, payload.toString()]);
    const request = topic.split('/').at(-1) ?? '';
    const own = topic.replace(/\/commands\/.*$/, `/commands/${request}/reply`);
    client.publish(properties?.responseTopic ?? own, payload, {
      qos: 1,
      ...(properties?.correlationData === undefined
        ? {}
        : { properties: { correlationData: properties.correlationData } }),
    });
  });
  if (filter !== '') await client.subscribeAsync(filter, { qos: 1 });
  return { client, heard };
}

const send = async (path: string, body: object): Promise<Response> =>
  server.api('POST', `/api/v1/devices/${path}`, body);
const answer = async (response: Response): Promise<Command> => (await response.json()) as Command;

describe('commands to devices of the running server', () => {
  it('are answered within the call, by MQTT 3.1.1 and 5 (response topic)', async () => {
    const lamp = await device('lamp');
    const dimmed = await send('lamp/commands/dim', { arguments: { level: 3 } });
    expect(dimmed.status).toBe(200);
    const command = await answer(dimmed);
    expect(command).toMatchObject({ state: 'answered', result: { level: 3 }, attempts: 1, by: 'user:local' });
    expect(lamp.heard).toEqual([[`v1/lamp/commands/dim/${command.id}`, '{"level":3}']]);
    expect(await server.get(`/api/v1/commands/${command.id}`)).toEqual(command);
    const refused = await send('lamp/commands/dim', { arguments: { level: 10 } });
    expect([refused.status, await refused.json()]).toMatchObject([422, { code: 'command.arguments' }]);
    const unknown = await send('lamp/commands/fly', {});
    expect(unknown.status).toBe(404);
    const five = await device('five', undefined, { protocolVersion: 5 });
    expect(await answer(await send('five/commands/any', { arguments: { a: [1] } }))).toMatchObject({
      state: 'answered',
      result: { a: [1] },
    });
    await Promise.all([lamp.client.endAsync(), five.client.endAsync()]);
  });

  it('reach a child through its gateway', async () => {
    const gw = await device('gw', 'v1/gw/children/+/commands/#');
    const command = await answer(await send('leaf/commands/blink', {}));
    expect(command).toMatchObject({ state: 'answered', device: 'leaf' });
    expect(gw.heard).toEqual([[`v1/gw/children/leaf/commands/blink/${command.id}`, '{}']]);
    await gw.client.endAsync();
  });

  it('wait for a device that is away, over kill -9, and come to it once it subscribes', async () => {
    const waiting = await send('lamp/commands/dim?wait=0', { arguments: { level: 1 }, expiry: '1h' });
    expect(waiting.status).toBe(202);
    const once = await answer(await send('lamp/commands/reboot?wait=0', { expiry: '1h' }));
    const late = await answer(
      await send('lamp/commands/dim?wait=0', { arguments: { level: 2 }, expiry: '100ms' }),
    );
    await server.stop('SIGKILL');
    server = await Server.start({ dataDir });
    const lamp = await device('lamp');
    const location = waiting.headers.get('location') ?? '';
    expect(await server.get(`${location}?wait=10`)).toMatchObject({
      state: 'answered',
      result: { level: 1 },
    });
    expect(await server.get(`/api/v1/commands/${once.id}?wait=10`)).toMatchObject({ state: 'answered' });
    expect(await server.get(`/api/v1/commands/${late.id}?wait=10`)).toMatchObject({
      state: 'expired',
      reason: 'offline',
    });
    expect(lamp.heard.map(([, payload]) => payload).toSorted()).toEqual(['{"level":1}', '{}']);
    await lamp.client.endAsync();
  }, 40_000);

  it('come to a session that was kept, which does not subscribe again', async () => {
    const kept = { clean: false } as const;
    const first = await device('five', undefined, kept);
    await first.client.endAsync();
    const { id } = await answer(await send('five/commands/ring?wait=0', { expiry: '1h' }));
    const again = await device('five', '', kept);
    const command = await server.get<Command>(`/api/v1/commands/${id}?wait=10`);
    expect(command).toMatchObject({ state: 'answered', attempts: 1 });
    await again.client.endAsync();
  });

  it('that nobody answers are told by 504, events and the command line', async () => {
    const stop = new AbortController();
    const events = await fetch(`${server.http}/api/v1/events`, {
      signal: stop.signal,
      headers: { authorization: `Bearer ${server.token}`, accept: 'text/event-stream' },
    });
    let told = '';
    const reading = (async () => {
      for await (const chunk of events.body ?? []) told += Buffer.from(chunk as Uint8Array).toString();
    })().catch(() => undefined);
    const lost = await send('lamp/commands/dim', { arguments: { level: 1 }, expiry: '300ms' });
    expect([lost.status, await lost.json()]).toMatchObject([504, { code: 'command.expired' }]);
    await until('the event', async () => (told.includes('command.expired') ? true : undefined));
    const listed = await sensorium(server, 'command', 'list', 'lamp', '--json', '--limit', '1');
    expect(JSON.parse(listed.stdout)).toMatchObject({ commands: [{ state: 'expired', reason: 'offline' }] });
    const lamp = await device('lamp');
    const sent = await sensorium(server, 'command', 'send', 'lamp', 'dim', 'level=7');
    expect([sent.code, sent.stdout]).toEqual([0, expect.stringContaining('result    {"level":7}')]);
    await lamp.client.endAsync();
    stop.abort();
    await reading;
  }, 20_000);
});
