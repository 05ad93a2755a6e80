import { describe, expect, it } from 'vitest';
import type { Profile } from '../../model/profile.ts';
import { mergeKeepTimes, parseKeepTime } from '../../model/retention.ts';
import { KnownDevices } from '../pipeline/known-devices.ts';
import { KIND_NUMBER, type Series, SeriesDirectory } from '../series.ts';
import { facts } from '../test-kit.ts';
import { RetentionPolicy } from './policy.ts';

const DAY = 86_400_000;
const TODAY = Date.parse('2026-09-21T00:00:00Z');
const NOW = TODAY + 12_345;
const FOR_EVER = Number.POSITIVE_INFINITY;

const profile = (more: Partial<Profile>): Profile =>
  ({ id: 'meter', version: 1, metrics: {}, ...more }) as Profile;

const series = (id: number, device: string, metric: string): Series => ({
  id,
  device,
  metric,
  unit: '',
  kind: KIND_NUMBER,
});

function policyOf(...profiles: readonly Profile[]) {
  const known = new KnownDevices();
  for (const one of profiles) known.putProfile(one);
  known.put(facts('m', { profile: 'meter' }));
  known.put(facts('o'));
  const directory = new SeriesDirectory([
    series(0, 'm', 'power'),
    series(1, 'm', 'volts'),
    series(2, 'o', 'power'),
    series(3, 'gone', 'power'),
  ]);
  const defaults = { raw: 30 * DAY, minute: 365 * DAY, hour: FOR_EVER };
  return { known, policy: new RetentionPolicy({ defaults, known, series: () => directory }) };
}

describe('retention policy', () => {
  it('goes by whole days, hours by the month, and never for what is kept for ever', async () => {
    const { policy } = policyOf();
    expect(await policy.cutoffs(NOW)).toEqual({
      defaults: { raw: TODAY - 30 * DAY, minute: TODAY - 365 * DAY, hour: 0 },
      overrides: new Map(),
    });
    const years = mergeKeepTimes({ raw: '1d', minute: '1d', hour: '1y' }, { raw: 0, minute: 0, hour: 0 });
    const known = new KnownDevices();
    const bounded = new RetentionPolicy({ defaults: years, known, series: () => undefined });
    expect((await bounded.cutoffs(NOW)).defaults.hour).toBe(Date.parse('2025-09-01T00:00:00Z'));
  });

  it('lets the metric speak before its profile, by the name it is stored under', async () => {
    const { policy } = policyOf(
      profile({
        retention: { raw: '7d' },
        metrics: { p: { type: 'number', rename: 'power', retention: { raw: '2y' } } },
      }),
    );
    const { overrides } = await policy.cutoffs(NOW);
    expect(overrides).toEqual(
      new Map([
        // Minutes of the power are kept as long as its readings.
        [0, { raw: TODAY - 730 * DAY, minute: TODAY - 730 * DAY, hour: 0 }],
        [1, { raw: TODAY - 7 * DAY, minute: TODAY - 365 * DAY, hour: 0 }],
      ]),
    );
  });

  it('answers with the same object until a day, a device or a profile changes', async () => {
    const { policy, known } = policyOf(profile({ retention: { raw: 'forever' } }));
    const first = await policy.cutoffs(NOW);
    expect(first.overrides.get(0)?.raw).toBe(0);
    expect(await policy.cutoffs(NOW + 1_000)).toBe(first);
    expect(await policy.cutoffs(NOW + DAY)).not.toBe(first);
    const second = await policy.cutoffs(NOW + DAY);
    known.put(facts('m'));
    expect((await policy.cutoffs(NOW + DAY)).overrides.size).toBe(0);
    expect(await policy.cutoffs(NOW + DAY)).not.toBe(second);
  });

  it('reads times in days, weeks and years, and nothing else', () => {
    expect(['1d', '2w', '1y', 'forever'].map(parseKeepTime)).toEqual([DAY, 14 * DAY, 365 * DAY, FOR_EVER]);
    for (const wrong of ['', '0d', '1h', '1.5d', '-1d', '1', 'd', '1d ', 'Forever']) {
      expect(parseKeepTime(wrong)).toBeUndefined();
    }
  });
});
