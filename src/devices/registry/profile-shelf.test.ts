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
    ['too many metrics', Object.fromEntries(Array.from({ length: 1_001 }, (_, i) => [`m${i}`, number]))],
  ])('refuses %s', async (_what, metrics) => {
    const put = await shelf.put(profile(metrics));
    expect(put.ok ? 'ok' : put.error.code).toBe('profile.invalid');
    expect(shelf.get('p')).toBeUndefined();
  });

  it('takes a swap of two names, which mixes nothing', async () => {
    const put = await shelf.put(profile({ a: { ...number, rename: 'b' }, b: { ...number, rename: 'a' } }));
    expect(put.ok).toBe(true);
  });
});
