import { describe, expect, it } from 'vitest';
import { deliveredPerS, medianOf, type Round, type Rounds, ratioTo } from './broker.ts';
import { parse } from './mqtt-load.ts';
import { table } from './report.ts';
import { isMet } from './scenario.ts';
import { linearFit, median, percentile } from './statistics.ts';

describe('statistics', () => {
  it('takes the nearest rank', () => {
    const samples = [5, 1, 4, 2, 3];
    expect(median(samples)).toBe(3);
    expect(percentile(samples, 0.99)).toBe(5);
    expect(percentile(samples, 0)).toBe(1);
    expect(() => median([])).toThrow('no samples');
  });
});

describe('a line through samples', () => {
  it('finds slope and start, and how sure the slope is', () => {
    const exact = linearFit([10, 20, 30, 40].map((at) => ({ at, value: 5 + 2 * at })));
    expect(exact.slope).toBeCloseTo(2);
    expect(exact.first).toBeCloseTo(25);
    expect(exact.slopeError).toBeCloseTo(0);
    const noisy = linearFit([10, 20, 30, 40].map((at, index) => ({ at, value: index % 2 })));
    // By hand: slope 0.02, residuals of 0.8 in all, spread 500, two degrees of freedom.
    expect(noisy.slope).toBeCloseTo(0.02);
    expect(noisy.slopeError).toBeCloseTo(Math.sqrt(0.8 / 2 / 500));
  });

  it('is not drawn through two samples, nor through one time', () => {
    expect(() => linearFit([{ at: 1, value: 1 }])).toThrow('three samples');
    expect(() => linearFit([1, 2, 3].map((value) => ({ at: 7, value })))).toThrow('one time');
  });
});

describe('the load generator', () => {
  it('is read from its line, with and without latencies', () => {
    const line =
      'qos1 pubs=50 subs=1 win=20: sent=1000 acked=1000 recv=990 | sent_in=0.50s all_acked_in=0.60s drained_in=0.70s => ' +
      '1414 msgs/s end-to-end loss=1.00% | gen_cpu=0.10s gen_idle=0.20s(29%)';
    expect(parse(line)).toEqual({
      sent: 1000,
      acknowledged: 1000,
      received: 990,
      acknowledgedInS: 0.6,
      drainedInS: 0.7,
      latencyUs: undefined,
    });
    const paced = `${line} | rate=10000/s lat_us p50=180 p90=300 p99=8200 p99.9=9000 max=9100 n=990`;
    expect(parse(paced).latencyUs).toEqual({ p50: 180, p99: 8200 });
    // Held back by its own window, it forgets to write the time of sending.
    const stalled = paced.replace('p99=8200', 'p99=12148745586');
    expect(parse(stalled).latencyUs).toEqual({ p50: 180, p99: Infinity });
  });

  it('is not believed when it says something else', () => {
    expect(() => parse('connack 5')).toThrow('mqtt-load said: connack 5');
  });
});

describe('a comparison', () => {
  it('takes ratios of the rounds that ran side by side', () => {
    const round = (received: number): Round => ({
      sent: 100,
      acknowledged: 100,
      received,
      acknowledgedInS: 1,
      drainedInS: 1,
      settledInS: 1,
      cpuUs: 1,
      mainThreadUs: 1,
      peakRssMiB: 1,
    });
    const rounds: Rounds = new Map([
      ['Sensorium', [round(10), round(90), round(60)]],
      ['Mosquitto', [round(1), round(30), round(60)]],
    ]);
    expect(ratioTo(rounds, 'Mosquitto', deliveredPerS)).toBe(3);
    expect(medianOf(rounds, 'Sensorium', deliveredPerS)).toBe(60);
  });
});

describe('the table', () => {
  it('marks what falls short and names what is unavailable', () => {
    const base = { description: '', tookS: 1, quick: false, measurements: [] };
    const text = table([
      {
        ...base,
        scenario: 'a',
        measurements: [
          { what: 'rate', value: 39_999, unit: 'msg/s', asked: { atLeast: 40_000 } },
          { what: 'memory', value: 120.4, unit: 'MiB', asked: { atMost: 130 } },
          { what: 'other', value: 0.01234, unit: 's' },
        ],
      },
      { ...base, scenario: 'b', unavailable: 'no Mosquitto' },
    ]);
    expect(text).toMatch(/rate +≥ 40,000 msg\/s +39,999 msg\/s +SHORT/);
    expect(text).toMatch(/memory +≤ 130 MiB +120 MiB +ok/);
    expect(text).toMatch(/other +0\.0123 s/);
    expect(text).toMatch(/b +unavailable +no Mosquitto/);
  });

  it('counts the bound itself as met', () => {
    expect(isMet({ what: '', value: 1, unit: '', asked: { atMost: 1 } })).toBe(true);
    expect(isMet({ what: '', value: 1, unit: '' })).toBeUndefined();
  });
});
