import { acknowledgedPerS, measured, type Round } from '../harness/broker.ts';
import { drive } from '../harness/mqtt-drive.ts';
import { Platform } from '../harness/platform.ts';
import type { BenchContext, Measurement, Scenario } from '../harness/scenario.ts';
import { median, percentile } from '../harness/statistics.ts';
import { watchTraces } from '../harness/trace-watch.ts';

const RATES = [1_000, 5_000, 10_000, 25_000, 50_000, 100_000] as const;
/** Of our own generator: without subscribers `mqtt-load` ends a run after 6 s, whatever is still to come. */
const LOAD = { qos: 1, topic: 'v1/dev%d/telemetry' } as const;
const PACED_S = 10;
const UNPACED_MESSAGES = 2_000_000;
/** A server that was just started compiles what it runs. */
const WARM_UP_MESSAGES = 50_000;
/** Below this share of its rate a run shows what the pair of generator and server can do, not what was asked. */
const HELD_BACK_SHARE = 0.98;

interface Point {
  readonly round: Round;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly traces: number;
}

export const scenario: Scenario = {
  name: 'data-curve',
  description:
    'durable QoS 1 into history from 1,000 messages/s to the ceiling, each on a new server; delays from receipt to queryable, by traces',
  async run(context) {
    const rows: Measurement[] = [];
    for (const rate of RATES) rows.push(...rowsOf(await follow(context, rate), rate));
    const unpaced: Point[] = [];
    for (let number = 1; number <= context.rounds; number += 1) unpaced.push(await follow(context));
    return [...rows, ...ceilingOf(unpaced)];
  },
};

async function follow(context: BenchContext, rate?: number): Promise<Point> {
  const folder = context.folder(`rate-${rate ?? 'unpaced'}`);
  await using platform = await Platform.start(folder);
  const { target } = platform;
  await platform.settled(
    await drive(folder, target, { ...LOAD, messages: context.scaled(WARM_UP_MESSAGES) }),
  );
  const messages = context.scaled(rate === undefined ? UNPACED_MESSAGES : rate * PACED_S);
  const { result: round, delaysMs } = await watchTraces(
    platform.server,
    async () =>
      await measured(platform, async () => await drive(folder, target, { ...LOAD, messages, rate })),
  );
  const point = {
    round,
    p50Ms: percentile(delaysMs, 0.5),
    p99Ms: percentile(delaysMs, 0.99),
    traces: delaysMs.length,
  };
  context.say(
    `${rate ?? 'unpaced'}: ${Math.round(acknowledgedPerS(round))} acknowledged/s, queryable after ` +
      `${point.p50Ms} / ${point.p99Ms} ms, lag ${Math.round(lagMs(round))} ms`,
  );
  return point;
}

/** Last acknowledgement to all queryable. */
const lagMs = ({ settledInS, drainedInS }: Round): number => (settledInS - drainedInS) * 1_000;

function rowsOf({ round, p50Ms, p99Ms, traces }: Point, rate: number): readonly Measurement[] {
  const label = `${rate.toLocaleString('en-US')}/s`;
  const isHeld = acknowledgedPerS(round) < rate * HELD_BACK_SHARE;
  return [
    {
      what: `${label}: acknowledged`,
      value: acknowledgedPerS(round),
      unit: 'msg/s',
      note: isHeld ? 'held back: 20 in flight each' : undefined,
    },
    { what: `${label}: queryable after`, value: p50Ms, unit: 'ms', note: `p50 of ${traces} traces` },
    { what: `${label}: the same`, value: p99Ms, unit: 'ms', note: 'p99' },
    { what: `${label}: lag at the end`, value: lagMs(round), unit: 'ms' },
    { what: `${label}: server time`, value: round.cpuUs, unit: 'µs/msg', note: 'all threads, to history' },
  ];
}

function ceilingOf(points: readonly Point[]): readonly Measurement[] {
  const of = (pick: (point: Point) => number): number => median(points.map(pick));
  return [
    {
      what: 'unpaced: into history',
      value: of(({ round }) => round.acknowledged / round.settledInS),
      unit: 'msg/s',
      asked: { atLeast: 100_000 },
      note: `first sent to last queryable, median of ${points.length}`,
    },
    { what: 'unpaced: acknowledged', value: of(({ round }) => acknowledgedPerS(round)), unit: 'msg/s' },
    { what: 'unpaced: queryable after', value: of(({ p50Ms }) => p50Ms), unit: 'ms', note: 'p50' },
    { what: 'unpaced: the same', value: of(({ p99Ms }) => p99Ms), unit: 'ms', note: 'p99' },
    { what: 'unpaced: lag at the end', value: of(({ round }) => lagMs(round)), unit: 'ms' },
    {
      what: 'unpaced: server time',
      value: of(({ round }) => round.cpuUs),
      unit: 'µs/msg',
      note: 'all threads, to history',
    },
    {
      what: 'unpaced: peak memory',
      value: of(({ round }) => round.peakRssMiB),
      unit: 'MiB',
      note: 'the mapped log with it',
    },
  ];
}
