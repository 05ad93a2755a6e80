import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WindowDefinition } from '../../../model/windows.ts';
import { exactQuantile, type OracleReading, type OracleWindow, oracleOf } from './oracle.case.ts';
import { WindowEngine, type WindowSink } from './window-engine.ts';
import { WindowRows } from './window-rows.ts';
import { CAUSE_BOUND, CAUSE_IDLE, CAUSE_WATERMARK } from './window-set.ts';

const START = 1_790_000_000_000;
const NOW = START;
/** Every window is over by the clock. */
const FAR = START * 2;

const definition = (more: Partial<WindowDefinition>): WindowDefinition => ({
  name: 'w',
  kind: 'tumbling',
  sizeMs: 10_000,
  advanceMs: more.sizeMs ?? 10_000,
  offsetMs: 0,
  gapMs: 0,
  delayMs: 0,
  latenessMs: 0,
  idleMs: 60_000,
  quantiles: [0, 0.5, 0.9],
  ...more,
});

interface Told {
  readonly count: number;
  readonly revision: number;
  readonly cause: number;
  readonly end: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly stddev: number;
  readonly last: number;
  readonly quantiles: string;
}

/** An engine with one series, and what it told last of each window. */
function engineKit(definitions: readonly WindowDefinition[], windowsMax?: number) {
  const sink: WindowSink = { windows: new WindowRows(), windowStates: [], lateReadings: 0 };
  const engine = new WindowEngine({ sink, windowsMax });
  const plan = { definitions };
  const told = new Map<string, Told>();
  const add = (ts: number, value: number, more: { series?: number; isNew?: boolean } = {}): void =>
    engine.add({ series: more.series ?? 0, plan, isNew: more.isNew ?? true, ts, value });
  const collect = (now = NOW): number => {
    engine.collect(now);
    const { windows } = sink;
    for (let row = 0; row < windows.size; row += 1) {
      const key = `${windows.series[row]} ${windows.names[row]} ${windows.start[row]}`;
      told.set(key, {
        count: windows.count[row] ?? 0,
        revision: windows.revision[row] ?? 0,
        cause: windows.cause[row] ?? 0,
        end: windows.end[row] ?? 0,
        min: windows.min[row] ?? 0,
        max: windows.max[row] ?? 0,
        mean: windows.mean[row] ?? 0,
        stddev: windows.stddev[row] ?? 0,
        last: windows.last[row] ?? 0,
        quantiles: windows.quantiles[row] ?? '',
      });
    }
    const rows = windows.size;
    windows.clear();
    return rows;
  };
  return { engine, sink, told, add, collect };
}

function expectSame(told: ReadonlyMap<string, Told>, expected: readonly OracleWindow[]): void {
  const kept = [...told].filter(([, { count }]) => count > 0);
  expect(kept.map(([key]) => key).toSorted()).toEqual(expected.map(({ start }) => `0 w ${start}`).toSorted());
  for (const { start, end, readings } of expected) {
    const values = readings.map(([, value]) => value);
    const mean = values.reduce((sum, value) => sum + value / values.length, 0);
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    const scale = Math.max(...values.map(Math.abs), 1);
    const found = told.get(`0 w ${start}`);
    expect(found).toMatchObject({
      count: values.length,
      end,
      min: Math.min(...values),
      max: Math.max(...values),
      last: readings.reduce((last, reading) => (reading[0] >= last[0] ? reading : last))[1],
    });
    expect(Math.abs((found?.mean ?? 0) - mean)).toBeLessThanOrEqual(scale * 1e-12);
    const stddev = values.length === 1 ? 0 : Math.sqrt(squares / (values.length - 1));
    expect(Math.abs((found?.stddev ?? 0) - stddev)).toBeLessThanOrEqual(scale * 1e-7);
    const quantiles = JSON.parse(found?.quantiles ?? '{}') as Record<string, number>;
    for (const q of [0, 0.5, 0.9]) {
      expect(Math.abs((quantiles[q] ?? 0) - exactQuantile(values, q))).toBeLessThanOrEqual(scale * 1e-12);
    }
  }
}

const value = fc.oneof(
  fc.integer({ min: -1_000, max: 1_000 }).map((quarters) => quarters / 4),
  fc.double({ min: -1e150, max: 1e150, noNaN: true }),
);
/** Few times, so that they repeat; within and beyond lateness of each other. */
const readings = fc.array(
  fc.tuple(
    fc.integer({ min: 0, max: 120 }).map((at) => START + at * 500),
    value,
  ),
  {
    minLength: 1,
    maxLength: 80,
  },
);
const slack = {
  delayMs: fc.constantFrom(0, 2_000, 7_500),
  latenessMs: fc.constantFrom(0, 3_000, 30_000),
};
const definitions = fc.oneof(
  fc.record({
    kind: fc.constant('tumbling' as const),
    sizeMs: fc.constantFrom(1_000, 10_000, 60_000),
    offsetMs: fc.constantFrom(0, 400),
    ...slack,
  }),
  fc
    .record({ advanceMs: fc.constantFrom(1_000, 4_000, 7_000), times: fc.constantFrom(1, 2, 5), ...slack })
    .map(({ times, ...more }) => ({ kind: 'hopping' as const, sizeMs: more.advanceMs * times, ...more })),
  fc.record({ kind: fc.constant('sliding' as const), sizeMs: fc.constantFrom(1_000, 9_000), ...slack }),
  fc.record({
    kind: fc.constant('session' as const),
    sizeMs: fc.constantFrom(20_000, 86_400_000),
    gapMs: fc.constantFrom(1_000, 4_000),
    ...slack,
  }),
);

describe('declared windows', () => {
  it('hold what all readings in their order say, however they are cut into commits', () => {
    fc.assert(
      fc.property(definitions, readings, fc.integer({ min: 1, max: 40 }), (more, given, perCommit) => {
        const one = definition(more);
        const kit = engineKit([one]);
        for (const [at, [ts, number]] of given.entries()) {
          kit.add(ts, number);
          if (at % perCommit === perCommit - 1) kit.collect();
        }
        kit.collect();
        const oracle = oracleOf(one, given);
        // What the watermark has passed is told, and nothing but that.
        const closed = oracle.windows.filter(({ end }) => end <= oracle.watermark);
        const open = new Set(
          oracle.windows.filter(({ end }) => end > oracle.watermark).map(({ start }) => `0 w ${start}`),
        );
        // A session that a late reading made go on stands as it was told before.
        if (one.kind !== 'session') expect([...kit.told.keys()].filter((key) => open.has(key))).toEqual([]);
        expectSame(new Map([...kit.told].filter(([key]) => !open.has(key))), closed);
        kit.collect(FAR);
        expectSame(kit.told, oracle.windows);
        expect(kit.sink.lateReadings).toBe(oracle.late);
      }),
      { numRuns: 600 },
    );
  });

  it('are made again from the readings of their horizon, and go on as if nothing had happened', () => {
    fc.assert(
      fc.property(
        definitions,
        readings,
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 0, max: 79 }),
        (more, given, perCommit, stop) => {
          const one = definition(more);
          const before = engineKit([one]);
          const through = engineKit([one]);
          const stored: OracleReading[] = [];
          for (const [at, [ts, number]] of given.slice(0, stop).entries()) {
            before.add(ts, number);
            through.add(ts, number);
            stored.push([ts, number]);
            if (at % perCommit === perCommit - 1 || at === Math.min(stop, given.length) - 1) {
              before.collect();
              through.collect();
            }
          }
          const after = engineKit([one]);
          for (const state of before.sink.windowStates) after.engine.recallState(state, one, NOW);
          const newest = Math.max(...stored.map(([ts]) => ts));
          for (const { since } of stored.length === 0 ? [] : after.engine.horizons(0, newest)) {
            for (const [ts, number] of stored) if (ts >= since) after.engine.recall(0, ts, number);
          }
          const rows = [...before.told].map(([key, row]) => ({ start: Number(key.split(' ')[2]), ...row }));
          after.engine.recallTold(new Map([['0 w', rows.filter(({ count }) => count > 0)]]));
          for (const [key, row] of before.told) after.told.set(key, row);
          after.sink.lateReadings = before.sink.lateReadings;
          // Nothing is told twice, or changed, by the restart itself.
          expect(after.collect()).toBe(0);
          for (const [ts, number] of given.slice(stop)) {
            after.add(ts, number, { isNew: stored.length === 0 });
            through.add(ts, number);
          }
          after.collect();
          through.collect();
          after.collect(FAR);
          through.collect(FAR);
          expect(new Map(after.told)).toEqual(new Map(through.told));
          expect(after.sink.lateReadings).toBe(through.sink.lateReadings);
        },
      ),
      { numRuns: 600 },
    );
  });

  it('say that a late reading amended them, and leave alone what is over', () => {
    const kit = engineKit([definition({ latenessMs: 5_000 })]);
    kit.add(START + 1_000, 1);
    kit.add(START + 12_000, 2);
    expect(kit.collect()).toBe(1);
    kit.add(START + 2_000, 3);
    expect(kit.collect()).toBe(1);
    expect(kit.told.get(`0 w ${START}`)).toMatchObject({ count: 2, revision: 2, cause: CAUSE_WATERMARK });
    kit.add(START + 15_000, 4);
    kit.add(START + 3_000, 5);
    expect(kit.collect()).toBe(0);
    expect(kit.sink.lateReadings).toBe(1);
  });

  it('withdraw a session that became part of another one', () => {
    const kit = engineKit([
      definition({ kind: 'session', gapMs: 2_000, sizeMs: 86_400_000, latenessMs: 60_000 }),
    ]);
    for (const at of [0, 3_000, 10_000]) kit.add(START + at, at);
    expect(kit.collect()).toBe(2);
    kit.add(START + 1_500, 9);
    kit.collect();
    expect(kit.told.get(`0 w ${START}`)).toMatchObject({ count: 3, revision: 2, end: START + 5_000 });
    expect(kit.told.get(`0 w ${START + 3_000}`)).toMatchObject({ count: 0, revision: 2 });
  });

  it('close by the clock when a series falls silent, and then for good', () => {
    const kit = engineKit([definition({ latenessMs: 5_000 })]);
    kit.add(START + 1_000, 1);
    expect(kit.collect(START + 1_000)).toBe(0);
    expect(kit.engine.dueAt).toBe(START + 61_000);
    expect(kit.collect(kit.engine.dueAt)).toBe(0);
    // A minute after the end of the window, not after the reading.
    expect(kit.engine.dueAt).toBe(START + 70_000);
    expect(kit.collect(START + 70_000)).toBe(1);
    expect(kit.told.get(`0 w ${START}`)).toMatchObject({ count: 1, cause: CAUSE_IDLE });
    kit.add(START + 2_000, 3);
    kit.collect(START + 71_000);
    kit.collect(FAR);
    expect(kit.told.get(`0 w ${START}`)).toMatchObject({ count: 2, revision: 2 });
    expect(kit.sink.windowStates.at(-1)).toMatchObject({ floor: START + 2_001, isRetired: true });
    kit.add(START + 2_000, 4);
    kit.add(START + 20_000, 5);
    kit.collect(FAR);
    kit.collect(FAR * 2);
    expect(kit.sink.lateReadings).toBe(1);
    expect(kit.told.get(`0 w ${START + 20_000}`)).toMatchObject({ count: 1 });
    expect(kit.engine.dueAt).toBeGreaterThan(FAR);
  });

  it('begin with whole windows when they are declared for a series that has readings', () => {
    const kit = engineKit([definition({ delayMs: 1_000 })]);
    for (const at of [4_000, 9_500, 11_000, 31_000]) kit.add(START + at, at, { isNew: false });
    kit.collect();
    kit.collect(FAR);
    expect([...kit.told.keys()]).toEqual([`0 w ${START + 10_000}`, `0 w ${START + 30_000}`]);
    expect(kit.sink.lateReadings).toBe(0);
    expect(kit.sink.windowStates[0]).toMatchObject({ floor: START + 5_001, isRetired: false });
  });

  it('keep counting over a new version of the profile that leaves them as they are', () => {
    const kept = definition({});
    const kit = engineKit([kept]);
    kit.add(START, 1);
    const plan = { definitions: [{ ...kept }, definition({ name: 'other', sizeMs: 2_000 })] };
    kit.engine.add({ series: 0, plan, isNew: false, ts: START + 1, value: 2 });
    kit.engine.add({ series: 0, plan, isNew: false, ts: START + 11_000, value: 3 });
    kit.collect();
    expect(kit.told.get(`0 w ${START}`)).toMatchObject({ count: 2 });
    expect(kit.sink.windowStates.map(({ name, floor }) => [name, floor])).toEqual([
      ['w', 0],
      ['other', START + 2],
    ]);
  });

  it('are bounded: the series that was silent for longest closes early and says so', () => {
    const kit = engineKit([definition({})], 10);
    for (let series = 0; series < 25; series += 1) {
      kit.add(START + series, series, { series });
      kit.collect();
    }
    expect(kit.told.size).toBe(15);
    expect(kit.told.get(`0 w ${START}`)).toMatchObject({ count: 1, cause: CAUSE_BOUND });
    kit.add(START + 5_000, 1, { series: 0 });
    kit.collect();
    expect(kit.sink.lateReadings).toBe(0);
    kit.add(START, 1, { series: 0 });
    expect(kit.sink.lateReadings).toBe(1);
    kit.add(START + 10_000, 1, { series: 0 });
    kit.collect();
    kit.collect(FAR);
    expect(kit.told.get(`0 w ${START}`)).toMatchObject({ count: 1, revision: 1 });
    expect(kit.told.get(`0 w ${START + 10_000}`)).toMatchObject({ count: 1 });
  });

  it('of sliding kind keep a bounded number of readings, and say which windows miss some', () => {
    const kit = engineKit([definition({ kind: 'sliding', sizeMs: 3_600_000, quantiles: [] })]);
    for (let at = 0; at < 10_500; at += 1) kit.add(START + at, 1);
    kit.add(START + 3_700_000, 1);
    kit.collect();
    const cut = [...kit.told.values()].filter(({ cause }) => cause === CAUSE_BOUND);
    expect(cut.length).toBeGreaterThan(0);
    expect(Math.max(...[...kit.told.values()].map(({ count }) => count))).toBe(9_999);
    expect(kit.told.size).toBe(10_500);
  });

  it('live with the largest and smallest values there are', () => {
    const kit = engineKit([definition({})]);
    for (const number of [1.7e308, -1.7e308, 5e-324, -5e-324, 0, -0]) kit.add(START, number);
    kit.add(START + 20_000, 0);
    kit.collect();
    expect(kit.told.get(`0 w ${START}`)).toMatchObject({
      min: -1.7e308,
      max: 1.7e308,
      stddev: Number.POSITIVE_INFINITY,
    });
    expect(Number.isFinite(kit.told.get(`0 w ${START}`)?.mean)).toBe(true);
  });
});
