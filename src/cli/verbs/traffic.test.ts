import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeBroker, fakeBroker } from '../test-kit/fake-broker.ts';
import { type FakeHttp, fakeHttp, problemAnswer, type SeenRequest } from '../test-kit/fake-http.ts';
import { type Workplace, workplace } from '../test-kit/run.ts';

let place: Workplace;
beforeEach(async () => {
  place = await workplace();
});
afterEach(() => place[Symbol.asyncDispose]());

/** The API as far as registration goes. */
function registrar(known: Iterable<string> = []) {
  const devices = new Set(known);
  let asked = 0;
  return ({ method, path, body }: SeenRequest) => {
    const id = path.split('/')[4] ?? (JSON.parse(body || '{}') as { id?: string }).id ?? '';
    if (method === 'POST' && path.endsWith('/credentials')) {
      if (!devices.has(id)) return problemAnswer(404, 'device.unknown', id);
      return { status: 201, body: { id, token: `token-${id}` } };
    }
    if (method === 'DELETE') return { status: 204 };
    if (path === '/api/v1/system') {
      asked += 1;
      // History is behind the log at first.
      const totals = asked === 1 ? null : { offset: asked < 4 ? 399 : 400 };
      return { body: { version: '0', managers: {}, totals, log: { durable: 400 } } };
    }
    if (devices.has(id)) return problemAnswer(409, 'device.exists', id);
    devices.add(id);
    return { status: 201, body: { device: { id }, token: `token-${id}` } };
  };
}

async function running(http: FakeHttp, broker: FakeBroker): Promise<void> {
  await place.serverRuns({ http: http.url, mqtt: broker.url });
}

const payloads = (broker: FakeBroker) =>
  broker.publishes.map(
    ({ payload }) => JSON.parse(String(payload)) as { ts: number; values: Record<string, unknown> },
  );

describe('replay', () => {
  it('registers the device and plays every row as that device, in order, with a bounded window', async () => {
    await using http = await fakeHttp(registrar());
    await using broker = await fakeBroker({ ackAfterMs: 20 });
    await running(http, broker);
    const { code, stdout, stderr } = await place.run([
      'replay',
      'weather.csv',
      '--device',
      'station',
      '--speed',
      'max',
      '--json',
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      rows: 2_922,
      sent: 2_922,
      acked: 2_922,
      rejected: 0,
      devices: ['station'],
    });
    expect(stderr).toContain('--device-column location');
    expect(broker.connects[0]).toMatchObject({ username: 'station', password: Buffer.from('token-station') });
    expect(new Set(broker.publishes.map(({ topic, qos }) => `${topic} ${qos}`))).toEqual(
      new Set(['v1/station/telemetry 1']),
    );
    expect(payloads(broker)[0]).toEqual({
      ts: Date.UTC(2012, 0, 1),
      values: {
        location: 'Seattle',
        precipitation: 0,
        temp_max: 12.8,
        temp_min: 5,
        wind: 4.7,
        weather: 'drizzle',
      },
    });
    expect(broker.waitingMax()).toBeLessThanOrEqual(1_000);
    const times = payloads(broker).map(({ ts }) => ts);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  it('plays each value of the device column as a device of its own', async () => {
    await using http = await fakeHttp(registrar(['station-Seattle']));
    await using broker = await fakeBroker();
    await running(http, broker);
    const argv = [
      'replay',
      'weather.csv',
      '--device',
      'station',
      '--device-column',
      'location',
      '--speed',
      'max',
    ];
    const { code, stdout, stderr } = await place.run(argv);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('2 devices: 2,922 of 2,922 rows acknowledged');
    const count = (topic: string) => broker.publishes.filter((packet) => packet.topic === topic).length;
    expect(count('v1/station-Seattle/telemetry')).toBe(1_461);
    expect(count('v1/station-New_York/telemetry')).toBe(1_461);
  });

  it('keeps the spacing of the recording, divided by the speed', async () => {
    await writeFile(join(place.cwd, 'three.csv'), 'time,a\n1790000000,1\n1790000100,2\n1790000300,3\n');
    await using broker = await fakeBroker();
    const argv = ['replay', 'three.csv', '--device', 'd', '--token', 't', '--mqtt', broker.url];
    const { code, stdout } = await place.run([...argv, '--speed', '1000x', '--json']);
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as { elapsedMs: number }).elapsedMs).toBeGreaterThanOrEqual(297);
  });

  it('--shift-to-now ends the recording now', async () => {
    await writeFile(join(place.cwd, 'old.csv'), 'time,a\n1999-01-01,1\n1999-01-02,2\n');
    await using broker = await fakeBroker();
    const before = Date.now();
    const argv = [
      'replay',
      'old.csv',
      '--device',
      'd',
      '--token',
      't',
      '--mqtt',
      broker.url,
      '--speed',
      'max',
    ];
    await place.run([...argv, '--shift-to-now']);
    const [first, last] = payloads(broker);
    expect(last?.ts).toBeGreaterThanOrEqual(before);
    expect(last?.ts).toBeLessThanOrEqual(Date.now());
    expect((last?.ts ?? 0) - (first?.ts ?? 0)).toBe(86_400_000);
  });

  it('does not register anything with --no-create', async () => {
    await using http = await fakeHttp(registrar());
    await using broker = await fakeBroker();
    await running(http, broker);
    const { code, stderr } = await place.run([
      'replay',
      'weather.csv',
      '--device',
      'x',
      '--speed',
      'max',
      '--no-create',
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain('[device.unknown]');
    expect(http.seen.map(({ path }) => path)).toEqual(['/api/v1/devices/x/credentials']);
  });

  it('says auth.invalid when the broker refuses the device', async () => {
    await using broker = await fakeBroker({ admit: () => 5 });
    const argv = ['replay', 'weather.csv', '--device', 'd', '--token', 'wrong', '--mqtt', broker.url];
    const { code, stderr } = await place.run(argv);
    expect(code).toBe(1);
    expect(stderr).toContain('[auth.invalid]');
  });

  it('goes on after a lost connection without losing a row', async () => {
    let broken = false;
    await using broker = await fakeBroker({
      acks: () => {
        if (!broken && broker.publishes.length === 500) {
          broken = true;
          setImmediate(() => broker.breakConnections());
          return false;
        }
        return true;
      },
    });
    const argv = ['replay', 'weather.csv', '--where', 'location=Seattle', '--device', 'd', '--token', 't'];
    const { code, stdout } = await place.run([...argv, '--mqtt', broker.url, '--speed', 'max', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ sent: 1_461, acked: 1_461 });
    expect(new Set(payloads(broker).map(({ ts }) => ts)).size).toBe(1_461);
  });

  it('--loop goes on until it is interrupted, which is no failure', async () => {
    const controller = new AbortController();
    await writeFile(join(place.cwd, 'two.csv'), 'time,a\n2020-01-01,1\n2020-01-02,2\n');
    await using broker = await fakeBroker({
      acks: () => {
        if (broker.publishes.length > 20) controller.abort();
        return true;
      },
    });
    const argv = [
      'replay',
      'two.csv',
      '--device',
      'd',
      '--token',
      't',
      '--mqtt',
      broker.url,
      '--speed',
      'max',
      '--loop',
    ];
    const { code, stdout } = await place.run([...argv, '--json'], { signal: controller.signal });
    const result = JSON.parse(stdout) as { rounds: number; sent: number; acked: number };
    expect(result.rounds).toBeGreaterThan(5);
    expect(code === 0 || result.acked < result.sent).toBe(true);
  });
});

describe('simulate', () => {
  it('registers, runs, reports exact counts and cleans up', async () => {
    await using http = await fakeHttp(registrar(['sim-0002']));
    await using broker = await fakeBroker();
    await running(http, broker);
    const argv = [
      'simulate',
      '--devices',
      '5',
      '--rate',
      '1000',
      '--messages',
      '400',
      '--malformed',
      '0.1',
      '--cleanup',
    ];
    const { code, stdout, stderr } = await place.run([...argv, '--json']);
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as Record<string, number>;
    expect(report).toMatchObject({ devices: 5, sent: 400, acked: 400, unacked: 0, resent: 0, writtenOff: 0 });
    expect(report['malformed']).toBeGreaterThan(10);
    expect(broker.publishes).toHaveLength(400);
    expect(broker.connects.map(({ username }) => String(username)).toSorted()).toEqual(
      [1, 2, 3, 4, 5].map((n) => `sim-000${n}`),
    );
    expect(stderr).toContain('5 devices connected');
    const removed = http.seen.filter(
      ({ method, path }) => method === 'DELETE' && !path.endsWith('credentials'),
    );
    expect(removed).toHaveLength(5);
    const lastLook = http.seen.findLastIndex(({ path }) => path === '/api/v1/system');
    expect(http.seen.filter(({ path }) => path === '/api/v1/system')).toHaveLength(4);
    expect(lastLook).toBeLessThan(http.seen.findIndex((request) => removed.includes(request)));
  });

  it('ends after --duration', async () => {
    await using http = await fakeHttp(registrar());
    await using broker = await fakeBroker();
    await running(http, broker);
    const argv = [
      'simulate',
      '--devices',
      '2',
      '--rate',
      '100',
      '--duration',
      '2200ms',
      '--dropout',
      '0',
      '--json',
    ];
    const { code, stdout, stderr } = await place.run(argv);
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as { sent: number; acked: number };
    expect(report.sent).toBe(report.acked);
    expect(report.sent).toBeGreaterThan(0);
    expect(report.sent).toBeLessThanOrEqual(221);
    expect(stderr).toMatch(/\d s {2}sent \d+ {2}acked \d+/);
  });
});
