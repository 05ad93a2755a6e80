import type { Server } from '../../test/support/server.ts';
import { caughtUp, register, startServer } from '../harness/fleet.ts';
import { fill } from '../harness/ndjson.ts';
import type { Measurement, Scenario } from '../harness/scenario.ts';
import { percentile } from '../harness/statistics.ts';

const DEVICES = 50;
/** With 5 metrics: 10 million readings, 4.6 days at one each 10 s. */
const INSTANTS = 40_000;
const STEP_MS = 10_000;
const DAY_MS = 86_400_000;
const ASKS = 100;

/** What people ask for most, as paths below /api/v1/devices/{id}. */
const questions = (fromMs: number): Readonly<Record<string, string>> => ({
  'latest values of one device': 'latest',
  'one metric of one device, one day': `telemetry?metric=temperature&from=${fromMs}&to=${fromMs + DAY_MS}&limit=100000`,
  'its 1-minute means': `telemetry?metric=temperature&from=${fromMs}&to=${fromMs + DAY_MS}&interval=1m&agg=avg&limit=100000`,
  'its 1-hour maxima over all days': `telemetry?metric=temperature&from=${fromMs}&interval=1h&agg=max&limit=100000`,
});

export const scenario: Scenario = {
  name: 'query-10m',
  description:
    'query latency over HTTP with 10 million readings in history (50 devices, 5 metrics, each 10 s)',
  async run(context) {
    await using server = await startServer(context.folder('data'));
    const names = Array.from({ length: DEVICES }, (_, index) => `station${index}`);
    const tokens = await register(server, names);
    const series = names.map((device, index) => ({ device, token: tokens[index] ?? '' }));
    const instants = context.scaled(INSTANTS);
    const fromMs = Math.floor((Date.now() - instants * STEP_MS) / DAY_MS) * DAY_MS;
    const begun = performance.now();
    await fill(server, series, { fromMs, stepMs: STEP_MS, instants, atOnce: 8 });
    const { readings } = await caughtUp(server);
    const fillS = (performance.now() - begun) / 1000;
    context.say(`${readings} readings in ${fillS.toFixed(0)} s`);
    const rows: Measurement[] = [{ what: 'readings in history', value: readings, unit: '' }];
    for (const [what, path] of Object.entries(questions(fromMs)))
      rows.push(...(await ask(server, names, what, path)));
    await server.stop();
    return rows;
  },
};

/** One question to each device in turn, one at a time, answers read to the end. */
async function ask(
  server: Server,
  devices: readonly string[],
  what: string,
  path: string,
): Promise<readonly Measurement[]> {
  const samples: number[] = [];
  let rows = 0;
  for (let at = 0; at < ASKS; at += 1) {
    const device = devices[at % devices.length] ?? '';
    const begun = performance.now();
    const answer = await server.get<{ readings: readonly unknown[] }>(`/api/v1/devices/${device}/${path}`);
    samples.push(performance.now() - begun);
    rows = answer.readings.length;
  }
  if (rows === 0) throw new Error(`no answer to: ${what}`);
  return [
    { what, value: percentile(samples, 0.5), unit: 'ms', note: `p50, ${rows} rows as JSON` },
    { what, value: percentile(samples, 0.99), unit: 'ms', note: 'p99' },
  ];
}
