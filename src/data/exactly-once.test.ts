import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, it } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { silentLogger } from '../base/logger.ts';
import { seededRandom } from '../base/random.ts';
import { openLog } from '../log/lmdb/lmdb-log.ts';
import { silentMeter } from '../model/ports/meter.ts';
import { WINDOW_MS } from '../model/reading.ts';
import { readWindow, type WindowInput } from '../model/windows.ts';
import { type OracleReading, oracleOf } from './pipeline/windows/oracle.case.ts';
import { NOW, telemetry, tempDir } from './test-kit.ts';

const PACKETS = 40_000;
const VALUES_PER_PACKET = 5;
/** One group commit of the log each, one commit of the store each: so many places to be killed at. */
const PACKETS_PER_BLOCK = 100;
const KILLS = 20;

/** What must come out, added up by itself as the packets are made. */
interface Oracle {
  readings: number;
  sum: number;
  texts: number;
  malformed: number;
  readonly windows: Map<string, { count: number; sum: number }>;
  /** By device and metric, in the order of the log. */
  readonly series: Map<string, OracleReading[]>;
}

/** Devices send up to 4.5 minutes late: some readings amend a window, some come too late for it. */
const DECLARED = {
  tumbling: { kind: 'tumbling', size: '30s', lateness: '2m', quantiles: [0.5] },
  session: { kind: 'session', gap: '20s', size: '10m', lateness: '1m' },
} as const satisfies Record<string, WindowInput>;

const random = seededRandom(20_260_921);
const pick = (below: number): number => Math.floor(random.next() * below);

/** Fifty devices; some packets are late, some are sent twice, some are broken, some have text. */
function makePacket(at: number, oracle: Oracle): string {
  if (pick(50) === 0) {
    oracle.malformed += 1;
    return '{"m0":';
  }
  const device = `d${at % 50}`;
  const ts = NOW - 3_600_000 + at * 60 - pick(10) * 30_000;
  const values: Record<string, number | string> = {};
  for (let metric = 0; metric < VALUES_PER_PACKET; metric += 1) {
    // Quarters: sums are exact in any order.
    const value = pick(4_000) / 4;
    values[`m${metric}`] = value;
    oracle.readings += 1;
    oracle.sum += value;
    const key = `${device} m${metric} ${Math.floor(ts / WINDOW_MS) * WINDOW_MS}`;
    const window = oracle.windows.get(key) ?? { count: 0, sum: 0 };
    window.count += 1;
    window.sum += value;
    oracle.windows.set(key, window);
    const name = `${device} m${metric}`;
    const readings = oracle.series.get(name);
    if (readings === undefined) oracle.series.set(name, [[ts, value]]);
    else readings.push([ts, value]);
  }
  if (pick(20) === 0) {
    values['state'] = `s${pick(9)}`;
    oracle.texts += 1;
  }
  return JSON.stringify({ ts, values });
}

async function prepareLog(path: string): Promise<Oracle> {
  const oracle: Oracle = {
    readings: 0,
    sum: 0,
    texts: 0,
    malformed: 0,
    windows: new Map(),
    series: new Map(),
  };
  const log = await openLog({
    path,
    clock: systemClock,
    logger: silentLogger,
    meter: silentMeter,
    maxBytes: 256 * 1_048_576,
    maxAgeMs: Number.MAX_SAFE_INTEGER,
    reserveBytes: 0,
  });
  for (let at = 0; at < PACKETS; at += 1) {
    const offset = log.append(telemetry(`d${at % 50}`, makePacket(at, oracle)));
    if (at % PACKETS_PER_BLOCK === PACKETS_PER_BLOCK - 1) await log.committed(offset);
  }
  await log.close();
  return oracle;
}

/** A data manager over the log, in a process of its own; says `c` at each commit, `done` when all is in history. */
const program = (folder: string): string => `
  const at = ${JSON.stringify(new URL('./', import.meta.url).href)};
  const { systemClock } = await import(at + '../base/clock.ts');
  const { silentLogger } = await import(at + '../base/logger.ts');
  const { openLog } = await import(at + '../log/lmdb/lmdb-log.ts');
  const { silentMeter } = await import(at + '../model/ports/meter.ts');
  const { DataManager } = await import(at + 'data-manager.ts');
  const { MemoryRegistry } = await import(at + 'test-kit.ts');
  const dataDir = ${JSON.stringify(folder)};
  const logPath = ${JSON.stringify(join(folder, 'log'))};
  const log = await openLog({ path: logPath, clock: systemClock, logger: silentLogger, meter: silentMeter,
    maxBytes: ${256 * 1_048_576}, maxAgeMs: Number.MAX_SAFE_INTEGER, reserveBytes: 0 });
  const registry = new MemoryRegistry();
  await registry.putProfile({ id: 'p', version: 1, metrics: {}, windows: ${JSON.stringify(DECLARED)} });
  for (let device = 0; device < 50; device += 1) await registry.add({ id: 'd' + device, profile: 'p' });
  const meter = { ...silentMeter, observe: () => process.stdout.write('c\\n') };
  const manager = new DataManager({ log, logPath, dataDir, registry, events: { publish() {} }, meter,
    logger: silentLogger, clock: systemClock,
    pace: { lingerMs: 0, maxReadings: 100, readRoundBytes: 1, checkpointMib: 1 } });
  await manager.start();
  for (;;) {
    const totals = await manager.history.totals();
    if (totals.value?.offset === log.next) break;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await manager.stop();
  await log.close();
  process.stdout.write('done\\n');
`;

const begin = (folder: string): ChildProcess =>
  spawn(process.execPath, ['--input-type=module', '--eval', program(folder)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });

/** Kills the process after so many commits and a moment more; true if it was at work until then. */
async function killAmidst(folder: string): Promise<boolean> {
  const child = begin(folder);
  let commits = pick(12);
  let isDone = false;
  child.stdout?.on('data', (chunk: Buffer) => {
    const said = chunk.toString();
    isDone ||= said.includes('done');
    commits -= said.split('\n').length - 1;
    if (commits <= 0) setTimeout(() => child.kill('SIGKILL'), random.next() * 8);
  });
  await once(child, 'exit');
  return !isDone && child.signalCode === 'SIGKILL';
}

async function finish(folder: string): Promise<void> {
  const child = begin(folder);
  child.stdout?.resume();
  await once(child, 'exit');
  expect(child.exitCode).toBe(0);
}

async function query(folder: string, sql: string): Promise<unknown[][]> {
  const instance = await DuckDBInstance.create(join(folder, 'history.duckdb'));
  const connection = await instance.connect();
  const rows = (await connection.runAndReadAll(sql)).getRows();
  connection.closeSync();
  instance.closeSync();
  return rows;
}

/** Of each declared window what was told last, and what the readings say of those that the watermark has passed. */
async function compareDeclared(folder: string, oracle: Oracle): Promise<void> {
  const rows = await query(
    folder,
    `SELECT s.device || ' ' || s.metric || ' ' || w.name, w.start::DOUBLE, arg_max(w.until, w.rowid)::DOUBLE,
       arg_max(w.count, w.rowid), arg_max(w.max, w.rowid), arg_max(w.mean, w.rowid)
     FROM window_results w JOIN series s ON s.id = w.series GROUP BY ALL`,
  );
  const told = Map.groupBy(
    rows.filter(([, , , count]) => Number(count) > 0),
    ([key]) => String(key),
  );
  let compared = 0;
  for (const [series, readings] of oracle.series) {
    for (const [name, input] of Object.entries(DECLARED)) {
      const read = readWindow(name, input);
      if (!read.ok) throw new Error(read.error);
      const { windows, watermark } = oracleOf(read.value, readings);
      const expected = windows
        .filter(({ end }) => end <= watermark)
        .toSorted((a, b) => a.start - b.start)
        .map(({ start, end, readings: within }) => {
          const values = within.map(([, value]) => value);
          const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
          return [start, end, values.length, Math.max(...values), expect.closeTo(mean, 9)];
        });
      const open = new Set(windows.filter(({ end }) => end > watermark).map(({ start }) => start));
      const found = (told.get(`${series} ${name}`) ?? [])
        // A session that goes on stands as it was told before.
        .filter(([, start]) => !open.has(Number(start)))
        .toSorted((a, b) => Number(a[1]) - Number(b[1]));
      expect(
        found.map(([, ...row]) => row),
        `${series} ${name}`,
      ).toEqual(expected);
      compared += expected.length;
    }
  }
  expect(compared).toBeGreaterThan(1_000);
}

it('every reading is in history exactly once after twenty kills in the middle of 200,000', async () => {
  await using dir = await tempDir();
  const oracle = await prepareLog(join(dir.path, 'log'));
  for (let kill = 0; kill < KILLS; kill += 1) expect(await killAmidst(dir.path)).toBe(true);
  await finish(dir.path);

  const [sums] = await query(
    dir.path,
    `SELECT (SELECT count(*) FROM readings)::DOUBLE, (SELECT sum(value) FROM readings)::DOUBLE,
       (SELECT count(*) FROM texts)::DOUBLE, (SELECT count(*) FROM quarantine)::DOUBLE`,
  );
  expect(sums).toEqual([oracle.readings, oracle.sum, oracle.texts, oracle.malformed]);
  const [totals] = await query(
    dir.path,
    `SELECT log_offset::DOUBLE, packets::DOUBLE, stored::DOUBLE, forwarded::DOUBLE, quarantined::DOUBLE,
       readings::DOUBLE, rejections::DOUBLE FROM progress`,
  );
  const { malformed } = oracle;
  const readings = oracle.readings + oracle.texts;
  expect(totals).toEqual([PACKETS, PACKETS, PACKETS - malformed, 0, malformed, readings, malformed]);
  const windows = await query(
    dir.path,
    `SELECT s.device || ' ' || s.metric || ' ' || w.start, w.count::DOUBLE, w.sum
     FROM windows w JOIN series s ON s.id = w.series`,
  );
  const found = new Map(windows.map(([key, count, sum]) => [key, { count, sum }]));
  expect(found.size).toBe(windows.length);
  expect(found).toEqual(oracle.windows);
  await compareDeclared(dir.path, oracle);
}, 120_000);
