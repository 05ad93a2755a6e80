/** Who is connected, as the command line tells it, and `$SYS` as a user of MQTT reads it, in the real process. */
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClientDetail, ClientPage } from '../../src/model/ports/clients.ts';
import { sensorium } from '../support/command-line.ts';
import { Server, temporaryDirectory } from '../support/server.ts';

const directory = temporaryDirectory();
let server: Server;
let station: MqttClient;

beforeAll(async () => {
  server = await Server.start({ dataDir: join(directory.path, 'data') });
  const password = await server.addDevice({ id: 'station' });
  const properties = { sessionExpiryInterval: 600 };
  const who = { username: 'station', password, clientId: 'station/1' } as const;
  station = await connectAsync(server.mqtt, { ...who, protocolVersion: 5, properties, reconnectPeriod: 0 });
  await station.subscribeAsync('v1/station/commands/#', { qos: 1 });
}, 40_000);

afterAll(async () => {
  await station.endAsync(true);
  await server[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

describe('the clients of the running server', () => {
  it('are told under $SYS to users, not to devices', async () => {
    const password = await server.userToken('ada', 'viewer');
    const ada = await connectAsync(server.mqtt, { username: '@ada', password, protocolVersion: 5 });
    const told = new Promise<string>((done) =>
      ada.once('message', (topic, payload) => done(`${topic} ${payload.toString()}`)),
    );
    await ada.subscribeAsync('$SYS/broker/clients/connected');
    expect(await told).toBe('$SYS/broker/clients/connected 2');
    await ada.endAsync();
    await expect(station.subscribeAsync('$SYS/#')).rejects.toThrow(/authorized/i);
  });

  it('are listed, shown, disconnected, and forgotten by the command line', async () => {
    const listed = await sensorium(server, 'clients', 'list', '--text', 'STATION', '--json');
    const [client] = (JSON.parse(listed.stdout) as ClientPage).clients;
    expect(client).toMatchObject({ clientId: 'station/1', connected: true, subscriptionCount: 1 });
    const id = String(client?.id);
    const shown = JSON.parse(
      (await sensorium(server, 'clients', 'show', id, '--json')).stdout,
    ) as ClientDetail;
    expect(shown.subscriptions).toMatchObject([{ filter: 'v1/station/commands/#', qos: 1 }]);
    const told = new Promise<number | undefined>((done) =>
      station.once('disconnect', ({ reasonCode }) => done(reasonCode)),
    );
    const { code } = await sensorium(server, 'clients', 'disconnect', id);
    expect([code, await told]).toEqual([0, 0x98]);
    expect(await server.get(`/api/v1/clients/${id}`)).toMatchObject({
      connected: false,
      sessionExpiryS: 600,
    });
    await sensorium(server, 'clients', 'disconnect', '--end', id);
    const gone = await sensorium(server, 'clients', 'show', id);
    expect([gone.code, gone.stderr]).toEqual([1, expect.stringContaining('client.unknown')]);
  });
});
