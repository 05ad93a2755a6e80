/** Everything a careless or hostile sender does: a stable code, the process stays up, the neighbours notice nothing. */
import { connect } from 'node:net';
import mqtt from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Server, temporaryDirectory, until } from '../support/server.ts';

let server: Server;
let token: string;
const directory = temporaryDirectory();

beforeAll(async () => {
  server = await Server.start({ dataDir: directory.path });
  token = await server.addDevice({ id: 'd1' });
});

afterAll(async () => {
  await server.stop();
  directory[Symbol.dispose]();
});

async function ingest(
  body: string | Uint8Array,
  type = 'application/json',
  device = 'd1',
  bearer = token,
): Promise<Response> {
  const headers = { authorization: `Bearer ${bearer}`, 'content-type': type };
  return await fetch(`${server.http}/api/v1/devices/${device}/telemetry`, { method: 'POST', headers, body });
}

/** Publishes at QoS 1 and waits for the acknowledgement. */
async function publish(payload: string | Buffer): Promise<void> {
  const client = await mqtt.connectAsync(server.mqtt, { username: 'd1', password: token, clientId: 'd1' });
  await client.publishAsync('v1/d1/telemetry', payload, { qos: 1 });
  await client.endAsync();
}

const quarantined = async (code: string): Promise<unknown> =>
  await until(`a quarantined packet with ${code}`, async () => {
    const { items } = await server.get<{ items: { code: string }[] }>('/api/v1/quarantine?device=d1');
    return items.find((item) => item.code === code);
  });

describe('over MQTT', () => {
  it.each([
    ['text that is no JSON', 'temperature is fine', 'payload.not_json'],
    ['a number as a string, after numbers', '{"temperature":"21.5"}', 'reading.type'],
    ['NaN', '{"temperature":NaN}', 'payload.not_json'],
    ['infinity', '{"temperature":1e999}', 'reading.not_finite'],
    [
      'a far future',
      `{"ts":${Date.now() + 50 * 365 * 86_400_000},"values":{"temperature":1}}`,
      'reading.future',
    ],
    ['an unset clock', '{"ts":12,"values":{"temperature":1}}', 'reading.timestamp'],
    ['__proto__ as a metric', '{"__proto__":1}', 'reading.reserved_name'],
    ['nothing', '', 'payload.empty'],
    ['a nested object', '{"temperature":{"value":1}}', 'reading.type'],
  ])('quarantines %s with its code', async (_what, payload, code) => {
    await publish('{"temperature":20}');
    await publish(payload);
    expect(await quarantined(code)).toMatchObject({ device: 'd1', topic: 'v1/d1/telemetry' });
  });

  it('leaves prototypes alone', async () => {
    await publish('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}');
    const answer = await server.get<Record<string, unknown>>('/api/v1/devices/d1');
    expect(answer['polluted']).toBeUndefined();
  });

  it.each([
    ['a wrong token', { username: 'd1', password: 'wrong' }],
    ['an unknown device', { username: 'nobody', password: 'wrong' }],
    ['no credentials', {}],
  ])('refuses %s', async (_what, credentials) => {
    const attempt = mqtt.connectAsync(server.mqtt, { ...credentials, reconnectPeriod: 0, clientId: 'x' });
    await expect(attempt).rejects.toMatchObject({ code: expect.toBeOneOf([4, 5]) });
  });

  it.each([
    ['garbage', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a packet before CONNECT', Buffer.from([0xc0, 0x00])],
    ['a length without end', Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff, 0xff])],
    [
      'a packet of 10 MB',
      Buffer.concat([Buffer.from([0x10, 0x80, 0x80, 0x80, 0x05]), Buffer.alloc(200_000)]),
    ],
  ])('closes the connection on %s', async (_what, bytes) => {
    const socket = connect(server.mqttPort, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(bytes);
    socket.resume();
    await new Promise((done) => socket.once('close', done));
  });

  it('closes the connection of a device that publishes for another', async () => {
    await server.addDevice({ id: 'victim' });
    const client = await mqtt.connectAsync(server.mqtt, {
      username: 'd1',
      password: token,
      clientId: 'd1',
      reconnectPeriod: 0,
    });
    const closed = new Promise((done) => client.once('close', () => done(true)));
    client.publish('v1/victim/telemetry', '{"temperature":99}', { qos: 1 }, () => undefined);
    expect(await closed).toBe(true);
    client.end(true);
    await server.settled();
    const { readings } = await server.get<{ readings: unknown[] }>('/api/v1/devices/victim/telemetry');
    expect(readings).toEqual([]);
  });
});

describe('over HTTP', () => {
  it.each([
    ['no JSON', 'temperature is fine', 'application/json', 400, 'payload.not_json'],
    ['an unknown type', '<a/>', 'application/xml', 415, 'payload.unsupported_type'],
    ['nothing', '', 'application/json', 400, 'payload.empty'],
    ['10 MB', `{"a":"${'x'.repeat(10_000_000)}"}`, 'application/json', 413, 'payload.too_large'],
    ['broken CBOR', new Uint8Array([0x9f, 0xff, 0x00]), 'application/senml+cbor', 400, 'payload.not_'],
  ])('answers %s with a problem document', async (_what, body, type, status, code) => {
    const response = await ingest(body, type);
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    const problem = (await response.json()) as { code: string; cure: string };
    expect(problem.code).toContain(code);
    expect(problem.cure).not.toBe('');
  });

  it('takes the good items of a batch and names the bad ones', async () => {
    const lines = [
      '{"temperature":20}',
      'oops',
      '{"temperature":1e999}',
      '{"__proto__":1}',
      '{"temperature":21}',
    ];
    const response = await ingest(lines.join('\n'), 'application/x-ndjson');
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      accepted: 2,
      rejected: [
        { index: 1, code: 'payload.not_json' },
        { index: 2, code: 'reading.not_finite' },
        { index: 3, code: 'reading.reserved_name' },
      ],
    });
  });

  it('knows strangers from devices, and devices from each other', async () => {
    expect((await ingest('{"a":1}', 'application/json', 'd1', 'wrong')).status).toBe(401);
    expect((await ingest('{"a":1}', 'application/json', 'nobody')).status).toBeOneOf([403, 404]);
    await server.addDevice({ id: 'd2' });
    expect((await ingest('{"a":1}', 'application/json', 'd2')).status).toBe(403);
    expect((await fetch(`${server.http}/api/v1/devices`)).status).toBe(401);
    expect((await fetch(`${server.http}/metrics`)).status).toBe(401);
  });
});

it('is up and ready after all of that', async () => {
  const response = await fetch(`${server.http}/readyz`);
  expect(response.status).toBe(200);
  const totals = await server.settled();
  expect(totals.packets).toBe(totals.stored + totals.forwarded + totals.quarantined);
});
