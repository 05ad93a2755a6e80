import { chmod, mkdir, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Finding } from '../doctor/finding.ts';
import { clockCheck, memoryCheck, nodeCheck } from '../doctor/host.ts';
import { fakeHttp } from '../test-kit/fake-http.ts';
import { type Workplace, workplace } from '../test-kit/run.ts';

let place: Workplace;
beforeEach(async () => {
  place = await workplace();
});
afterEach(() => place[Symbol.asyncDispose]());

const OFF = { SENSORIUM_HTTP_PORT: 'off', SENSORIUM_MQTT_PORT: '0', SENSORIUM_MQTTS_PORT: 'off' };

async function examine(env: Record<string, string> = OFF) {
  const { code, stdout } = await place.run(['doctor', '--json'], { env });
  const { healthy, checks } = JSON.parse(stdout) as { healthy: boolean; checks: readonly Finding[] };
  const find = (check: string) => checks.find((finding) => finding.check === check);
  return { code, healthy, checks, find };
}

const totals = {
  packets: 100,
  stored: 90,
  forwarded: 0,
  quarantined: 10,
  readings: 300,
  rejections: 12,
  offset: 40,
};
const report = (over: object = {}) => ({
  version: '1.2.3',
  startedAt: 0,
  managers: { data: { status: 'up', reasons: [] } },
  totals,
  log: { first: 0, next: 100, durable: 100, sizeBytes: 4_096 },
  ...over,
});

describe('doctor', () => {
  it('works before the first start, and fails nothing', async () => {
    const { code, find } = await examine();
    expect(code).toBe(0);
    expect(find('data directory')?.status).toBe('warn');
    expect(find('server')).toMatchObject({ status: 'warn', cure: expect.stringContaining('npm start') });
    expect(find('node')?.status).toBe('ok');
    expect(find('port MQTT')?.status).toBe('ok');
  });

  it('fails for a port that another program has', async () => {
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve));
    const { port } = squatter.address() as AddressInfo;
    const { code, find } = await examine({ ...OFF, SENSORIUM_HTTP_PORT: String(port) });
    squatter.close();
    expect(code).toBe(1);
    expect(find('port HTTP')).toMatchObject({
      status: 'fail',
      detail: expect.stringContaining(String(port)),
    });
  });

  it('takes ports from sensorium.yaml', async () => {
    await writeFile(join(place.cwd, 'sensorium.yaml'), 'http:\n  port: off\nmqtt.port: off\n');
    const { find } = await examine({});
    expect(find('port HTTP')?.detail).toBe('off');
    expect(find('port MQTT')?.detail).toBe('off');
  });

  it('fails for a data directory of a newer version, or one that is damaged', async () => {
    await mkdir(join(place.cwd, 'data'), { mode: 0o700 });
    await writeFile(join(place.cwd, 'data', 'format.json'), '{"format":99}');
    expect((await examine()).find('data format')?.status).toBe('fail');
    await writeFile(join(place.cwd, 'data', 'format.json'), '{"for');
    expect(await examine()).toMatchObject({ code: 1, healthy: false });
  });

  it('warns of a data directory that others may read', async () => {
    await mkdir(join(place.cwd, 'data'));
    await chmod(join(place.cwd, 'data'), 0o755);
    expect((await examine()).find('data directory')).toMatchObject({
      status: 'warn',
      cure: expect.stringContaining('chmod 700'),
    });
  });

  it('fails when the server that left its run file does not answer', async () => {
    await place.serverRuns({ http: 'http://127.0.0.1:9' });
    const { code, find } = await examine();
    expect(code).toBe(1);
    expect(find('server')).toMatchObject({
      status: 'fail',
      detail: expect.stringContaining('server.unreachable'),
    });
  });

  it('reads the state of a running server', async () => {
    await using http = await fakeHttp(() => ({ body: report() }));
    await place.serverRuns({ http: http.url, mqtt: 'mqtt://127.0.0.1:1' });
    const { code, find } = await examine();
    expect(code).toBe(0);
    expect(find('server')?.detail).toContain('version 1.2.3');
    expect(find('port MQTT')?.detail).toBe('mqtt://127.0.0.1:1');
    expect(find('log')).toMatchObject({ status: 'ok', detail: expect.stringContaining('60 packets') });
    expect(find('quarantine')).toMatchObject({ status: 'warn', detail: '10 of 100 packets (10.00%)' });
    expect(find('clock')?.status).toBe('ok');
  });

  it('passes on what ails the managers, and a log that history does not keep up with', async () => {
    const managers = {
      data: { status: 'down', reasons: ['disk.full'] },
      communication: { status: 'degraded', reasons: ['shedding'] },
    };
    const log = { first: 0, next: 2e6, durable: 2e6, sizeBytes: 1 };
    await using http = await fakeHttp(() => ({ body: report({ managers, log }) }));
    await place.serverRuns({ http: http.url });
    const { code, find } = await examine();
    expect(code).toBe(1);
    expect(find('manager data')).toMatchObject({ status: 'fail', detail: 'down; disk.full' });
    expect(find('manager communication')?.status).toBe('warn');
    expect(find('log')?.status).toBe('warn');
  });

  it('prints a line for each check, with the cure below', async () => {
    const { stdout } = await place.run(['doctor'], { env: OFF });
    expect(stdout).toMatch(/^ok {4}node {12}\d/);
    expect(stdout).toMatch(/warn {2}server .*\n +→ /);
  });
});

describe('checks of the machine', () => {
  it('judge versions, memory and clocks', () => {
    expect(nodeCheck('20.20.0').status).toBe('fail');
    expect(nodeCheck('24.0.0').status).toBe('ok');
    expect(memoryCheck(100e6, 1e9).status).toBe('warn');
    expect(memoryCheck(900e6, 1e9).status).toBe('ok');
    const now = Date.UTC(2026, 5, 1);
    expect(clockCheck(new Date(now - 4_000).toUTCString(), now).status).toBe('ok');
    expect(clockCheck(new Date(now - 60_000).toUTCString(), now).status).toBe('warn');
    expect(clockCheck(null, 0).status).toBe('fail');
  });
});
