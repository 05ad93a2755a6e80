import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStateStore } from '../../../test/support/memory-state.ts';
import { silentLogger } from '../../base/logger.ts';
import { type MetricSchema, OPEN_PROFILE, type ProfileInput } from '../../model/profile.ts';
import { shippedProfiles } from '../profiles/shipped.ts';
import { profileFault } from './profile-rules.ts';
import { ProfileShelf } from './profile-shelf.ts';

const profile = (metrics: ProfileInput['metrics'], version = 1): ProfileInput => ({
  id: 'p',
  version,
  metrics,
});

describe('profiles', () => {
  let state: MemoryStateStore;
  let shelf: ProfileShelf;
  const opened = (): ProfileShelf => {
    const made = new ProfileShelf({ table: state.table<ProfileInput>('profiles'), logger: silentLogger });
    made.load();
    return made;
  };

  beforeEach(() => {
    state = new MemoryStateStore();
    shelf = opened();
  });

  it('ships profiles that pass its own rules, and always the open one', async () => {
    expect(shelf.get('open')).toEqual(OPEN_PROFILE);
    expect(shippedProfiles.map((shipped) => shipped.id)).toEqual(['energy-meter', 'environment']);
    for (const shipped of shippedProfiles) expect(await profileFault(shipped)).toBeUndefined();
    expect(shelf.all().map(({ id }) => id)).toEqual(['energy-meter', 'environment', 'open']);
  });

  it('keeps every version and serves the highest, over a restart, too', async () => {
    for (const version of [1, 2, 10]) {
      const put = await shelf.put(profile({ t: { type: 'number', maximum: version } }, version));
      expect(put.ok).toBe(true);
    }
    expect(shelf.get('p')?.version).toBe(10);
    expect(opened().get('p')).toEqual(shelf.get('p'));
    expect(state.table('profiles').count).toBe(3);
  });

  it('never changes a version, goes back, or replaces the open profile', async () => {
    await shelf.put(profile({}, 5));
    const codes: string[] = [];
    for (const input of [profile({}, 5), profile({}, 4), { ...profile({}, 9), id: 'open' }]) {
      const put = await shelf.put(input);
      codes.push(put.ok ? 'ok' : put.error.code);
    }
    expect(codes).toEqual(['profile.exists', 'profile.exists', 'profile.exists']);
  });

  it('is not changed by its caller afterwards', async () => {
    const input = profile({ t: { type: 'number' } });
    await shelf.put(input);
    Object.assign(input.metrics, { evil: { type: 'string' } });
    expect(Object.keys(shelf.get('p')?.metrics ?? {})).toEqual(['t']);
  });

  const number: MetricSchema = { type: 'number' };
  it.each<[string, ProfileInput['metrics']]>([
    ['minimum above maximum', { t: { ...number, minimum: 2, maximum: 1 } }],
    ['a range on text', { t: { type: 'string', minimum: 1 } }],
    ['a length on a number', { t: { ...number, maxLength: 5 } }],
    ['scale 0', { t: { ...number, scale: 0 } }],
    ['an empty enum', { t: { ...number, enum: [] } }],
    ['an enum of another type', { t: { ...number, enum: ['1'] } }],
    ['a repeated enum value', { t: { ...number, enum: [1, 1] } }],
    ['an enum value out of range', { t: { ...number, enum: [1, 5], maximum: 4 } }],
    ['a fraction in an integer enum', { t: { type: 'integer', enum: [1.5] } }],
    ['two metrics stored under one name', { a: { ...number, rename: 'b' }, b: number }],
    ['a reserved metric name', JSON.parse('{"__proto__":{"type":"number"}}')],
    ['a reserved new name', { t: { ...number, rename: 'constructor' } }],
    ['a control character in a metric name', { 'a\u0007': number }],
    ['a metric name of 200 characters', { ['x'.repeat(200)]: number }],
    ['a direction mark in a unit', { t: { ...number, unit: 'C\u202E' } }],
    ['an unknown type', JSON.parse('{"t":{"type":"float"}}')],
    ['an unknown field', JSON.parse('{"t":{"type":"number","min":1}}')],
    ['an expression beside a scale', { t: { ...number, expression: 'value', scale: 2 } }],
    ['a type as sent without an expression', { t: { ...number, sent: 'string' } }],
    ['a detector of numbers on text', { t: { type: 'string', analysis: { zscore: {} } } }],
    ['a range without limits', { t: { ...number, analysis: { range: {} } } }],
    ['a range whose margins meet', { t: { ...number, analysis: { range: { low: 1, high: 2, margin: 1 } } } }],
    [
      'a margin that no value can get over',
      { t: { ...number, analysis: { zscore: { limit: 2, margin: 2 } } } },
    ],
    ['silence without a time', JSON.parse('{"t":{"type":"number","analysis":{"missing":{}}}}')],
    ['a time without a unit', { t: { ...number, analysis: { missing: { after: '10' } } } }],
    ['a detector there is none of', JSON.parse('{"t":{"type":"number","analysis":{"arima":{}}}}')],
    ['two rates', { t: { ...number, maxRatePerSecond: 1, analysis: { rate: { perSecond: 1 } } } }],
    ['too many metrics', Object.fromEntries(Array.from({ length: 1_001 }, (_, i) => [`m${i}`, number]))],
  ])('refuses %s', async (_what, metrics) => {
    const put = await shelf.put(profile(metrics));
    expect(put.ok ? 'ok' : put.error.code).toBe('profile.invalid');
    expect(shelf.get('p')).toBeUndefined();
  });

  it.each<[string, ProfileInput['derived']]>([
    ['the name of a metric', { t: { expression: 'u' } }],
    ['the name a metric is stored under', { v: { expression: 't' } }],
    ['a reserved name', JSON.parse('{"__proto__":{"expression":"t"}}')],
    ['an input that nothing is stored as', { d: { expression: 'a + t', inputs: { a: 'u' } } }],
    ['minimum above maximum', { d: { expression: 't', minimum: 2, maximum: 1 } }],
    ['a range on a boolean', { d: { type: 'boolean', expression: 't > 1.0', minimum: 2 } }],
    ['too many', Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`d${i}`, { expression: 't' }]))],
  ])('refuses a derived metric with %s', async (_what, derived) => {
    const put = await shelf.put({ ...profile({ t: number, u: { ...number, rename: 'v' } }), derived });
    expect(put.ok ? 'ok' : put.error.code).toBe('profile.invalid');
  });

  it.each<[string, Partial<ProfileInput>, string, RegExp]>([
    [
      'that is not finished',
      { metrics: { t: { ...number, expression: 'value +' } } },
      'expression.invalid',
      /"t": at character 8/,
    ],
    [
      'of the wrong type',
      { metrics: { t: { type: 'boolean', expression: '"on"' } } },
      'expression.invalid',
      /"t": gives string/,
    ],
    [
      'that gives text',
      { metrics: { t: { type: 'string', expression: 'value' } } },
      'expression.invalid',
      /no text/,
    ],
    [
      'of a metric it does not know',
      { metrics: { t: number }, derived: { d: { expression: 't + u' } } },
      'expression.invalid',
      /"d": at character 5/,
    ],
    [
      'of nothing',
      { metrics: { t: number }, derived: { d: { expression: '1.0' } } },
      'expression.invalid',
      /reads no metric/,
    ],
    [
      'that may never end',
      { metrics: { t: { ...number, expression: `${'value+'.repeat(140)}value` } } },
      'expression.too_costly',
      /"t": at character/,
    ],
  ])('refuses an expression %s, and says where', async (_what, more, code, message) => {
    const put = await shelf.put({ ...profile({}), ...more });
    expect(put.ok ? 'ok' : put.error.code).toBe(code);
    expect(put.ok ? '' : put.error.message).toMatch(message);
    expect(shelf.get('p')).toBeUndefined();
  });

  it('takes expressions, derived metrics and detectors', async () => {
    const put = await shelf.put({
      ...profile({
        t: {
          ...number,
          expression: 'value * 1.8 + 32.0',
          analysis: { range: { high: 80, margin: 1 }, missing: { after: '1h' } },
        },
        door: { type: 'boolean', analysis: { stuck: { for: '1d' } } },
      }),
      derived: { d: { expression: 'door ? t : 0.0', unit: '1', analysis: { ewma: {} } } },
    });
    expect(put.ok ? 'ok' : put.error.message).toBe('ok');
  });

  const t: ProfileInput['metrics'] = { t: number };
  it.each<[string, string, NonNullable<ProfileInput['windows']>]>([
    ['a hopping window without advance', 'need advance', { w: { kind: 'hopping', size: '1m' } }],
    [
      'a tumbling window with a gap',
      'gap is not for tumbling',
      { w: { kind: 'tumbling', size: '1m', gap: '1s' } },
    ],
    ['a session without a gap', 'need gap', { w: { kind: 'session' } }],
    ['a size that is no multiple', 'multiple', { w: { kind: 'hopping', size: '10s', advance: '3s' } }],
    ['a size of a month', 'size is', { w: { kind: 'tumbling', size: '30d' } }],
    ['an offset beyond the size', 'offset is', { w: { kind: 'tumbling', size: '1m', offset: '1m' } }],
    [
      'too many windows open at once',
      'would be open',
      { w: { kind: 'tumbling', size: '1s', lateness: '1d' } },
    ],
    ['a metric the profile has not', 'no metric', { w: { kind: 'tumbling', size: '1m', metrics: ['x'] } }],
    ['a quantile above 1', 'quantiles', { w: { kind: 'tumbling', size: '1m', quantiles: [95] } }],
    ['a duration in words', 'size', { w: { kind: 'tumbling', size: 'a minute' } }],
    ['a name with a blank', 'windows', { 'a b': { kind: 'tumbling', size: '1m' } }],
  ])('refuses %s', async (_what, why, windows) => {
    const put = await shelf.put({ ...profile(t), additionalMetrics: false, windows });
    expect(put.ok ? 'ok' : `${put.error.code} ${put.error.message}`).toContain(`profile.invalid`);
    expect(put.ok ? '' : put.error.message).toContain(why);
  });

  it('takes windows of every kind', async () => {
    const windows: ProfileInput['windows'] = {
      '1min': { kind: 'tumbling', size: '1m', delay: '0s', lateness: '0s' },
      '10min': {
        kind: 'hopping',
        size: '10m',
        advance: '1m',
        offset: '30s',
        quantiles: [0.5, 0.95],
        metrics: ['t'],
      },
      moving: { kind: 'sliding', size: '5m', idle: '10s' },
      run: { kind: 'session', gap: '2m' },
    };
    const put = await shelf.put({ ...profile(t), windows });
    expect(put.ok && put.value.windows).toEqual(windows);
  });

  it('takes a swap of two names, which mixes nothing', async () => {
    const put = await shelf.put(profile({ a: { ...number, rename: 'b' }, b: { ...number, rename: 'a' } }));
    expect(put.ok).toBe(true);
  });
});
