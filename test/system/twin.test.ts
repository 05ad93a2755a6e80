/** Twins of real MQTT clients of the real process: wishes reach devices, reports reach people, nothing is lost. */
import { join } from 'node:path';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Twin } from '../../src/model/twin.ts';
import { sensorium } from '../support/command-line.ts';
import { Server, temporaryDirectory, until } from '../support/server.ts';

const directory = temporaryDirectory();
const dataDir = join(directory.path, 'data');
const tokens = new Map<string, string>();
let server: Server;

beforeAll(async () => {
  server = await Server.start({ dataDir });
  for (const id of ['lamp', 'kept', 'gw', 'web'])
    tokens.set(id, await server.addDevice({ id, gateway: id === 'gw' }));
  await server.addDevice({ id: 'leaf', parent: 'gw' });
}, 60_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

interface Device {
  readonly client: MqttClient;
  readonly heard: { readonly version: number; readonly desired: Record<string, unknown> }[];
}

async function device(id: string, filter: string, more: IClientOptions = {}): Promise<Device> {
  const who = { username: id, password: tokens.get(id) ?? '', clientId: id, reconnectPeriod: 0 };
  const client = await connectAsync(server.mqtt, { ...who, ...more });
  client.on('error', () => undefined);
  const heard: Device['heard'] = [];
  client.on('message', (_topic, payload) => void heard.push(JSON.parse(payload.toString())));
  if (filter !== '') await client.subscribeAsync(filter, { qos: 1 });
  return { client, heard };
}

const twin = (id: string): Promise<Twin> => server.get<Twin>(`/api/v1/devices/${id}/twin`);
const wish = (id: string, desired: object, headers: Record<string, string> = {}): Promise<Response> =>
  server.api('PATCH', `/api/v1/devices/${id}/twin`, { desired }, headers);
const hears = ({ heard }: Device, count: number): Promise<unknown> =>
  until(`${count} messages`, async () => (heard.length >= count ? true : undefined));

describe('the twin of a real device', () => {
  it('hears at once what is desired, reports it, and is done', async () => {
    const lamp = await device('lamp', 'v1/lamp/twin/desired');
    const wished = await wish('lamp', { interval: 10, net: { channel: 6 } });
    expect([wished.status, wished.headers.get('etag')]).toEqual([200, '"1.0"']);
    await hears(lamp, 1);
    expect(lamp.heard).toEqual([{ version: 1, desired: { interval: 10, net: { channel: 6 } } }]);
    await lamp.client.publishAsync('v1/lamp/twin/reported', '{"interval":10,"rssi":-60}', { qos: 1 });
    // Acknowledged is in the twin.
    expect(await twin('lamp')).toMatchObject({
      reported: { version: 1, properties: { interval: 10, rssi: -60 } },
      delta: { net: { channel: 6 } },
    });
    await lamp.client.publishAsync('v1/lamp/twin/reported', '{"net":{"channel":6}}', { qos: 2 });
    expect((await twin('lamp')).delta).toBeUndefined();
    const conflict = await wish('lamp', { interval: 20 }, { 'if-match': '"0.0"' });
    expect([conflict.status, await conflict.json()]).toMatchObject([412, { code: 'twin.version_conflict' }]);
    await lamp.client.endAsync();
  });

  it('hears when it comes back what was desired meanwhile, over kill -9, until it has reported it', async () => {
    expect((await wish('lamp', { interval: 20 })).status).toBe(200);
    await server.stop('SIGKILL');
    server = await Server.start({ dataDir });
    for (let time = 1; time <= 2; time += 1) {
      const lamp = await device('lamp', 'v1/lamp/twin/#');
      await hears(lamp, 1);
      expect(lamp.heard[0]).toEqual({ version: 2, desired: { interval: 20 } });
      await lamp.client.endAsync();
    }
    const lamp = await device('lamp', '');
    await lamp.client.publishAsync('v1/lamp/twin/reported', '{"interval":20}', { qos: 1 });
    await lamp.client.endAsync();
    const done = await device('lamp', 'v1/lamp/twin/#');
    await wish('lamp', { last: true });
    await hears(done, 1);
    expect(done.heard).toEqual([{ version: 3, desired: { last: true } }]);
    await done.client.endAsync();
  }, 60_000);

  it('hears in a session that it comes back to, without subscribing again', async () => {
    const first = await device('kept', 'v1/kept/twin/desired', { clean: false });
    await first.client.endAsync();
    await wish('kept', { a: 1 });
    const back = await device('kept', '', { clean: false });
    await hears(back, 1);
    expect(back.heard[0]).toEqual({ version: 1, desired: { a: 1 } });
    await back.client.endAsync();
  });

  it('is told of through its gateway', async () => {
    await wish('leaf', { a: 1 });
    const gw = await device('gw', 'v1/gw/children/+/twin/desired');
    await hears(gw, 1);
    await gw.client.publishAsync('v1/gw/children/leaf/twin/reported', '{"a":1}', { qos: 1 });
    expect((await twin('leaf')).reported.metadata).toMatchObject({ '/a': { by: 'device:gw' } });
    await gw.client.endAsync();
  });

  it('is read, wished and reported over HTTP and on the command line', async () => {
    const set = await sensorium(server, 'twin', 'set', 'web', 'interval=5', 'on=true', '--json');
    expect(JSON.parse(set.stdout)).toMatchObject({ desired: { version: 1 }, delta: { interval: 5 } });
    const authorization = `Bearer ${tokens.get('web')}`;
    const own = await server.api(
      'PATCH',
      '/api/v1/devices/web/twin/reported',
      { interval: 5 },
      { authorization },
    );
    expect(await own.json()).toMatchObject({ delta: { on: true } });
    const desired = { desired: { interval: 1 } };
    const refused = await server.api('PATCH', '/api/v1/devices/web/twin', desired, { authorization });
    expect(refused.status).toBe(403);
    const { stdout } = await sensorium(server, 'twin', 'get', 'web');
    expect(stdout).toContain('to do     {"on":true}');
    const history = await sensorium(server, 'twin', 'history', 'web');
    expect(history.stdout).toMatch(/1 .*user:local +\{"interval":5,"on":true\}/);
  });
});
