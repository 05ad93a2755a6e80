/** Clients that others wrote, against the real server: what they believe the protocol to be must hold. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Endpoint,
  type Message,
  messagesOf,
  mosquittoPub,
  mosquittoRr,
  mosquittoSub,
  paho,
  subscribed,
  VERSIONS,
} from '../support/foreign-clients.ts';
import { Server, temporaryDirectory, until } from '../support/server.ts';

const directory = temporaryDirectory();
let server: Server;
let plain: Endpoint;
let secure: Endpoint;

beforeAll(async () => {
  const flags = ['--ws-port=0', '--wss-port=0', '--wss-host=127.0.0.1'];
  server = await Server.start({ dataDir: directory.path, flags });
  const account = { username: '@people', password: await server.userToken('people', 'operator') };
  plain = { port: server.mqttPort, ...account };
  const ca = join(directory.path, 'keys/ca.crt');
  secure = { port: Number(new URL(server.mqtts).port), ca, ...account };
});

afterAll(async () => {
  await server.stop();
  directory[Symbol.dispose]();
});

const said = ({ topic, qos, retain, payload }: Message): unknown => [topic, qos, retain, payload];

/** Publishes with mosquitto_pub and expects it to be content. */
async function published(
  to: Endpoint,
  version: (typeof VERSIONS)[number],
  ...words: string[]
): Promise<void> {
  expect(await mosquittoPub(to, version, ...words)).toMatchObject({ code: 0, stderr: '' });
}

describe.each(VERSIONS)('Mosquitto clients, %s', (version) => {
  it.each([
    ['TCP', () => plain],
    ['TLS with the certificate of the installation', () => secure],
  ])('publish and subscribe at every QoS over %s', async (_what, endpoint) => {
    const to = endpoint();
    const topic = `a/${version}/${to.port}`;
    await using sub = await subscribed(to, version, '-t', `${topic}/#`, '-q', '2', '-C', '3');
    for (const qos of ['0', '1', '2']) {
      await published(to, version, '-t', `${topic}/q${qos}`, '-q', qos, '-m', `message ${qos}`);
    }
    expect((await messagesOf(sub)).map(said)).toEqual(
      [0, 1, 2].map((qos) => [`${topic}/q${qos}`, qos, 0, `message ${qos}`]),
    );
  });

  it('get retained messages until they are cleared', async () => {
    const topic = `r/${version}`;
    await published(plain, version, '-t', topic, '-q', '1', '-r', '-m', 'kept');
    await using first = mosquittoSub(plain, version, '-t', 'r/+', '-t', topic, '-q', '1', '-C', '1');
    expect((await messagesOf(first)).map(said)).toEqual([[topic, 1, 1, 'kept']]);
    await published(plain, version, '-t', topic, '-q', '1', '-r', '-n');
    await using second = await subscribed(plain, version, '-t', topic, '-q', '1', '-C', '1');
    await published(plain, version, '-t', topic, '-q', '1', '-m', 'live');
    expect((await messagesOf(second)).map(said)).toEqual([[topic, 1, 0, 'live']]);
  });

  it('are spoken for by their will when they crash, and only then', async () => {
    const topic = `w/${version}`;
    const will = ['--will-topic', topic, '--will-payload', 'gone', '--will-qos', '1', '-t', 'w/none'];
    await using witness = await subscribed(plain, version, '-t', topic, '-q', '1', '-C', '2');
    expect(await mosquittoSub(plain, version, ...will, '-E').ended).toMatchObject({ code: 0 });
    await published(plain, version, '-t', topic, '-q', '1', '-m', 'the polite one has left');
    const crashing = await subscribed(plain, version, ...will);
    await crashing.crash();
    expect((await messagesOf(witness)).map(({ payload }) => payload)).toEqual([
      'the polite one has left',
      'gone',
    ]);
  });

  it('find in a kept session what they missed', async () => {
    const topic = `k/${version}`;
    const session = ['-c', '-i', `kept-${version}`, '-t', `${topic}/+`, '-q', '2'];
    expect(await mosquittoSub(plain, version, ...session, '-E').ended).toMatchObject({ code: 0 });
    for (const qos of ['1', '2', '1']) {
      await published(plain, version, '-t', `${topic}/q${qos}`, '-q', qos, '-m', `missed ${qos}`);
    }
    await using back = mosquittoSub(plain, version, ...session, '-C', '3');
    const seen = (await messagesOf(back)).map(said);
    // A client is given a message of QoS 2 when it is released, after what came behind it at QoS 1.
    expect(seen).toHaveLength(3);
    expect(seen).toEqual(
      expect.arrayContaining([1, 2].map((qos) => [`${topic}/q${qos}`, qos, 0, `missed ${qos}`])),
    );
  });

  it('send a large payload unharmed', async () => {
    const topic = `l/${version}`;
    const payload = 'x'.repeat(100_000);
    await using sub = await subscribed(plain, version, '-t', topic, '-q', '1', '-C', '1');
    await published(plain, version, '-t', topic, '-q', '1', '-m', payload);
    expect((await messagesOf(sub))[0]?.payload).toBe(payload);
  });

  it('are told that a password is wrong', async () => {
    const stranger = { ...plain, password: 'wrong' };
    const { code, stderr } = await mosquittoPub(stranger, version, '-t', 'a', '-m', 'b');
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/user name or password/i);
  });

  it('deliver telemetry of a device into history', async () => {
    const id = `device-${version}`;
    const device = { port: plain.port, username: id, password: await server.addDevice({ id }) };
    await published(device, version, '-i', id, '-t', `v1/${id}/telemetry`, '-q', '2', '-m', '{"t":21.5}');
    await server.settled();
    expect(await server.get(`/api/v1/devices/${id}/latest`)).toMatchObject({
      readings: [{ metric: 't', value: 21.5 }],
    });
  });
});

describe('Mosquitto clients, what only MQTT 5 has', () => {
  it('carries the properties of a message', async () => {
    const properties = {
      'payload-format-indicator': ['1'],
      'content-type': ['text/plain'],
      'response-topic': ['p/answer'],
      'correlation-data': ['c-1'],
      'user-property': ['color', 'red'],
      'message-expiry-interval': ['100'],
    };
    const words = Object.entries(properties).flatMap(([name, value]) => ['-D', 'publish', name, ...value]);
    const numbered = ['-D', 'subscribe', 'subscription-identifier', '42'];
    await using sub = await subscribed(plain, 'mqttv5', '-t', 'p/+', '-q', '1', '-C', '1', ...numbered);
    await published(plain, 'mqttv5', '-t', 'p/x', '-q', '1', '-m', 'hello', ...words);
    const [message] = await messagesOf(sub);
    expect(message).toMatchObject({
      payload: 'hello',
      properties: {
        'payload-format-indicator': 1,
        'content-type': 'text/plain',
        'response-topic': 'p/answer',
        'correlation-data': 'c-1',
        'user-properties': { color: 'red' },
        'subscription-identifier': 42,
      },
    });
    const left = message?.properties?.['message-expiry-interval'];
    expect([99, 100]).toContain(left);
  });

  it('drops what expired while its receiver was away', async () => {
    const session = ['-c', '-x', '60', '-i', 'expiry', '-t', 'e', '-q', '1'];
    await mosquittoSub(plain, 'mqttv5', ...session, '-E').ended;
    const expiry = ['-D', 'publish', 'message-expiry-interval'];
    await published(plain, 'mqttv5', '-t', 'e', '-q', '1', '-m', 'short', ...expiry, '1');
    await published(plain, 'mqttv5', '-t', 'e', '-q', '1', '-m', 'long', ...expiry, '100');
    const from = Date.now();
    await until('the message to expire', async () => (Date.now() - from > 1_100 ? true : undefined));
    await using back = mosquittoSub(plain, 'mqttv5', ...session, '-C', '1');
    expect((await messagesOf(back)).map(({ payload }) => payload)).toEqual(['long']);
  });

  it('shares a subscription among its members', async () => {
    const words = ['-t', '$share/team/s/#', '-q', '1', '-C', '5'];
    await using one = await subscribed(plain, 'mqttv5', ...words);
    await using two = await subscribed(plain, 'mqttv5', ...words);
    const client = await mqtt.connectAsync(server.mqtt, { ...account(), protocolVersion: 5 });
    for (let index = 0; index < 10; index += 1) {
      await client.publishAsync('s/x', String(index), { qos: 1 });
    }
    await client.endAsync();
    const all = [...(await messagesOf(one)), ...(await messagesOf(two))].map(({ payload }) =>
      Number(payload),
    );
    expect(all.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 10 }, (_, index) => index));
  });

  it('answers a request of mosquitto_rr', async () => {
    const responder = await mqtt.connectAsync(server.mqtt, { ...account(), protocolVersion: 5 });
    responder.on('message', (_topic, payload, { properties }) => {
      const correlationData = properties?.correlationData;
      const echo = correlationData === undefined ? {} : { properties: { correlationData } };
      responder.publish(properties?.responseTopic ?? 'lost', `${payload.toString()} and pong`, {
        qos: 1,
        ...echo,
      });
    });
    await responder.subscribeAsync('rr/ask', { qos: 1 });
    const answer = await mosquittoRr(plain, '-t', 'rr/ask', '-e', 'rr/answer', '-q', '1', '-m', 'ping');
    await responder.endAsync();
    expect(answer).toMatchObject({ code: 0, stdout: 'ping and pong\n' });
  });
});

const account = (): IClientOptions => ({ username: plain.username, password: plain.password });

/** What the ready line says of a listener. */
const announced = (name: string): string => new RegExp(` ${name}=(\\S+)`).exec(server.stdout)?.[1] ?? '';

const sessionPresent = async (client: MqttClient): Promise<boolean> =>
  await new Promise((done, fail) => {
    client.once('connect', (connack) => done(connack.sessionPresent));
    client.once('error', fail);
  });

const TRANSPORTS: Readonly<Record<string, () => string>> = {
  tcp: () => server.mqtt,
  tls: () => server.mqtts,
  ws: () => announced('ws'),
  wss: () => announced('wss'),
  'the HTTP listener': () => `${server.http.replace('http:', 'ws:')}/mqtt`,
};

const PROTOCOLS: Readonly<Record<string, IClientOptions>> = {
  '3.1': { protocolId: 'MQIsdp', protocolVersion: 3 },
  '3.1.1': { protocolVersion: 4 },
  '5': { protocolVersion: 5 },
};

describe.each(Object.keys(TRANSPORTS))('mqtt.js over %s', (transport) => {
  /** Not yet connected, so that nothing of what comes behind the CONNACK is missed. */
  const client = (more: IClientOptions): MqttClient => {
    const ca = readFileSync(secure.ca ?? '');
    const url = TRANSPORTS[transport]?.() ?? '';
    return mqtt.connect(url, { ...account(), ca, reconnectPeriod: 0, ...more });
  };

  it.each(Object.entries(PROTOCOLS))('speaks MQTT %s at every QoS', async (name, protocol) => {
    const topic = `js/${transport}/${name}`;
    const both = client({ ...protocol, clientId: `js-${transport}-${name}` });
    const seen: unknown[] = [];
    both.on('message', (_topic, payload, { qos, properties }) =>
      seen.push([payload.toString(), qos, properties?.userProperties?.['from']]),
    );
    await sessionPresent(both);
    await both.subscribeAsync(topic, { qos: 2 });
    const properties = name === '5' ? { properties: { userProperties: { from: 'js' } } } : {};
    for (const qos of [0, 1, 2] as const) await both.publishAsync(topic, `m${qos}`, { qos, ...properties });
    await until('three messages', async () => (seen.length === 3 ? true : undefined));
    await both.unsubscribeAsync(topic);
    await both.endAsync();
    const from = name === '5' ? 'js' : undefined;
    expect(seen).toEqual([
      ['m0', 0, from],
      ['m1', 1, from],
      ['m2', 2, from],
    ]);
  });

  it.each(Object.entries(PROTOCOLS))('keeps a session of MQTT %s', async (name, protocol) => {
    const topic = `jk/${transport}/${name}`;
    const expiry = name === '5' ? { properties: { sessionExpiryInterval: 60 } } : {};
    const kept = { ...protocol, ...expiry, clientId: `jk-${transport}-${name}`, clean: false };
    const first = client(kept);
    await sessionPresent(first);
    await first.subscribeAsync(topic, { qos: 2 });
    await first.endAsync();
    const publisher = client(protocol);
    for (const qos of [1, 2] as const) await publisher.publishAsync(topic, `m${qos}`, { qos });
    await publisher.endAsync();
    const seen: unknown[] = [];
    const second = client(kept);
    second.on('message', (_topic, payload, { qos }) => seen.push([payload.toString(), qos]));
    const present = await sessionPresent(second);
    await until('two messages', async () => (seen.length === 2 ? true : undefined));
    await second.endAsync();
    // 3.1 has no such flag [3.1, CONNACK: byte 1 is reserved].
    expect(present).toBe(name !== '3.1');
    expect(seen).toEqual([
      ['m1', 1],
      ['m2', 2],
    ]);
  });
});

describe.each([
  ['3.1.1', 4],
  ['5', 5],
] as const)('Paho for Python, MQTT %s', (_name, version) => {
  it.each([
    ['TCP', 'tcp', () => plain],
    ['TLS', 'tcp', () => secure],
    ['WebSocket', 'websockets', () => ({ ...plain, port: Number(new URL(announced('ws')).port) })],
  ] as const)('publishes, subscribes and keeps a session over %s', async (_what, transport, to) => {
    const user = version === 5 ? { user: [['from', 'paho']] } : {};
    expect(await paho(to(), version, transport)).toEqual({
      codes: [0, 0],
      present: [false, true],
      first: [
        { payload: 'kept', qos: 1, retain: true, ...user },
        ...[0, 1, 2].map((qos) => ({ payload: `live ${qos}`, qos, retain: false, ...user })),
      ],
      second: [1, 2].map((qos) => ({ payload: `missed ${qos}`, qos, retain: false, ...user })),
    });
  });
});
