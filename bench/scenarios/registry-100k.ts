import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { DeviceRegistry } from '../../src/devices/registry/device-registry.ts';
import type { DeviceInput } from '../../src/model/device.ts';
import type { DevicePage } from '../../src/model/ports/registry.ts';
import { openStateStore } from '../../src/state/lmdb/lmdb-state.ts';
import type { Server } from '../../test/support/server.ts';
import { pidOf, startServer } from '../harness/fleet.ts';
import { heapBytes } from '../harness/heap.ts';
import { usageOf } from '../harness/processes.ts';
import type { BenchContext, Measurement, Scenario } from '../harness/scenario.ts';
import { median, percentile } from '../harness/statistics.ts';

const DEVICES = 100_000;
const GROUPS = 50;
const LOOKUPS = 2_000_000;
const PAGES = 300;
const ROOMS = ['kitchen', 'hall', 'cellar', 'office', 'roof', 'garden', 'stairs', 'lab'] as const;
const KINDS = ['lamp', 'sensor', 'meter', 'valve', 'lock'] as const;

const idOf = (n: number): string => `${KINDS[n % KINDS.length]}-${String(n).padStart(6, '0')}`;

/** A name of two words and a number, two tags, a group, an attribute. */
const deviceOf = (n: number): DeviceInput => ({
  id: idOf(n),
  name: `${ROOMS[n % ROOMS.length]} ${KINDS[n % KINDS.length]} ${n}`,
  profile: n % 9 === 0 ? 'environment' : 'open',
  tags: [`room:${ROOMS[n % ROOMS.length]}`, `batch:${n % 1_000}`],
  groups: [`floor-${n % GROUPS}`],
  attributes: { firmware: `1.${n % 7}.0` },
});

/** What a page is asked for, by how it is found. */
const QUESTIONS: Readonly<Record<string, (n: number) => string>> = {
  'the whole list, from anywhere': (n) => `after=${idOf(n)}`,
  'one group of 2,000': (n) => `group=floor-${n % GROUPS}`,
  'one tag of 12,500 and a profile': (n) => `tag=room:${ROOMS[n % ROOMS.length]}&profile=environment`,
  'text that few have': (n) => `text=${String(n).padStart(6, '0').slice(1)}`,
  'text that an eighth has, from anywhere': (n) => `text=${ROOMS[n % ROOMS.length]}&after=${idOf(n)}`,
  'text of two characters, which has no index': (n) => `text=${String((n % 90) + 10)}`,
};

export const scenario: Scenario = {
  name: 'registry-100k',
  description: '100,000 devices: import, pages over HTTP, lookups, memory, restart',
  async run(context) {
    const count = context.scaled(DEVICES);
    const memory = await inMemory(context, count);
    const dataDir = `${context.folder('served')}/data`;
    const served = await overHttp(context, dataDir, count);
    return [...served, ...memory];
  },
};

async function overHttp(
  context: BenchContext,
  dataDir: string,
  count: number,
): Promise<readonly Measurement[]> {
  const { emptyMiB, perS } = await filled(dataDir, count);
  const restarts: number[] = [];
  for (let round = 1; round < context.rounds; round += 1) restarts.push(await restartS(dataDir));
  const started = performance.now();
  await using server = await startServer(dataDir);
  restarts.push((performance.now() - started) / 1_000);
  const rows = await questions(context, server, count);
  const grown = ((usageOf(pidOf(server)).rssMiB - emptyMiB) * 1_024) / count;
  await server.stop();
  return [
    { what: 'import over HTTP', value: perS, unit: 'devices/s', note: 'in requests of 10,000 rows' },
    {
      what: 'restart',
      value: median(restarts),
      unit: 's',
      asked: { atMost: 3 },
      note: `median of ${context.rounds}, process start to the ready line`,
    },
    ...rows,
    {
      what: 'resident memory of the server per device',
      value: grown,
      unit: 'KiB',
      note: 'all rooms, after the pages above; beside a server just started',
    },
  ];
}

async function restartS(dataDir: string): Promise<number> {
  const begun = performance.now();
  await using server = await startServer(dataDir);
  const tookS = (performance.now() - begun) / 1_000;
  await server.stop();
  return tookS;
}

async function filled(
  dataDir: string,
  count: number,
): Promise<{ readonly emptyMiB: number; readonly perS: number }> {
  await using server = await startServer(dataDir);
  const emptyMiB = usageOf(pidOf(server)).rssMiB;
  const begun = performance.now();
  await importAll(server, count);
  const perS = (count * 1_000) / (performance.now() - begun);
  await server.stop();
  return { emptyMiB, perS };
}

async function questions(
  context: BenchContext,
  server: Server,
  count: number,
): Promise<readonly Measurement[]> {
  const rows: Measurement[] = [];
  for (const [what, question] of Object.entries(QUESTIONS)) {
    const samples = await pages(server, context.scaled(PAGES), (n) => question((n * 7_919) % count));
    rows.push({
      what: `page p99: ${what}`,
      value: percentile(samples, 0.99),
      unit: 'ms',
      asked: { atMost: 20 },
      note: `p50 ${percentile(samples, 0.5).toFixed(1)} ms`,
    });
  }
  return rows;
}

async function importAll(server: Server, count: number): Promise<void> {
  for (let group = 0; group < GROUPS; group += 1)
    await server.api('POST', '/api/v1/groups', { id: `floor-${group}` });
  for (let from = 0; from < count; from += 10_000) {
    const rows = Array.from({ length: Math.min(10_000, count - from) }, (_, at) => deviceOf(from + at));
    const response = await fetch(`${server.http}/api/v1/bulk/devices?report=refused`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/x-ndjson' },
      body: rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
    });
    const text = await response.text();
    if (!text.includes(`"added":${rows.length}`)) throw new Error(text.slice(0, 300));
  }
}

/** Milliseconds of each, one after the other, body read; the first tenth warms up. */
async function pages(
  server: Server,
  count: number,
  query: (n: number) => string,
): Promise<readonly number[]> {
  const samples: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const begun = performance.now();
    const page = await server.get<DevicePage>(`/api/v1/devices?limit=100&${query(n)}`);
    samples.push(performance.now() - begun);
    if (page.total === 0) throw new Error(`nothing found for ${query(n)}`);
  }
  return samples.slice(count / 10);
}

/** The registry alone, in this process. */
async function inMemory(context: BenchContext, count: number): Promise<readonly Measurement[]> {
  const state = await openStateStore({ path: context.folder('state'), logger: silentLogger });
  const options = { state, events: { publish: () => undefined }, logger: silentLogger, clock: systemClock };
  const registry = new DeviceRegistry(options);
  registry.open();
  for (let group = 0; group < GROUPS; group += 1) await registry.putGroup({ id: `floor-${group}` }, 'bench');
  for (let from = 0; from < count; from += 1_000) {
    const batch = Array.from({ length: Math.min(1_000, count - from) }, (_, at) => deviceOf(from + at));
    await Promise.all(batch.map((input) => registry.add(input, 'bench')));
  }
  await registry.close();
  const before = heapBytes();
  const loaded = new DeviceRegistry(options);
  const begun = performance.now();
  loaded.open();
  const loadMs = performance.now() - begun;
  const perDevice = (heapBytes() - before) / count / 1_024;
  const lookupNs = lookups(loaded, count);
  await loaded.close();
  await state.close();
  return [
    { what: 'heap per device, with its indexes', value: perDevice, unit: 'KiB', asked: { atMost: 1 } },
    { what: 'lookup', value: lookupNs, unit: 'ns', asked: { atMost: 1_000 }, note: 'random ids' },
    { what: 'loading the registry', value: loadMs, unit: 'ms' },
  ];
}

function lookups(registry: DeviceRegistry, count: number): number {
  const ids = Array.from({ length: count }, (_, n) => idOf((n * 7_919) % count));
  let found = 0;
  const begun = performance.now();
  for (let n = 0; n < LOOKUPS; n += 1) found += registry.get(ids[n % count] ?? '') === undefined ? 0 : 1;
  if (found !== LOOKUPS) throw new Error(`${found} of ${LOOKUPS} found`);
  return ((performance.now() - begun) * 1e6) / LOOKUPS;
}
