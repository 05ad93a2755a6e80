/** Input as it is in the field: a recorded data set, a fleet with its faults, and other projects' topics. */
import { join } from 'node:path';
import mqtt from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sensorium } from '../support/command-line.ts';
import { PROJECT, Server, temporaryDirectory, until } from '../support/server.ts';

const directory = temporaryDirectory();
let server: Server;

beforeAll(async () => {
  server = await Server.start({ dataDir: directory.path });
});

afterAll(async () => {
  await server.stop();
  directory[Symbol.dispose]();
});

describe('replay', () => {
  it('plays a real data set through MQTT as a device would, and history has each of its rows', async () => {
    const file = join(PROJECT, 'node_modules/vega-datasets/data/seattle-weather.csv');
    const before = await server.totals();
    const { code, stderr } = await sensorium(server, 'replay', file, '--device', 'station', '--speed', 'max');
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const totals = await server.settled();
    expect(totals.stored - before.stored).toBe(1_461);
    const count =
      '/api/v1/devices/station/telemetry?metric=temp_max&from=2012-01-01&to=2016-01-01&interval=1461d&agg=count';
    const { readings } = await server.get<{ readings: { value: number }[] }>(count);
    expect(readings.reduce((sum, { value }) => sum + value, 0)).toBe(1_461);
  });

  it('tells apart the two cities of weather.csv', async () => {
    const args = ['weather.csv', '--device-column', 'location', '--speed', 'max'];
    expect((await sensorium(server, 'replay', ...args)).code).toBe(0);
    await server.settled();
    const { devices } = await server.get<{ devices: { id: string }[] }>('/api/v1/devices');
    expect(devices.map(({ id }) => id)).toEqual(expect.arrayContaining(['Seattle', 'New_York']));
  });
});

describe('simulate', () => {
  it('counts what it sends, faults and all, and the server counts the same', async () => {
    const before = await server.settled();
    const fleet = ['--devices', '40', '--rate', '2000', '--messages', '4000', '--seed', '7'];
    const faults = ['--late', '0.03', '--duplicate', '0.02', '--malformed', '0.02'];
    const { code, stdout } = await sensorium(server, 'simulate', ...fleet, ...faults, '--json');
    expect(code).toBe(0);
    const sent = JSON.parse(stdout) as Record<
      'acked' | 'unacked' | 'malformed' | 'readings' | 'resent',
      number
    >;
    const after = await server.settled();
    expect(sent).toMatchObject({ acked: expect.any(Number), unacked: 0, resent: 0 });
    expect(sent.malformed).toBeGreaterThan(20);
    expect(after.packets - before.packets).toBe(sent.acked);
    expect(after.quarantined - before.quarantined).toBe(sent.malformed);
    expect(after.readings - before.readings).toBe(sent.readings);
  });
});

describe('topic presets', () => {
  /** Registers a device with its preset, publishes as it would, and answers the latest values of `device`. */
  async function published(
    input: { id: string; preset: string; gateway?: boolean },
    messages: readonly (readonly [topic: string, payload: unknown])[],
    device: string,
  ): Promise<Record<string, unknown>> {
    const token = await server.addDevice(input);
    const client = await mqtt.connectAsync(server.mqtt, {
      username: input.id,
      password: token,
      clientId: input.id,
    });
    for (const [topic, payload] of messages) {
      await client.publishAsync(topic, typeof payload === 'string' ? payload : JSON.stringify(payload), {
        qos: 1,
      });
    }
    await client.endAsync();
    await server.settled();
    const path = `/api/v1/devices/${encodeURIComponent(device)}/latest`;
    const { readings } = await until(`readings of ${device}`, async () => {
      const response = await server.api('GET', path);
      return response.ok
        ? ((await response.json()) as { readings: { metric: string; value: unknown }[] })
        : undefined;
    });
    return Object.fromEntries(readings.map(({ metric, value }) => [metric, value]));
  }

  it('reads Zigbee2MQTT, and registers the children of its bridge', async () => {
    const values = await published(
      { id: 'z2m', preset: 'zigbee2mqtt', gateway: true },
      [
        ['zigbee2mqtt/bridge/state', { state: 'online' }],
        [
          'zigbee2mqtt/kitchen/sensor',
          { temperature: 27.34, humidity: 44.72, battery: 97, linkquality: 110 },
        ],
      ],
      'kitchen.sensor',
    );
    expect(values).toMatchObject({ temperature: 27.34, humidity: 44.72, battery: 97, linkquality: 110 });
    expect(await server.get('/api/v1/devices/kitchen.sensor')).toMatchObject({
      parent: 'z2m',
      name: 'kitchen/sensor',
    });
  });

  it('reads Tasmota', async () => {
    const payload = {
      Time: '2026-01-01T12:00:00',
      AM2301: { Temperature: 24.6, Humidity: 58.2 },
      TempUnit: 'C',
    };
    const values = await published(
      { id: 'plug', preset: 'tasmota' },
      [['tele/plug/SENSOR', payload]],
      'plug',
    );
    expect(values).toMatchObject({ 'AM2301.Temperature': 24.6, 'AM2301.Humidity': 58.2 });
  });

  it('reads Shelly Gen2', async () => {
    const id = 'shellyplus1pm-a8032abe54dc';
    const params = {
      ts: 1_767_268_800.25,
      'switch:0': {
        id: 0,
        output: true,
        apower: 8.9,
        voltage: 237.5,
        aenergy: { total: 6.53 },
        temperature: { tC: 23.5, tF: 74.4 },
      },
    };
    const values = await published(
      { id, preset: 'shelly' },
      [[`${id}/events/rpc`, { src: id, dst: `${id}/events`, method: 'NotifyStatus', params }]],
      id,
    );
    expect(values).toMatchObject({
      'switch:0.apower': 8.9,
      'switch:0.output': true,
      'switch:0.aenergy.total': 6.53,
    });
  });

  it('reads ESPHome through Home Assistant discovery', async () => {
    const config = {
      name: 'Temperature',
      stat_t: 'esp1/sensor/temperature/state',
      unit_of_meas: '°C',
      uniq_id: 'esp1temperature',
      dev: { ids: 'esp1', name: 'esp1' },
    };
    const values = await published(
      { id: 'esp1', preset: 'homeassistant' },
      [
        ['homeassistant/sensor/esp1/temperature/config', config],
        ['esp1/sensor/temperature/state', '21.5'],
      ],
      'esp1',
    );
    expect(values).toMatchObject({ temperature: 21.5 });
  });
});
