import { DuckDBInstance } from '@duckdb/node-api';
import { Batch } from '../../src/data/pipeline/batch.ts';
import { WindowEngine } from '../../src/data/pipeline/windows/window-engine.ts';
import { readWindow, type WindowInput } from '../../src/model/windows.ts';
import type { Measurement, Scenario } from '../harness/scenario.ts';
import { median } from '../harness/statistics.ts';

const READINGS = 2_000_000;
/** One reading a second each. */
const SERIES = 1_000;
const COMMIT = 50_000;
const START = 1_790_000_000_000;

const CASES: Readonly<Record<string, WindowInput>> = {
  'tumbling, 1 min': { kind: 'tumbling', size: '1m' },
  'tumbling, 1 min, two quantiles': { kind: 'tumbling', size: '1m', quantiles: [0.5, 0.95] },
  'hopping, 10 min each minute': { kind: 'hopping', size: '10m', advance: '1m' },
  'hopping, 10 min each minute, two quantiles': {
    kind: 'hopping',
    size: '10m',
    advance: '1m',
    quantiles: [0.5, 0.95],
  },
  session: { kind: 'session', gap: '30s' },
  'sliding, 1 min': { kind: 'sliding', size: '1m' },
};
const PARTS = 'minute parts, which every reading goes into';
const COMPARED = 'hopping, 10 min each minute, two quantiles';

const valueAt = (at: number): number => 20 + ((at * 7_919) % 1_009) / 100;
const timeAt = (at: number): number => START + Math.floor(at / SERIES) * 1_000;

/** Nanoseconds a reading, from the aggregate stage to rows of a commit. */
function windowsNs(input: WindowInput, readings: number): number {
  const read = readWindow('w', input);
  if (!read.ok) throw new Error(read.error);
  const batch = new Batch();
  const engine = new WindowEngine({ sink: batch });
  const plan = { definitions: [read.value] };
  const begun = performance.now();
  for (let at = 0; at < readings; at += 1) {
    engine.add({ series: at % SERIES, plan, isNew: true, ts: timeAt(at), value: valueAt(at) });
    if (at % COMMIT !== COMMIT - 1) continue;
    engine.collect(START);
    batch.clear();
  }
  return ((performance.now() - begun) * 1e6) / readings;
}

function partsNs(readings: number): number {
  const { parts } = new Batch();
  const begun = performance.now();
  for (let at = 0; at < readings; at += 1) {
    parts.add(at % SERIES, timeAt(at), valueAt(at));
    if (at % COMMIT === COMMIT - 1) parts.clear();
  }
  return ((performance.now() - begun) * 1e6) / readings;
}

/** The peer: the same windows by one statement over stored readings, all of them at once. */
async function duckDbNs(readings: number): Promise<number> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const connection = await instance.connect();
  await connection.run(
    `CREATE TABLE readings AS SELECT (range % ${SERIES})::UINTEGER AS series,
       ${START} + (range // ${SERIES}) * 1000 AS ts, 20 + ((range * 7919) % 1009) / 100 AS value
     FROM range(${readings})`,
  );
  const begun = performance.now();
  await connection.run(
    `CREATE TABLE told AS SELECT series, hop, count(*), min(value), max(value), avg(value), stddev_samp(value),
       arg_max(value, ts), quantile_cont(value, [0.5, 0.95])
     FROM (SELECT series, ts, value, ts // 60000 - unnest(range(10)) AS hop FROM readings) GROUP BY series, hop`,
  );
  const ns = ((performance.now() - begun) * 1e6) / readings;
  connection.closeSync();
  instance.closeSync();
  return ns;
}

export const scenario: Scenario = {
  name: 'windows',
  description:
    'Declared windows of 1,000 series, in memory on one thread, beside DuckDB over the same readings',
  async run(context) {
    const readings = context.scaled(READINGS);
    const runs: Readonly<Record<string, () => number | Promise<number>>> = {
      [PARTS]: () => partsNs(readings),
      ...Object.fromEntries(
        Object.entries(CASES).map(([what, input]) => [what, () => windowsNs(input, readings)]),
      ),
      'DuckDB, the same hopping windows with quantiles (two threads)': () => duckDbNs(readings),
    };
    const found = new Map<string, number[]>();
    for (let round = 0; round < context.rounds + 1; round += 1) {
      for (const [what, run] of Object.entries(runs)) {
        const ns = await run();
        // The first round warms up.
        if (round > 0) found.set(what, [...(found.get(what) ?? []), ns]);
      }
    }
    const ns = (what: string): number => median(found.get(what) ?? []);
    const rows = [...found.keys()].map(
      (what): Measurement => ({ what, value: ns(what), unit: 'ns/reading' }),
    );
    const peer = Object.keys(runs).at(-1) ?? '';
    return [
      ...rows,
      {
        what: 'DuckDB against the engine, hopping with quantiles',
        value: ns(peer) / ns(COMPARED),
        unit: '× the time',
      },
    ];
  },
};
