import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../base/random.ts';
import type { AnalysisSchema } from '../../../model/analysis.ts';
import type { Profile } from '../../../model/profile.ts';
import { facts, NOW, pipelineKit, telemetry } from '../../test-kit.ts';
import type { AnalysisState } from './findings.ts';

const MINUTE = 60_000;

const profile = (analysis: AnalysisSchema, more: Partial<Profile['metrics'][string]> = {}): Profile => ({
  id: 'p' as Profile['id'],
  version: 1,
  metrics: { t: { type: 'number', analysis, ...more } },
});

function kitWith(analysis: AnalysisSchema, states: readonly AnalysisState[] = []) {
  const kit = pipelineKit({ analysis: states });
  kit.known.putProfile(profile(analysis));
  kit.known.put(facts('d', { profile: 'p' }));
  let seconds = 0;
  return {
    ...kit,
    /** One reading per second, unless told. */
    send(...values: readonly number[]): void {
      for (const t of values) {
        kit.take(telemetry('d', { ts: NOW - 3_600_000 + seconds * 1_000, values: { t } }));
        seconds += 1;
      }
    },
    wait(more: number): void {
      seconds += more;
    },
    told: () => kit.batch.findings.told.map(({ detector, state, value }) => [detector, state, value]),
  };
}

describe('a range', () => {
  it('begins once and ends once, however often it is crossed', () => {
    const kit = kitWith({ range: { low: 0, high: 10 } });
    kit.send(5, 11, 12, 13, 9, 8, -1, 1);
    expect(kit.told()).toEqual([
      ['range', 'began', 11],
      ['range', 'ended', 9],
      ['range', 'began', -1],
      ['range', 'ended', 1],
    ]);
    expect(kit.batch.findings.told[0]).toMatchObject({
      threshold: 10,
      evidence: { low: 0, high: 10 },
      message: '11 is above 10',
    });
    expect(kit.batch.findings.told[1]?.evidence).toMatchObject({ lastedMs: 3_000 });
    expect(kit.stored()).toHaveLength(8);
  });

  it('waits for so many readings, and for so long, and for a margin on the way back', () => {
    const kit = kitWith({ range: { high: 10, margin: 2, raiseAfter: 3, raiseFor: '5s', clearAfter: 2 } });
    kit.send(11, 11, 9, 11, 11, 11, 11, 11);
    expect(kit.told()).toEqual([]);
    kit.send(11, 9, 9, 9, 8, 9, 8, 8);
    expect(kit.told()).toEqual([
      ['range', 'began', 11],
      ['range', 'ended', 8],
    ]);
  });

  it('says nothing of late readings', () => {
    const kit = kitWith({ range: { high: 10 } });
    kit.send(5);
    kit.take(telemetry('d', { ts: NOW - 7_200_000, values: { t: 99 } }));
    expect(kit.told()).toEqual([]);
  });

  it('is in the unit of the profile', () => {
    const kit = kitWith({ range: { high: 10 } });
    kit.known.putProfile(profile({ range: { high: 30 } }, { unit: 'Cel' }));
    const pack = [{ n: 't', u: '[degF]', v: 68 }];
    kit.take({ ...telemetry('d', JSON.stringify(pack)), format: 'senml+json' });
    kit.send(31);
    expect(kit.told()).toEqual([['range', 'began', 31]]);
  });
});

describe('a rate', () => {
  it('is that of two readings in a row', () => {
    const kit = kitWith({ rate: { perSecond: 2, margin: 1 } });
    kit.send(0, 2, 5, 7, 8);
    expect(kit.told()).toEqual([
      ['rate', 'began', 5],
      ['rate', 'ended', 8],
    ]);
    expect(kit.batch.findings.told[0]).toMatchObject({
      threshold: 2,
      evidence: { ratePerSecond: 3, previous: 2, elapsedMs: 1_000 },
    });
  });
});

describe('a value that is stuck', () => {
  it('has not changed for so many readings', () => {
    const kit = kitWith({ stuck: { readings: 4, tolerance: 0.5 } });
    kit.send(1, 1.2, 1.4, 2, 2, 2, 2, 2, 3);
    expect(kit.told()).toEqual([
      ['stuck', 'began', 2],
      ['stuck', 'ended', 3],
    ]);
    expect(kit.batch.findings.told[0]).toMatchObject({
      threshold: 4,
      evidence: { readings: 4, unchangedMs: 3_000 },
    });
  });

  it('has not changed for so long', () => {
    const kit = kitWith({ stuck: { for: '1m' } });
    kit.send(7, 7);
    kit.wait(57);
    kit.send(7);
    expect(kit.told()).toEqual([]);
    kit.send(7, 7);
    expect(kit.told()).toEqual([['stuck', 'began', 7]]);
    expect(kit.batch.findings.told[0]).toMatchObject({
      threshold: MINUTE,
      evidence: { unchangedMs: MINUTE },
    });
  });

  it('may be a boolean', () => {
    const kit = kitWith({ stuck: { readings: 3 } });
    kit.known.putProfile(profile({ stuck: { readings: 3 } }, { type: 'boolean' }));
    for (const second of [1, 2, 3]) {
      kit.take(telemetry('d', { ts: NOW - 60_000 + second * 1_000, values: { t: true } }));
    }
    expect(kit.told()).toEqual([['stuck', 'began', 1]]);
  });
});

/** Normal noise around 20 with a deviation of 1 (Box–Muller), the same at every run. */
function noise(count: number, seed = 1): number[] {
  const random = seededRandom(seed);
  return Array.from(
    { length: count },
    () => 20 + Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next()),
  );
}

describe('a z-score', () => {
  it('finds what lies far from the readings before it, and gets used to what stays', () => {
    const kit = kitWith({ zscore: { window: 50, limit: 4 } });
    kit.send(...noise(50), 40, ...noise(50));
    expect(kit.told().map(([detector, state]) => [detector, state])).toEqual([
      ['zscore', 'began'],
      ['zscore', 'ended'],
    ]);
    const [began] = kit.batch.findings.told;
    expect(began?.threshold).toBe(4);
    expect(began?.evidence['z']).toBeGreaterThan(10);
    expect(began?.evidence).toMatchObject({ readings: 50 });
    expect(began?.evidence['mean']).toBeCloseTo(20, 0);
  });

  it('measures what plain arithmetic measures, over many turns of the window', () => {
    const kit = kitWith({ zscore: { window: 8, limit: 1_000, minDeviation: 1e-9 } });
    const values = Array.from({ length: 500 }, (_, at) => 1e6 + ((at * 7_919) % 101) / 10);
    kit.send(...values);
    kit.send(2e6);
    const last = values.slice(-8);
    const mean = last.reduce((sum, value) => sum + value, 0) / 8;
    const deviation = Math.sqrt(last.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 7);
    const [finding] = kit.batch.findings.told;
    expect(finding?.evidence['mean']).toBeCloseTo(mean, 6);
    expect(finding?.evidence['deviation']).toBeCloseTo(deviation, 6);
  });

  it('says nothing before it knows, or where there is no noise to measure by', () => {
    const kit = kitWith({ zscore: { window: 20 } });
    kit.send(1, 100, 1, 100, 1, 100, 1e9);
    const flat = kitWith({ zscore: { window: 20 } });
    flat.send(...Array.from({ length: 30 }, () => 5), 6);
    expect([...kit.told(), ...flat.told()]).toEqual([]);
  });
});

describe('an EWMA control chart', () => {
  it('finds a small shift that lasts, which a range and a z-score let pass', () => {
    const kit = kitWith({
      ewma: { baseline: 200, limit: 4, clearAfter: 10 },
      zscore: { window: 100, limit: 5 },
    });
    kit.send(...noise(400));
    expect(kit.told()).toEqual([]);
    kit.send(...noise(40, 2).map((value) => value + 1.8));
    expect(kit.told().map(([detector, state]) => [detector, state])).toEqual([['ewma', 'began']]);
    const evidence = kit.batch.findings.told[0]?.evidence ?? {};
    expect(evidence['average']).toBeGreaterThan(evidence['upper'] ?? Number.POSITIVE_INFINITY);
    kit.send(...noise(60, 3));
    expect(kit.told().at(-1)?.slice(0, 2)).toEqual(['ewma', 'ended']);
  });

  it('takes target and deviation from the profile where they are given', () => {
    const kit = kitWith({ ewma: { target: 0, deviation: 1, lambda: 1, limit: 3 } });
    kit.send(2.9, -2.9, 3.1, 0);
    expect(kit.told()).toEqual([
      ['ewma', 'began', 3.1],
      ['ewma', 'ended', 0],
    ]);
    expect(kit.batch.findings.told[0]).toMatchObject({ threshold: 3, evidence: { lower: -3, upper: 3 } });
  });

  it('keeps what it learned with the commit, and goes on with it after a restart', () => {
    const first = kitWith({ ewma: { baseline: 100 } });
    first.send(...noise(100));
    const states = first.batch.findings.states;
    expect(states).toMatchObject([{ detector: 'ewma', begunAt: 0 }]);
    expect(states[0]?.center).toBeCloseTo(20, 0);
    const second = kitWith({ ewma: { baseline: 100 } }, states);
    second.send(...Array.from({ length: 20 }, () => 25));
    expect(second.told()).toMatchObject([['ewma', 'began', 25]]);
  });
});

describe('silence', () => {
  it('is noticed while nothing arrives, once, and ends with a reading', () => {
    const kit = kitWith({ missing: { after: '10m' } });
    kit.take(telemetry('d', { t: 1 }));
    expect(kit.idle(NOW + 1_000)).toBeGreaterThan(NOW + 1_000);
    expect(kit.idle(NOW + 9 * MINUTE)).toBe(NOW + 10 * MINUTE);
    expect(kit.told()).toEqual([]);
    kit.idle(NOW + 10 * MINUTE);
    kit.idle(NOW + 11 * MINUTE);
    kit.take({ ...telemetry('d', { t: 2 }), receivedAt: NOW + 12 * MINUTE });
    kit.idle(NOW + 13 * MINUTE);
    expect(kit.told()).toEqual([
      ['missing', 'began', 1],
      ['missing', 'ended', 1],
    ]);
    expect(kit.batch.findings.told).toMatchObject([
      { ts: NOW + 10 * MINUTE, threshold: 10 * MINUTE, evidence: { silentMs: 10 * MINUTE, lastTs: NOW } },
      { ts: NOW + 12 * MINUTE, evidence: { lastedMs: 2 * MINUTE } },
    ]);
  });

  it('asks not to be woken where nothing is missed', () => {
    const kit = pipelineKit();
    kit.known.put(facts('d'));
    kit.take(telemetry('d', { t: 1 }));
    kit.idle(NOW);
    expect(kit.idle(NOW + 60_000)).toBe(Number.POSITIVE_INFINITY);
  });

  it('is not noticed of devices that are gone, or whose profile asks no more', () => {
    const kit = kitWith({ missing: { after: '10m' } });
    kit.known.put(facts('e', { profile: 'p' }));
    kit.take(telemetry('d', { t: 1 }));
    kit.take(telemetry('e', { t: 1 }));
    kit.known.remove('d');
    kit.known.put(facts('e'));
    kit.idle(NOW + 11 * MINUTE);
    expect(kit.told()).toEqual([]);
  });

  it('is counted by the clock of the server, whatever the device thinks the time is', () => {
    const kit = kitWith({ missing: { after: '10m' } });
    kit.take(telemetry('d', { ts: NOW - 86_400_000, values: { t: 1 } }));
    kit.idle(NOW + 5 * MINUTE);
    expect(kit.told()).toEqual([]);
  });

  it('of a text is noticed, too', () => {
    const kit = kitWith({ missing: { after: '10m' } });
    kit.known.putProfile(profile({ missing: { after: '10m' } }, { type: 'string' }));
    kit.take(telemetry('d', { t: 'on' }));
    kit.idle(NOW + 11 * MINUTE);
    expect(kit.told()).toEqual([['missing', 'began', 0]]);
  });
});

describe('a change of the profile', () => {
  it('ends what is not looked for any more, and keeps what still is', () => {
    const kit = kitWith({ range: { high: 10 }, stuck: { readings: 3 } });
    kit.send(11, 11, 11);
    kit.known.putProfile(profile({ range: { high: 9 } }));
    kit.send(11, 5);
    expect(kit.told()).toEqual([
      ['range', 'began', 11],
      ['stuck', 'began', 11],
      ['stuck', 'ended', 11],
      ['range', 'ended', 5],
    ]);
    const kept = kit.batch.findings.states.map(({ detector, begunAt }) => [detector, begunAt]);
    expect(kept).toEqual([
      ['range', 0],
      ['stuck', 0],
    ]);
  });

  it('ends the findings of a device that is removed', () => {
    const kit = kitWith({ range: { high: 10 } });
    kit.send(11);
    kit.known.remove('d');
    kit.idle(NOW);
    expect(kit.told().at(-1)).toEqual(['range', 'ended', 11]);
  });
});

describe('a finding that began before a restart', () => {
  const begun = (detector: AnalysisState['detector']): AnalysisState => ({
    series: 0,
    detector,
    begunAt: NOW - 86_400_000,
    center: 0,
    spread: 0,
  });

  it('does not begin again, and ends as it would have', () => {
    const kit = kitWith({ range: { high: 10 } }, [begun('range')]);
    kit.send(11, 12, 5);
    expect(kit.told()).toEqual([['range', 'ended', 5]]);
    expect(kit.batch.findings.told[0]?.evidence['lastedMs']).toBeGreaterThan(80_000_000);
  });

  it('ends when nothing looks for it any more', () => {
    const kit = kitWith({ rate: { perSecond: 5 } }, [begun('range')]);
    kit.send(1);
    expect(kit.told()).toEqual([['range', 'ended', 0]]);
  });
});

it('counts every finding and tells a bounded number', () => {
  const kit = kitWith({ range: { high: 10 } });
  for (let at = 0; at < 600; at += 1) kit.send(11, 9);
  expect(kit.batch.findings.told).toHaveLength(1_000);
  expect(kit.batch.findings.counted).toEqual([
    ['range', 'began', 600],
    ['range', 'ended', 600],
  ]);
  expect(kit.batch.findings.states).toHaveLength(1);
});
