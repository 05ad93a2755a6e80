/**
 * What a candidate most probably is, and why: rules over what its scanners said. Suggests; whoever admits decides.
 * A profile that is not there is never suggested.
 */

import type { TopicPreset } from '../../model/device.ts';
import type { Candidate, ProfileHint, ProfileSuggestion } from '../../model/discovery.ts';
import type { Registry } from '../../model/ports/registry.ts';
import { OPEN_PROFILE } from '../../model/profile.ts';

interface SuggestionRule {
  /** Which texts of a candidate are looked at. */
  readonly of: 'services' | 'names' | 'manufacturer' | 'model';
  readonly pattern: RegExp;
  readonly profile?: string;
  readonly preset?: TopicPreset;
  /** How sure it makes: 3 = the maker says so itself, 1 = a name that may mean anything. */
  readonly weight: 1 | 2 | 3;
}

const METER = 'energy-meter';
const CLIMATE = 'environment';

/** Service types: https://www.iana.org/assignments/service-names-port-numbers and the documents of the makers. */
const RULES: readonly SuggestionRule[] = [
  { of: 'services', pattern: /^_shelly\._tcp$/, preset: 'shelly', weight: 3 },
  { of: 'services', pattern: /^_esphomelib\._tcp$/, preset: 'homeassistant', weight: 3 },
  { of: 'names', pattern: /^tasmota[-_]/i, preset: 'tasmota', weight: 2 },
  { of: 'names', pattern: /^shelly/i, preset: 'shelly', weight: 2 },
  { of: 'names', pattern: /zigbee2mqtt/i, preset: 'zigbee2mqtt', weight: 2 },
  { of: 'names', pattern: /^shelly\w*(?:em|pm|plug)/i, profile: METER, weight: 2 },
  {
    of: 'model',
    pattern: /\b(?:3?em|energy|power|meter|sdm\d{2,3}|pm\d{4}|wattnode)\b/i,
    profile: METER,
    weight: 2,
  },
  {
    of: 'names',
    pattern: /\b(?:energy|power|meter|wattmeter|stromz(?:ä|ae)hler)\b/i,
    profile: METER,
    weight: 1,
  },
  {
    of: 'model',
    pattern: /\b(?:bme?[26]80|sht[34]\d|scd[34]\d|climate|weather|thermo\w*|hygro\w*)\b/i,
    profile: CLIMATE,
    weight: 2,
  },
  {
    of: 'names',
    pattern: /\b(?:temp\w*|climate|weather|thermo\w*|hygro\w*|air[- ]?quality|h&?t)\b/i,
    profile: CLIMATE,
    weight: 1,
  },
];

interface Vote {
  weight: number;
  readonly reasons: string[];
}

type Facts = Pick<Candidate, 'services' | 'names' | 'manufacturer' | 'model'>;

/** Undefined where nothing speaks for anything. */
export function suggestProfile(
  facts: Facts,
  hints: Iterable<ProfileHint>,
  registry: Pick<Registry, 'profile' | 'profiles'>,
): ProfileSuggestion | undefined {
  const profiles = new Map<string, Vote>();
  const presets = new Map<TopicPreset, Vote>();
  for (const { profile, reason } of hints) vote(profiles, profile, 3, reason);
  for (const rule of RULES) {
    const text = textsOf(facts, rule.of).find((candidate) => rule.pattern.test(candidate));
    if (text === undefined) continue;
    const reason = `${WORDS[rule.of]} "${text}"`;
    if (rule.profile !== undefined) vote(profiles, rule.profile, rule.weight, reason);
    if (rule.preset !== undefined) vote(presets, rule.preset, rule.weight, reason);
  }
  namedProfiles(facts, registry, profiles);
  const profile = best(profiles, (id) => registry.profile(id) !== undefined);
  const preset = best(presets, () => true);
  if (profile === undefined && preset === undefined) return undefined;
  return {
    profile: profile?.[0] ?? OPEN_PROFILE.id,
    preset: preset?.[0],
    reasons: [...new Set([...(profile?.[1].reasons ?? []), ...(preset?.[1].reasons ?? [])])],
  };
}

const WORDS: Readonly<Record<SuggestionRule['of'], string>> = {
  services: 'offers',
  names: 'is named',
  manufacturer: 'is made by',
  model: 'says its model is',
};

function textsOf(facts: Facts, of: SuggestionRule['of']): readonly string[] {
  const value = facts[of];
  return value === undefined ? [] : typeof value === 'string' ? [value] : value;
}

/** A profile whose title or id names the model was made for it: surer than anything guessed. */
const NAMED_WEIGHT = 100;

function namedProfiles(
  { model }: Facts,
  registry: Pick<Registry, 'profiles'>,
  votes: Map<string, Vote>,
): void {
  const wanted = model?.toLowerCase() ?? '';
  if (wanted.length < 4) return;
  for (const { id, title = '' } of registry.profiles()) {
    if (id !== OPEN_PROFILE.id && `${id} ${title}`.toLowerCase().includes(wanted))
      vote(votes, id, NAMED_WEIGHT, `says its model is "${model}", which profile ${id} names`);
  }
}

function vote<K extends string>(votes: Map<K, Vote>, choice: K, weight: number, reason: string): void {
  const given = votes.get(choice) ?? { weight: 0, reasons: [] };
  given.weight += weight;
  given.reasons.push(reason);
  votes.set(choice, given);
}

function best<K extends string>(
  votes: ReadonlyMap<K, Vote>,
  mayBe: (id: K) => boolean,
): readonly [K, Vote] | undefined {
  let chosen: readonly [K, Vote] | undefined;
  for (const entry of votes)
    if (mayBe(entry[0]) && (chosen === undefined || entry[1].weight > chosen[1].weight)) chosen = entry;
  return chosen;
}
