/** MQTT over WebSockets in the real process: every way in, beside the live feed, with a client people use. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Server, temporaryDirectory, until } from '../support/server.ts';

const directory = temporaryDirectory();
const clients: MqttClient[] = [];
let server: Server;
let token: string;

beforeAll(async () => {
  const flags = ['--ws-port=0', '--wss-port=0', '--wss-host=127.0.0.1'];
  server = await Server.start({ dataDir: join(directory.path, 'data'), flags });
  token = await server.addDevice({ id: 'station' });
}, 40_000);

afterAll(async () => {
  await Promise.all(clients.map((client) => client.endAsync(true)));
  await server[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

/** As the ready line says. */
const address = (name: 'ws' | 'wss'): string => new RegExp(` ${name}=(\\S+)`).exec(server.stdout)?.[1] ?? '';

async function dial(url: string, options: IClientOptions = {}): Promise<MqttClient> {
  const credentials = { username: 'station', password: token };
  const client = await connectAsync(url, { ...credentials, reconnectPeriod: 0, ...options });
  clients.push(client);
  return client;
}

describe('MQTT over WebSockets', () => {
  it('is told in the ready line, before the data directory', () => {
    expect(server.stdout).toMatch(
      / mqtts=\S+ ws=ws:\/\/127\.0\.0\.1:\d+ wss=wss:\/\/127\.0\.0\.1:\d+ data=\S+\n$/,
    );
  });

  it.each(['/mqtt', 'ws', 'wss'] as const)('publishes and subscribes through %s', async (way) => {
    const url = way === '/mqtt' ? `${server.http.replace('http', 'ws')}/mqtt` : address(way);
    const ca = readFileSync(join(server.dataDir, 'keys/ca.crt'));
    for (const protocolVersion of [4, 5] as const) {
      const clientId = `${way}-${protocolVersion}`;
      const client = await dial(url, { protocolVersion, clientId, ...(way === 'wss' ? { ca } : {}) });
      const received = new Promise<Buffer>(
        (done) => void client.on('message', (_topic, payload) => done(payload)),
      );
      await client.subscribeAsync('v1/station/twin/+', { qos: 1 });
      await client.publishAsync('v1/station/twin/reported', clientId, { qos: 1 });
      expect(String(await received)).toBe(clientId);
      await client.endAsync();
    }
  });

  it('refuses a wrong password with the words of MQTT', async () => {
    const url = `${server.http.replace('http', 'ws')}/mqtt`;
    await expect(dial(url, { password: 'wrong' })).rejects.toThrow(/[Nn]ot authorized|Bad username/);
  });

  it('shows on the live feed of the same listener what it stored', async () => {
    const live = new WebSocket(`${server.http.replace('http', 'ws')}/api/v1/live`, {
      headers: { authorization: `Bearer ${server.token}` },
    });
    let seen = '';
    live.on('message', (data: Buffer) => {
      seen += data.toString();
    });
    await once(live, 'open');
    const client = await dial(`${server.http.replace('http', 'ws')}/mqtt`);
    await client.publishAsync('v1/station/telemetry', '{"temperature":21.5}', { qos: 1 });
    await until('the reading on the live feed', async () => (seen.includes('21.5') ? true : undefined));
    live.close();
    const { body } = await metrics();
    expect(body).toMatch(/iot_mqtt_connections\{listener="ws"\} 1\n/);
    expect(body).toMatch(/iot_mqtt_refused_connections_total\{reason="websocket"\} 0\n/);
  });

  it('stops with clients connected, in time and clean', async () => {
    const client = await dial(`${server.http.replace('http', 'ws')}/mqtt`);
    const closed = new Promise<void>((done) => void client.on('close', done));
    expect(await server.stop()).toMatchObject({ code: 0 });
    await closed;
  });
});

async function metrics(): Promise<{ readonly body: string }> {
  const response = await server.api('GET', '/metrics');
  return { body: await response.text() };
}
