/** Bridges to a real Mosquitto: what crosses, what must not come back, and what neither side's end may lose. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt';
import { describe, expect, it } from 'vitest';
import { BRIDGE_HOPS_MAX } from '../../src/base/limits.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { Server, temporaryDirectory, until } from '../support/server.ts';

interface Site extends AsyncDisposable {
  readonly mosquitto: Mosquitto;
  server: Server;
  /** Ours, killed and started again on the same data. */
  restart(): Promise<void>;
  /** A client of ours; messages go to `packets` from the first on. */
  here(options?: IClientOptions, packets?: IPublishPacket[]): Promise<MqttClient>;
}

const VERSIONS = ['5', '3.1.1'] as const;
const SENT = 1_000;

/** A Mosquitto, and a server with bridges to it; `topics` as lines of YAML below each bridge. */
async function site(bridges: Readonly<Record<string, string>>, version: string): Promise<Site> {
  const directory = temporaryDirectory();
  const mosquitto = await Mosquitto.start(join(directory.path, 'mosquitto'));
  const tables = Object.entries(bridges).map(([name, topics]) =>
    [
      `  ${name}:`,
      `    url: mqtt://127.0.0.1:${mosquitto.port}`,
      `    version: ${version}`,
      '    topics:',
      topics,
    ].join('\n'),
  );
  writeFileSync(join(directory.path, 'sensorium.yaml'), `bridges:\n${tables.join('\n')}\n`);
  const options = { dataDir: join(directory.path, 'data'), cwd: directory.path };
  const start = async (): Promise<Server> => {
    const server = await Server.start(options);
    await connected(server, Object.keys(bridges).length);
    return server;
  };
  const self: Site = {
    mosquitto,
    server: await start(),
    async restart() {
      await self.server.stop('SIGKILL');
      self.server = await start();
    },
    async here(more = {}, packets = []) {
      const password = await self.server.userToken('tester', 'admin');
      const url = `mqtt://127.0.0.1:${self.server.mqttPort}`;
      const plain = { protocolVersion: 5, username: '@tester', password, reconnectPeriod: 0 } as const;
      const client = connect(url, { ...plain, ...more });
      client.on('message', (_topic, _payload, packet) => packets.push(packet));
      await new Promise((done) => client.once('connect', done));
      return client;
    },
    async [Symbol.asyncDispose]() {
      await self.server[Symbol.asyncDispose]();
      await mosquitto[Symbol.asyncDispose]();
      directory[Symbol.dispose]();
    },
  };
  return self;
}

async function metric(server: Server, name: string): Promise<number> {
  const text = await (await server.api('GET', '/metrics')).text();
  const lines = text.split('\n').filter((line) => line.startsWith(name));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

async function connected(server: Server, count: number): Promise<void> {
  await until(`${count} bridges to connect`, async () =>
    (await metric(server, 'iot_bridge_up')) === count ? true : undefined,
  ).catch((cause: unknown) => {
    throw new Error(`the server said: ${server.stderr}`, { cause });
  });
}

/** Everything that comes to a filter, in order. */
async function collect(client: MqttClient, filter: string): Promise<IPublishPacket[]> {
  const packets: IPublishPacket[] = [];
  client.on('message', (_topic, _payload, packet) => packets.push(packet));
  await client.subscribeAsync(filter, { qos: 1, rap: true });
  return packets;
}

const texts = (packets: readonly IPublishPacket[]): readonly string[] =>
  packets.map(({ topic, payload }) => `${topic}=${payload.toString()}`);

const arrived = async (packets: readonly IPublishPacket[], count: number): Promise<unknown> =>
  await until(`${count} messages`, async () => (new Set(texts(packets)).size >= count ? true : undefined));

/** Of repeated messages (QoS 1) the first counts: these came in order, and all of them. */
const firsts = (packets: readonly IPublishPacket[]): readonly string[] => [...new Set(texts(packets))];

const numbered = (topic: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => `${topic}=${i}`);

const ROWS = `      - { direction: out, filter: 'out/#', remotePrefix: 'plant1/' }
      - { direction: in, filter: '+/in', localPrefix: 'from/', remotePrefix: 'there/' }
      - { direction: both, filter: 'both/#' }`;

describe.each(VERSIONS)('a bridge to Mosquitto with MQTT %s', (version) => {
  it('maps topics both ways, keeps retain, and hears nothing of its own', async () => {
    await using ours = await site({ there: ROWS }, version);
    const here = await ours.here();
    const there = await ours.mosquitto.connect();
    const seenHere = await collect(here, '#');
    const seenThere = await collect(there, '#');
    await here.publishAsync('out/a/b', '1', { qos: 1, retain: true });
    await here.publishAsync('private', '2', { qos: 1 });
    await here.publishAsync('both/x', 'from here', { qos: 1 });
    await there.publishAsync('there/sensor/in', '3', { qos: 1 });
    await there.publishAsync('there/sensor/other', '4', { qos: 1 });
    await there.publishAsync('both/y', 'from there', { qos: 1 });
    await arrived(seenThere, 5);
    await arrived(seenHere, 5);
    // Whatever comes back would have come before these.
    await here.publishAsync('both/z', 'last', { qos: 1 });
    await there.publishAsync('both/z', 'last there', { qos: 1 });
    await until('the last', async () =>
      texts(seenHere).includes('both/z=last there') && texts(seenThere).includes('both/z=last')
        ? true
        : undefined,
    );
    const last = ['both/z=last', 'both/z=last there'];
    const crossing = ['both/x=from here', 'both/y=from there', ...last];
    expect(texts(seenHere).toSorted()).toEqual(
      ['from/sensor/in=3', 'out/a/b=1', 'private=2', ...crossing].toSorted(),
    );
    expect(texts(seenThere).toSorted()).toEqual(
      ['plant1/out/a/b=1', 'there/sensor/in=3', 'there/sensor/other=4', ...crossing].toSorted(),
    );
    expect(seenThere.find(({ topic }) => topic === 'plant1/out/a/b')?.retain).toBe(true);
    await Promise.all([here.endAsync(true), there.endAsync(true)]);
  }, 30_000);

  it('loses nothing and keeps the order while Mosquitto is stopped and started', async () => {
    await using ours = await site({ there: ROWS }, version);
    const kept = {
      clientId: 'kept',
      clean: false,
      properties: { sessionExpiryInterval: 600 },
      reconnectPeriod: 50,
    };
    const there = await ours.mosquitto.connect(kept);
    const seen = await collect(there, 'plant1/#');
    const here = await ours.here();
    const publish = async (from: number, to: number): Promise<void> => {
      for (let i = from; i < to; i += 1) await here.publishAsync('out/n', String(i), { qos: 1 });
    };
    await publish(0, 100);
    await arrived(seen, 50);
    await Promise.all([publish(100, 400), ours.mosquitto.stop()]);
    await publish(400, 700);
    await Promise.all([publish(700, SENT), ours.mosquitto.start()]);
    await arrived(seen, SENT);
    expect(firsts(seen)).toEqual(numbered('plant1/out/n', SENT));
    await Promise.all([there.endAsync(true), here.endAsync(true)]);
  }, 60_000);

  it('loses nothing either way when our server is killed', async () => {
    await using ours = await site({ there: ROWS }, version);
    const there = await ours.mosquitto.connect();
    const seenThere = await collect(there, 'plant1/#');
    const keeper = { clientId: 'keeper', clean: false, properties: { sessionExpiryInterval: 600 } };
    const before = await ours.here(keeper);
    await before.subscribeAsync('from/#', { qos: 1 });
    await before.endAsync(true);
    const here = await ours.here();
    const acknowledged: number[] = [];
    const outwards = Array.from({ length: SENT }, async (_, i) => {
      await here.publishAsync('out/n', String(i), { qos: 1 });
      acknowledged.push(i);
    });
    const inwards = Array.from({ length: SENT }, async (_, i) => {
      await there.publishAsync('there/n/in', String(i), { qos: 1 });
    });
    await until('the bridge to be busy', async () => (acknowledged.length > 100 ? true : undefined));
    await ours.restart();
    await here.endAsync(true);
    await Promise.allSettled(outwards);
    await Promise.all(inwards);
    const seenHere: IPublishPacket[] = [];
    const after = await ours.here(keeper, seenHere);
    await arrived(seenHere, SENT);
    await arrived(seenThere, acknowledged.length);
    expect(firsts(seenHere)).toEqual(numbered('from/n/in', SENT));
    expect(firsts(seenThere)).toEqual(
      numbered('plant1/out/n', Math.max(acknowledged.length, firsts(seenThere).length)),
    );
    await Promise.all([there.endAsync(true), after.endAsync(true)]);
  }, 60_000);
});

it('ends a message that goes round in a ring of bridges', async () => {
  const ring = "      - { direction: both, filter: 'ring/#' }";
  await using ours = await site({ left: ring, right: ring }, '5');
  const here = await ours.here();
  await here.publishAsync('ring/a', '1', { qos: 1 });
  // Each of the two sends it round in its own direction. The last crossing is counted when it is acknowledged, which
  // may be after what it caused was dropped.
  const counts = async (): Promise<readonly number[]> => [
    await metric(ours.server, 'iot_bridge_dropped_total{bridge'),
    await metric(ours.server, 'iot_bridge_forwarded_total'),
  ];
  const wanted = [2, 2 * BRIDGE_HOPS_MAX];
  await until('both ends', async () =>
    (await counts()).every((count, i) => count >= (wanted[i] ?? 0)) ? true : undefined,
  );
  expect(await counts()).toEqual(wanted);
  await here.endAsync(true);
});

it('says no to a section that is wrong, with its line', async () => {
  using directory = temporaryDirectory();
  const text = 'bridges:\n  there:\n    url: mqtt://user:secret@host\n    topics: []\n';
  writeFileSync(join(directory.path, 'sensorium.yaml'), text);
  const server = new Server({ dataDir: join(directory.path, 'data'), cwd: directory.path });
  expect((await server.exited).code).toBe(1);
  expect(server.stderr).toContain('sensorium.yaml:3: bridges.there.url cannot be');
});
