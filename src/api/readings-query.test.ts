import { describe, expect, it } from 'vitest';
import { parseDuration } from '../base/time-units.ts';
import { formatOf, metricsFrom, readingsQuery } from './readings-query.ts';
import { parseTime } from './time-text.ts';

const NOW = 1_790_000_000_000;

describe('durations', () => {
  it('are read with units, or as milliseconds', () => {
    const known = {
      '500ms': 500,
      '10s': 10_000,
      '1m': 60_000,
      '1h': 3_600_000,
      '1d': 86_400_000,
      '250': 250,
    };
    for (const [text, ms] of Object.entries(known)) expect(parseDuration(text)).toBe(ms);
    for (const text of ['', '0', '0s', '-1h', '1.5h', '1y', '1 h', 'h', '999999999999999d']) {
      expect(parseDuration(text)).toBeUndefined();
    }
  });
});

describe('times', () => {
  it('are milliseconds, ISO 8601, or relative to now; without zone they are UTC on every host', () => {
    const known = {
      '1700000000000': 1_700_000_000_000,
      '-1h': NOW - 3_600_000,
      '-7d': NOW - 7 * 86_400_000,
      now: NOW,
      '2026-01-02': Date.UTC(2026, 0, 2),
      '2026-01-02T03:04:05Z': Date.UTC(2026, 0, 2, 3, 4, 5),
      '2026-01-02T03:04:05': Date.UTC(2026, 0, 2, 3, 4, 5),
      '2026-01-02 03:04': Date.UTC(2026, 0, 2, 3, 4),
      '2026-01-02T03:04:05.250+02:00': Date.UTC(2026, 0, 2, 1, 4, 5, 250),
    };
    for (const [text, ms] of Object.entries(known)) expect([text, parseTime(text, NOW)]).toEqual([text, ms]);
    for (const text of [
      '',
      'yesterday',
      '1h',
      '-',
      '-1y',
      '2026-13-01',
      '2026-02-30T25:00Z',
      'Jan 1 2026',
      '1e12',
    ]) {
      expect([text, parseTime(text, NOW)]).toEqual([text, undefined]);
    }
  });
});

describe('the query of the telemetry route', () => {
  it.each([
    [{ from: '-1h', to: '-2h' }, 'from'],
    [{ from: 'soon' }, 'from'],
    [{ to: 'later' }, 'to'],
    [{ interval: '0' }, 'interval'],
    [{ points: 100 }, 'points'],
    [{ downsample: 'm4', interval: '1m' }, 'downsample'],
    [{ downsample: 'lttb', order: 'desc' }, 'downsample'],
    [{ downsample: 'lttb', format: 'csv' }, 'downsample'],
    [{ agg: 'avg' }, 'agg'],
    [{ interval: '1m', order: 'desc' }, 'order'],
    [{ metric: [Array.from({ length: 101 }, (_, i) => `m${i}`).join(',')] }, 'metric'],
  ] as const)('names the parameter that is wrong: %o', (parameters, name) => {
    const query = readingsQuery('station', parameters, NOW);
    expect(query).toMatchObject({ ok: false, error: { code: 'query.invalid' } });
    if (!query.ok) expect(query.error.message).toMatch(new RegExp(`^${name}: `));
  });

  it('averages buckets where no aggregate is named', () => {
    expect(readingsQuery('station', { interval: '10s' }, NOW)).toMatchObject({
      ok: true,
      value: { intervalMs: 10_000, aggregate: 'avg' },
    });
  });

  it('reads lists of metrics, and formats from parameter before header', () => {
    expect(metricsFrom(['a,b', 'b', ',c'])).toEqual(['a', 'b', 'c']);
    expect(metricsFrom([','])).toBeUndefined();
    expect(formatOf({}, 'text/csv, */*')).toBe('csv');
    expect(formatOf({ format: 'json' }, 'text/csv')).toBe('json');
    expect(formatOf({}, '*/*')).toBe('json');
  });
});
