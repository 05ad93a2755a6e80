/** Declared windows as a user meets them: a profile, readings, a kill in between, and what API and command line say. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { PROJECT, Server, temporaryDirectory, until } from '../support/server.ts';

const MINUTE_MS = 60_000;
const START = Math.floor((Date.now() - 3_600_000) / MINUTE_MS) * MINUTE_MS;

interface Windows {
  readonly windows: readonly Record<string, unknown>[];
}

const send = async (server: Server, readings: readonly (readonly [seconds: number, value: number])[]) => {
  const body = readings.map(([seconds, t]) => ({ ts: START + seconds * 1_000, values: { t } }));
  const answer = await server.api('POST', '/api/v1/devices/pump/telemetry', body);
  expect(answer.status).toBe(200);
};

it('windows of a profile close, are amended by late readings, and survive kill -9 while they are open', async () => {
  using directory = temporaryDirectory();
  const dataDir = join(directory.path, 'data');
  {
    await using server = await Server.start({ dataDir });
    const windows = { '1min': { kind: 'tumbling', size: '1m', lateness: '10m', quantiles: [0.5] } };
    const profile = { id: 'pump', version: 1, metrics: { t: { type: 'number', unit: 'bar' } }, windows };
    expect((await server.api('POST', '/api/v1/profiles', profile)).status).toBe(201);
    await server.addDevice({ id: 'pump', profile: 'pump' });
    await send(server, [
      [0, 1],
      [10, 3],
      [65, 10],
    ]);
    await server.settled();
    server.process.kill('SIGKILL');
    await server.exited;
  }
  await using server = await Server.start({ dataDir });
  // The first minute is amended, the second one was open when the process died.
  await send(server, [
    [20, 8],
    [70, 20],
    [130, 0],
  ]);
  const read = () => server.get<Windows>('/api/v1/devices/pump/windows?window=1min');
  const { windows } = await until('two windows', async () => {
    const answer = await read();
    return answer.windows.length === 2 && answer.windows[0]?.['count'] === 3 ? answer : undefined;
  });
  const common = { metric: 't', unit: 'bar', window: '1min', cause: 'watermark' };
  expect(windows).toEqual([
    {
      ...common,
      start: START,
      end: START + MINUTE_MS,
      count: 3,
      min: 1,
      max: 8,
      mean: 4,
      stddev: Math.sqrt(13),
      last: 8,
      lastTs: START + 20_000,
      quantiles: { '0.5': 3 },
      revision: 2,
    },
    {
      ...common,
      start: START + MINUTE_MS,
      end: START + 2 * MINUTE_MS,
      count: 2,
      min: 10,
      max: 20,
      mean: 15,
      stddev: Math.sqrt(50),
      last: 20,
      lastTs: START + 70_000,
      quantiles: { '0.5': 15 },
      revision: 1,
    },
  ]);
  const cli = [join(PROJECT, 'src/main.ts'), 'query', 'pump', 't', '--window', '1min', '--data-dir', dataDir];
  const { stdout } = await promisify(execFile)(process.execPath, cli);
  expect(stdout).toContain('amended, revision 2');
  const p95 = await server.get<{ readings: readonly { value: number }[] }>(
    `/api/v1/devices/pump/telemetry?metric=t&from=${START}&interval=1m&agg=p95`,
  );
  expect(p95.readings.map(({ value }) => value)).toEqual([7.5, 19.5, 0]);
}, 60_000);
