import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { Server } from '../../test/support/server.ts';
import { caughtUp, register } from '../harness/fleet.ts';
import { fill } from '../harness/ndjson.ts';
import type { BenchContext, Measurement, Scenario } from '../harness/scenario.ts';
import { median, percentile } from '../harness/statistics.ts';

const DEVICES = 50;
/** With 5 metrics: 10 million readings, 7.4 days at one each 16 s. */
const INSTANTS = 40_000;
const STEP_MS = 16_000;
const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
const ASKS = 30;
/** Asks that are not counted: caches of the file system, compiled code, the first look at last values. */
const WARM_UP = 5;
/** What the store of the server has, too. */
const PEER_SETTINGS = { threads: '2', memory_limit: '512MiB' };

/** One question: as a path of the API, and as one writes it by hand over the readings. */
interface Question {
  readonly what: string;
  readonly path: string;
  /** Where the rows stand in our answer. */
  readonly rows: 'devices' | 'readings';
  readonly sql: string;
}

const MINUTE = '(r.ts // 60000 * 60000)';
const FROM_READINGS = 'FROM readings r JOIN series s ON s.id = r.series';

/** `device` changes from ask to ask, so that no answer is the one before. */
function questions(fromMs: number, device: string): readonly Question[] {
  const telemetry = `/api/v1/devices/${device}/telemetry`;
  const day = { from: fromMs, to: fromMs + DAY_MS };
  const week = { from: fromMs, to: fromMs + WEEK_MS };
  const within = (range: { readonly from: number; readonly to: number }): string =>
    `r.ts >= ${range.from} AND r.ts < ${range.to}`;
  const time = (range: { readonly from: number; readonly to: number }): string =>
    `from=${range.from}&to=${range.to}`;
  return [
    {
      what: 'last value of each device',
      path: '/api/v1/telemetry/latest?metric=temperature',
      rows: 'devices',
      sql: `SELECT s.device, max(r.ts)::DOUBLE AS ts, arg_max(r.value, r.ts) AS value ${FROM_READINGS}
        WHERE s.metric = 'temperature' GROUP BY s.device ORDER BY s.device`,
    },
    {
      what: 'one device, one day, all its metrics',
      path: `${telemetry}?${time(day)}&limit=100000`,
      rows: 'readings',
      sql: `SELECT s.metric, r.ts::DOUBLE AS ts, r.value ${FROM_READINGS}
        WHERE s.device = '${device}' AND ${within(day)} ORDER BY r.ts`,
    },
    {
      what: '1-minute means over a week',
      path: `${telemetry}?metric=temperature&${time(week)}&interval=1m&agg=avg&limit=100000`,
      rows: 'readings',
      sql: `SELECT ${MINUTE}::DOUBLE AS ts, avg(r.value) AS value ${FROM_READINGS}
        WHERE s.device = '${device}' AND s.metric = 'temperature' AND ${within(week)}
        GROUP BY ${MINUTE} ORDER BY ${MINUTE}`,
    },
    {
      what: 'top ten by maximum',
      path: `/api/v1/telemetry/top?metric=temperature&${time(week)}&agg=max&limit=10`,
      rows: 'devices',
      sql: `SELECT s.device, max(r.value) AS value ${FROM_READINGS}
        WHERE s.metric = 'temperature' AND ${within(week)} GROUP BY s.device ORDER BY value DESC, s.device LIMIT 10`,
    },
  ];
}

export const scenario: Scenario = {
  name: 'query-10m',
  description:
    'four questions over 10 million readings (50 devices, 5 metrics, each 16 s) over HTTP, beside DuckDB on the same file',
  async run(context) {
    const dataDir = context.folder('data');
    const names = Array.from({ length: DEVICES }, (_, index) => `station${index}`);
    const { fromMs, readings } = await prepare(dataDir, names, context);
    const copy = join(context.folder('peer'), 'history.duckdb');
    await copyFile(join(dataDir, 'history.duckdb'), copy);
    const instance = await DuckDBInstance.create(copy, PEER_SETTINGS);
    const connection = await instance.connect();
    await using server = await start(dataDir);
    const rows: Measurement[] = [{ what: 'readings in history', value: readings, unit: '' }];
    for (const [index, { what }] of questions(fromMs, '').entries()) {
      const samples = await alternate(server, connection, (ask) => {
        const question = questions(fromMs, names[ask % names.length] ?? '')[index];
        if (question === undefined) throw new Error(`no question ${index}`);
        return question;
      });
      rows.push(...toRows(what, samples));
    }
    connection.closeSync();
    instance.closeSync();
    await server.stop();
    return rows;
  },
};

/** All of history in the database file: in partitions the peer would not see it. */
const start = async (dataDir: string): Promise<Server> =>
  await Server.start({
    dataDir,
    flags: ['--retention-partition-after=60d'],
    env: { SENSORIUM_LOG_LEVEL: 'warn' },
  });

/** Fills history and stops: only one process may have the file open. */
async function prepare(
  dataDir: string,
  names: readonly string[],
  context: BenchContext,
): Promise<{ readonly fromMs: number; readonly readings: number }> {
  await using server = await start(dataDir);
  const tokens = await register(server, names);
  const series = names.map((device, index) => ({ device, token: tokens[index] ?? '' }));
  const instants = context.scaled(INSTANTS);
  const fromMs = Math.floor((Date.now() - INSTANTS * STEP_MS) / STEP_MS) * STEP_MS;
  const begun = performance.now();
  await fill(server, series, { fromMs, stepMs: STEP_MS, instants, atOnce: 8 });
  const { readings } = await caughtUp(server);
  context.say(`${readings} readings in ${((performance.now() - begun) / 1000).toFixed(0)} s`);
  await server.stop();
  return { fromMs, readings };
}

interface Samples {
  readonly ours: number[];
  readonly direct: number[];
  rows: number;
}

/** The same question to both in turn, one at a time, until the text of the answer is there. */
async function alternate(
  server: Server,
  connection: DuckDBConnection,
  questionOf: (ask: number) => Question,
): Promise<Samples> {
  const samples: Samples = { ours: [], direct: [], rows: 0 };
  for (let at = 0; at < WARM_UP + ASKS; at += 1) {
    const { path, rows, sql, what } = questionOf(at);
    const begun = performance.now();
    const answer = await (await server.api('GET', path)).text();
    const answered = performance.now();
    const direct = JSON.stringify((await connection.runAndReadAll(sql)).getRowObjectsJson());
    const ended = performance.now();
    samples.rows = sameRows(what, answer, rows, direct);
    if (at < WARM_UP) continue;
    samples.ours.push(answered - begun);
    samples.direct.push(ended - answered);
  }
  return samples;
}

/** An answer with other rows, or other values, is none. */
function sameRows(what: string, answer: string, key: Question['rows'], direct: string): number {
  const ours = (JSON.parse(answer) as Record<string, readonly Row[]>)[key] ?? [];
  const theirs = JSON.parse(direct) as readonly Row[];
  const sums = [sumOf(ours), sumOf(theirs)];
  const isSame = Math.abs((sums[0] ?? 0) - (sums[1] ?? 0)) < 1e-9 * Math.abs(sums[0] ?? 0);
  if (ours.length === theirs.length && ours.length > 0 && isSame) return ours.length;
  throw new Error(
    `${what}: ${ours.length} rows (sum ${sums[0]}) and ${theirs.length} rows (sum ${sums[1]}): ${answer.slice(0, 200)}`,
  );
}

interface Row {
  readonly value?: number;
  readonly readings?: readonly Row[];
}

const sumOf = (rows: readonly Row[]): number =>
  rows.reduce((sum, { value = 0, readings = [] }) => sum + value + sumOf(readings), 0);

function toRows(what: string, { ours, direct, rows }: Samples): readonly Measurement[] {
  const [own, peer] = [median(ours), median(direct)];
  const note = `${rows} rows as JSON; ${own.toFixed(1)} against ${peer.toFixed(1)} ms`;
  return [
    { what, value: own / peer, unit: '× DuckDB', asked: { atMost: 1.2 }, note },
    {
      what,
      value: percentile(ours, 0.99),
      unit: 'ms',
      note: `p99; DuckDB ${percentile(direct, 0.99).toFixed(1)} ms`,
    },
  ];
}
