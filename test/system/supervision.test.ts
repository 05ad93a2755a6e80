/** A part that fails while the system works: it comes back, the others go on, nothing acknowledged is lost. */

import { readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import workerThreads, { type Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiDoor } from '../../src/api/api-door.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { systemRandom } from '../../src/base/random.ts';
import { KEEP_ALL } from '../../src/data/retention/report.ts';
import type { SensoriumError } from '../../src/model/errors.ts';
import { PromMeter } from '../../src/monitor/prom-meter.ts';
import { IoTSystem, type Ready } from '../../src/system/iot-system.ts';
import { Phases } from '../../src/system/phases.ts';
import { pause, temporaryDirectory, until } from '../support/server.ts';

const directory = temporaryDirectory();
const workers: Worker[] = [];
const fatal: SensoriumError[] = [];
const RealWorker = workerThreads.Worker;
let system: IoTSystem;
let ready: Ready;
let token: string;

beforeAll(async () => {
  // Threads have no handle outside; the test keeps the ones that are made, to end them as a crash would.
  workerThreads.Worker = class extends RealWorker {
    constructor(...parameters: ConstructorParameters<typeof RealWorker>) {
      super(...parameters);
      workers.push(this);
    }
  };
  syncBuiltinESMExports();
  system = new IoTSystem({
    configuration: {
      dataDir: directory.path,
      http: { port: 0, mqtt: true },
      mqtt: { port: 0 },
      mqtts: { port: 'off', host: '127.0.0.1' },
      ws: { port: 'off' },
      wss: { port: 'off', host: '127.0.0.1' },
      log: { maxBytes: 1_073_741_824, maxAgeMs: 86_400_000 },
      retention: KEEP_ALL,
      logLevel: 'error',
      bridges: [],
      discovery: { scanners: [], ranges: [], watchers: [] },
    },
    version: 'test',
    doors: (facade) => [apiDoor(facade)],
    meter: new PromMeter(),
    logger: silentLogger,
    clock: systemClock,
    random: systemRandom,
    phases: new Phases(),
    onFatal: (cause) => fatal.push(cause),
  });
  ready = await system.start();
  ({ token } = JSON.parse(readFileSync(join(directory.path, 'run.json'), 'utf8')) as { token: string });
  expect((await call('POST', '/api/v1/devices', { id: 'd1' })).status).toBe(201);
});

afterAll(async () => {
  await system.stop();
  workerThreads.Worker = RealWorker;
  syncBuiltinESMExports();
  directory[Symbol.dispose]();
});

async function call(method: string, path: string, body?: unknown): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return await fetch(
    `${ready.http}${path}`,
    body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) },
  );
}

const dataStatus = async (): Promise<string | undefined> => {
  const { managers } = (await (await fetch(`${ready.http}/readyz`)).json()) as {
    managers: Record<string, { status: string }>;
  };
  return managers['data']?.status;
};

/**
 * Ends the newest worker when history has taken all there is and nothing is under way: DuckDB's binding ends the whole
 * process when its thread goes in the middle of a call.
 */
async function endWorkerAtRest(): Promise<void> {
  await until('history to be at rest', async () => {
    const response = await call('GET', '/api/v1/system');
    const { totals, log } = (await response.json()) as { totals?: { offset: number }; log: { next: number } };
    return totals?.offset === log.next ? true : undefined;
  });
  await pause(500);
  await workers.at(-1)?.terminate();
}

describe('the data worker dies', () => {
  it('while it is away messages are acknowledged, queries say so; then history has them all', async () => {
    expect(await (await call('POST', '/api/v1/devices/d1/telemetry', { n: 1 })).json()).toMatchObject({
      accepted: 1,
    });
    await endWorkerAtRest();
    expect(await dataStatus()).toBe('down');
    const query = await call('GET', '/api/v1/devices/d1/telemetry');
    expect(query.status).toBe(503);
    expect(await query.json()).toMatchObject({ code: 'store.unavailable' });
    expect(await (await call('POST', '/api/v1/devices/d1/telemetry', { n: 2 })).json()).toMatchObject({
      accepted: 1,
    });
    await until('the data manager to be up again', async () =>
      (await dataStatus()) === 'up' ? true : undefined,
    );
    const readings = await until('both readings', async () => {
      const answer = (await (await call('GET', '/api/v1/devices/d1/telemetry')).json()) as {
        readings: { value: number }[];
      };
      return answer.readings.length >= 2 ? answer.readings : undefined;
    });
    expect(readings.map(({ value }) => value).toSorted((a, b) => a - b)).toEqual([1, 2]);
    expect(workers.length).toBe(2);
    expect(fatal).toEqual([]);
  });

  it('too often: the system ends with the cause', async () => {
    await until(
      'the supervisor to give up',
      async () => {
        if (fatal.length === 0 && (await dataStatus()) === 'up') await endWorkerAtRest();
        return fatal.length > 0 ? true : undefined;
      },
      30_000,
    );
    expect(fatal[0]).toMatchObject({ code: 'manager.failed' });
    expect(fatal[0]?.message).toContain('data failed');
  }, 40_000);
});
