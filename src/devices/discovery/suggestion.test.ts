import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Candidate, ProfileHint } from '../../model/discovery.ts';
import { OPEN_PROFILE, type Profile } from '../../model/profile.ts';
import { matchesGlob } from './glob.ts';
import { suggestProfile } from './suggestion.ts';

const profile = (id: string, title: string): Profile => ({ ...OPEN_PROFILE, id: id as Profile['id'], title });
const shelf = [OPEN_PROFILE, profile('energy-meter', 'Energy meter'), profile('acme-pm5110', 'Acme PM5110')];
const registry = {
  profiles: () => shelf,
  profile: (id: string) => shelf.find((one) => one.id === id),
};

const suggest = (facts: Partial<Candidate>, hints: readonly ProfileHint[] = []) =>
  suggestProfile(
    { services: [], names: [], manufacturer: undefined, model: undefined, ...facts },
    hints,
    registry,
  );

describe('a suggestion', () => {
  it('names the profile made for the model before one for its kind, with reasons', () => {
    expect(suggest({ model: 'PM5110', names: ['Power meter'] })).toEqual({
      profile: 'acme-pm5110',
      preset: undefined,
      reasons: ['says its model is "PM5110", which profile acme-pm5110 names'],
    });
  });

  it('adds up what speaks for the same, and the preset of the maker', () => {
    expect(suggest({ services: ['_shelly._tcp'], names: ['shellyplugsg3-1', 'Power meter hall'] })).toEqual({
      profile: 'energy-meter',
      preset: 'shelly',
      reasons: ['is named "shellyplugsg3-1"', 'is named "Power meter hall"', 'offers "_shelly._tcp"'],
    });
  });

  it('never names a profile that is not there, and none at all without a reason', () => {
    expect(suggest({ names: ['Weather station'] })).toBeUndefined();
    expect(suggest({}, [{ profile: 'ruuvitag', reason: 'format 5' }])).toBeUndefined();
    expect(suggest({ model: '3', names: ['x'] })).toBeUndefined();
  });
});

describe('globs', () => {
  it('agree with regular expressions', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'B', '.'), maxLength: 8 });
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?', '.'), maxLength: 6 });
    fc.assert(
      fc.property(pattern, letters, (glob, text) => {
        const source = glob.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.');
        expect(matchesGlob(glob, text)).toBe(new RegExp(`^${source}$`, 'is').test(text));
      }),
    );
  });

  it('take no exponential time', () => {
    expect(matchesGlob('*a'.repeat(100), `${'a'.repeat(250)}b`)).toBe(false);
  });
});
