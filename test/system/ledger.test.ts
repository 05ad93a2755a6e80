/** The loss ledger adds up to the message with what the clients know they sent, over bad input, kill -9 and replay. */
import mqtt from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sensorium } from '../support/command-line.ts';
import { RawPublisher } from '../support/publisher.ts';
import { pause, Server, temporaryDirectory, until } from '../support/server.ts';

interface Counts {
  readonly received: number;
  readonly stored: number;
  readonly forwarded: number;
  readonly quarantined: number;
  readonly dropped: number;
  readonly pending: number;
  readonly missing: number;
  readonly reasons: Readonly<Record<string, number>>;
}

interface Report {
  readonly rows: readonly (Counts & { readonly sender: string; readonly hour: number })[];
  readonly total: Counts;
  readonly addsUp: boolean;
}

const directory = temporaryDirectory();
let server: Server;
const tokens = new Map<string, string>();

const start = async (): Promise<void> => {
  server = await Server.start({ dataDir: directory.path });
};

beforeAll(async () => {
  await start();
  for (const id of ['d1', 'd2', 'gw', 'shy'])
    tokens.set(id, await server.addDevice({ id, gateway: id === 'gw' }));
});

afterAll(async () => {
  await server.stop();
  directory[Symbol.dispose]();
});

/** Sums over the hours: a test may begin in one and end in the next. */
async function ledgerOf(sender: string): Promise<Counts> {
  const { total, addsUp } = await server.get<Report>(`/api/v1/ledger?sender=${encodeURIComponent(sender)}`);
  expect(addsUp).toBe(true);
  return total;
}

async function settledLedgerOf(sender: string): Promise<Counts> {
  return await until(`the messages of ${sender} in history`, async () => {
    const counts = await ledgerOf(sender);
    return counts.pending === 0 ? counts : undefined;
  });
}

async function ingest(
  device: string,
  body: string,
  type = 'application/json',
  bearer = device,
): Promise<number> {
  const authorization = `Bearer ${tokens.get(bearer) ?? server.token}`;
  const response = await fetch(`${server.http}/api/v1/devices/${device}/telemetry`, {
    method: 'POST',
    headers: { authorization, 'content-type': type },
    body,
  });
  await response.arrayBuffer();
  return response.status;
}

const connect = async (device: string, version: 4 | 5 = 5): Promise<mqtt.MqttClient> =>
  await mqtt.connectAsync(server.mqtt, {
    username: device,
    password: tokens.get(device) ?? '',
    clientId: device,
    protocolVersion: version,
    reconnectPeriod: 0,
  });

describe('the ledger', () => {
  it('has every message of a device under what became of it', async () => {
    const client = await connect('d1');
    const send = async (topic: string, payload: string): Promise<void> => {
      await client.publishAsync(topic, payload, { qos: 1 }).catch(() => undefined);
    };
    for (let n = 0; n < 10; n += 1) await send('v1/d1/telemetry', `{"t":${n}}`);
    for (let n = 0; n < 3; n += 1) await send('v1/d1/telemetry', 'no json');
    await send('v1/d1/twin/reported', '{}');
    // Version 5 is told and goes on.
    for (let n = 0; n < 2; n += 1) await send('v1/d2/telemetry', '{"t":1}');
    await client.endAsync();
    expect(await ingest('d1', '{"t":1}')).toBe(200);
    expect(await ingest('d1', '[{"t":null}]')).toBe(200);
    expect(await ingest('d1', '<t/>', 'application/xml')).toBe(415);
    expect(await ingest('d1', '{')).toBe(400);
    expect(await ingest('d2', '{"t":1}', 'application/json', 'd1')).toBe(403);
    const counts = await until('all refusals to be counted', async () => {
      const found = await settledLedgerOf('d1');
      return found.received === 21 ? found : undefined;
    });
    expect(counts).toEqual({
      received: 21,
      stored: 11,
      forwarded: 1,
      quarantined: 3,
      dropped: 6,
      pending: 0,
      missing: 0,
      reasons: { denied: 3, rejected: 1, invalid: 2 },
    });
  });

  it('counts what a version 3.1.1 client was cut off for, and a gateway with its children', async () => {
    const cut = await connect('shy', 4);
    const closed = new Promise<void>((done) => cut.once('close', () => done()));
    cut.publish('v1/d2/telemetry', '{"t":1}', { qos: 1 }, () => undefined);
    await closed;
    cut.end(true);
    expect(await settledLedgerOf('shy')).toMatchObject({ received: 1, dropped: 1, reasons: { denied: 1 } });
    const gateway = await connect('gw');
    for (const child of ['c1', 'c2', 'd2'])
      await gateway.publishAsync(`v1/gw/children/${child}/telemetry`, '{"t":1}', { qos: 1 });
    await gateway.endAsync();
    // d2 is no child of it.
    expect(await settledLedgerOf('gw')).toMatchObject({ received: 3, stored: 2, quarantined: 1 });
  });

  it('counts requests for devices that nobody knows together', async () => {
    for (const name of ['nobody', 'noone'])
      expect(await ingest(name, '{"t":1}', undefined, 'admin')).toBe(404);
    expect(await settledLedgerOf('(others)')).toMatchObject({
      received: 2,
      dropped: 2,
      reasons: { invalid: 2 },
    });
  });

  it('adds up over kill -9 at full load: nothing acknowledged is missing, nothing is counted twice', async () => {
    let acknowledged = 0;
    let sent = 0;
    for (let kill = 0; kill < 4; kill += 1) {
      const publisher = await RawPublisher.connect(server.mqttPort, 'd2', tokens.get('d2') ?? '');
      const publishing = publisher.publish(sent, sent + 100_000, 500);
      await until('some acknowledgements', async () =>
        publisher.acknowledged.length > 2_000 ? true : undefined,
      );
      await server.stop('SIGKILL');
      await publishing;
      publisher.end();
      acknowledged += publisher.acknowledged.length;
      sent += publisher.sent;
      await start();
      const { received, stored } = await settledLedgerOf('d2');
      expect(received).toBe(stored);
      expect(received).toBeGreaterThanOrEqual(acknowledged);
      expect(received).toBeLessThanOrEqual(sent);
    }
    const { totals } = await server.get<{ totals: { packets: number } }>('/api/v1/system');
    const all = await server.get<Report>('/api/v1/ledger');
    const { received, stored, forwarded, quarantined, dropped } = all.total;
    expect(received).toBe(stored + forwarded + quarantined + dropped);
    // Users see no tallies among their packets, and history has as many as the ledger.
    expect(totals.packets).toBe(received - dropped);
  }, 60_000);

  it('is shown by the command line, which fails only where it does not add up', async () => {
    const { code, stdout } = await sensorium(server, 'ledger', '--sender', 'd1');
    expect(code).toBe(0);
    expect(stdout).toContain('denied 3');
    expect(stdout).toMatch(
      /adds up: 21 received = 11 stored \+ 1 forwarded \+ 3 quarantined \+ 6 dropped \+ 0 pending/,
    );
  });
});

describe('the quarantine', () => {
  it('is fixed by a new version of the profile and replayed, and the ledger follows', async () => {
    const metrics = (maximum: number) => ({ t: { type: 'number', maximum }, h: { type: 'number' } });
    const put = async (version: number, maximum: number): Promise<void> => {
      const profile = { id: 'narrow', version, metrics: metrics(maximum) };
      expect((await server.api('POST', '/api/v1/profiles', profile)).status).toBe(201);
    };
    await put(1, 50);
    tokens.set('hot', await server.addDevice({ id: 'hot', profile: 'narrow' }));
    const client = await connect('hot');
    const base = Date.now() - 60_000;
    for (const [at, values] of [{ t: 20 }, { t: 70 }, { t: 80, h: 1 }, { t: 300 }].entries()) {
      await client.publishAsync('v1/hot/telemetry', JSON.stringify({ ts: base + at, values }), { qos: 1 });
    }
    await client.endAsync();
    expect(await settledLedgerOf('hot')).toMatchObject({ received: 4, stored: 2, quarantined: 2 });
    await put(2, 100);
    const trial = await sensorium(server, 'quarantine', 'replay', '--device', 'hot', '--dry-run', '--json');
    expect(JSON.parse(trial.stdout)).toMatchObject({ tried: 3, stored: 2, left: 1, readings: 2 });
    expect(await settledLedgerOf('hot')).toMatchObject({ stored: 2, quarantined: 2 });
    const replay = await sensorium(server, 'quarantine', 'replay', '--device', 'hot', '--json');
    expect(JSON.parse(replay.stdout)).toMatchObject({
      tried: 3,
      stored: 2,
      left: 1,
      readings: 2,
      codes: { 'reading.out_of_range': 1 },
    });
    expect(await settledLedgerOf('hot')).toMatchObject({
      received: 4,
      stored: 3,
      quarantined: 1,
      dropped: 0,
    });
    const { readings } = await server.get<{ readings: unknown[] }>('/api/v1/devices/hot/telemetry');
    expect(readings).toEqual([
      { metric: 't', ts: base, value: 20 },
      { metric: 't', ts: base + 1, value: 70 },
      // Stored when it came; its neighbour was refused then.
      { metric: 'h', ts: base + 2, value: 1 },
      { metric: 't', ts: base + 2, value: 80 },
    ]);
    const { items } = await server.get<{ items: { offset: number }[] }>('/api/v1/quarantine?device=hot');
    expect(items).toMatchObject([{ code: 'reading.out_of_range', profile: 'narrow', profileVersion: 2 }]);
    const shown = await sensorium(server, 'quarantine', 'show', String(items[0]?.offset));
    expect(shown.stdout).toContain(`{"ts":${base + 3},"values":{"t":300}}`);
    expect((await sensorium(server, 'quarantine', 'drop', '--device', 'hot')).stdout).toBe(
      'dropped 1 packet\n',
    );
    expect(await settledLedgerOf('hot')).toMatchObject({
      received: 4,
      stored: 3,
      quarantined: 0,
      reasons: { discarded: 1 },
    });
  });

  it('is replayed exactly once though the server is killed in the middle', async () => {
    const packets = 3_000;
    const put = async (version: number, maximum: number): Promise<void> => {
      const profile = { id: 'tight', version, metrics: { seq: { type: 'number', maximum } } };
      expect((await server.api('POST', '/api/v1/profiles', profile)).status).toBe(201);
    };
    await put(1, -1);
    tokens.set('late', await server.addDevice({ id: 'late', profile: 'tight' }));
    const publisher = await RawPublisher.connect(server.mqttPort, 'late', tokens.get('late') ?? '');
    await publisher.publish(0, packets, 500);
    publisher.end();
    expect(await settledLedgerOf('late')).toMatchObject({ received: packets, quarantined: packets });
    await put(2, packets);
    for (let kill = 0; kill < 3; kill += 1) {
      const step = server
        .api('POST', '/api/v1/quarantine/replay', { device: 'late', limit: 700 })
        .catch(() => undefined);
      await pause(20 * (kill + 1));
      await server.stop('SIGKILL');
      await step;
      await start();
      const { stored, quarantined } = await settledLedgerOf('late');
      expect(stored + quarantined).toBe(packets);
    }
    await sensorium(server, 'quarantine', 'replay', '--device', 'late');
    expect(await settledLedgerOf('late')).toMatchObject({ stored: packets, quarantined: 0, missing: 0 });
    const path = `/api/v1/devices/late/telemetry?limit=${2 * packets}`;
    const { readings } = await server.get<{ readings: { value: number }[] }>(path);
    expect(readings.map(({ value }) => value)).toEqual(Array.from({ length: packets }, (_, seq) => seq));
  }, 60_000);
});
