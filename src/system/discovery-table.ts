/**
 * The tables of `discovery:` in sensorium.yaml: the ranges that may be asked, and the provision watchers. What is allowed
 * there, and the way from leaves with lines to what discovery is told.
 */
import {
  DISCOVERY_TEXT_MAX_CHARS,
  DISCOVERY_WATCHERS_MAX,
  PROBE_ADDRESSES_MAX,
  PROBE_RANGES_MAX,
} from '../base/limits.ts';
import { err, ok, type Result } from '../base/result.ts';
import { parseRange } from '../devices/discovery/network/ranges.ts';
import {
  type DiscoverySettings,
  SCANNER_NAMES,
  type WatcherMatch,
  type WatcherSettings,
} from '../devices/discovery/settings.ts';

interface WatcherSetting {
  readonly key: string;
  readonly check: (value: unknown) => boolean;
  readonly allowed: string;
  readonly meaning: string;
}

/** Where something is wrong: `place` as in the leaves. */
interface DiscoveryFault {
  readonly place: string;
  readonly message: string;
}

interface Given {
  readonly value: unknown;
  readonly place: string;
}

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= DISCOVERY_TEXT_MAX_CHARS;
const isRange = (value: unknown): boolean => isText(value) && parseRange(value) !== undefined;
const GLOB = 'a text; * for any, ? for one character';
const RANGE = 'an address range like 192.168.1.0/24';

/** What a candidate is matched by; `profile` and `parent` are what it gets. */
export const WATCHER_SETTINGS: readonly WatcherSetting[] = [
  {
    key: 'scanner',
    check: (value) => SCANNER_NAMES.some((name) => name === value),
    allowed: SCANNER_NAMES.join(', '),
    meaning: 'Seen by this scanner',
  },
  { key: 'service', check: isText, allowed: GLOB, meaning: 'Offers this service, like _shelly._tcp' },
  { key: 'name', check: isText, allowed: GLOB, meaning: 'One of its names, or its host name' },
  { key: 'manufacturer', check: isText, allowed: GLOB, meaning: 'Its maker, as it says' },
  { key: 'model', check: isText, allowed: GLOB, meaning: 'Its model, as it says' },
  { key: 'mac', check: isText, allowed: `${GLOB}, like a4:cf:12:*`, meaning: 'Its MAC address' },
  { key: 'address', check: isRange, allowed: RANGE, meaning: 'One of its addresses lies there' },
  {
    key: 'profile',
    check: isText,
    allowed: 'the id of a profile',
    meaning: 'What it gets; absent: as suggested',
  },
  { key: 'parent', check: isText, allowed: 'the id of a gateway', meaning: 'What it hangs on' },
];

const MATCHES: ReadonlySet<string> = new Set(
  WATCHER_SETTINGS.map(({ key }) => key).filter((key) => key !== 'profile' && key !== 'parent'),
);
const RANGE_KEY = /^discovery\.ranges\[\d+\]$/;
const WATCHER_KEY = /^discovery\.watchers\.([a-z0-9][a-z0-9-]{0,31})\.([A-Za-z]+)$/;

export const isDiscoveryKey = (key: string): boolean =>
  key.startsWith('discovery.ranges') || key.startsWith('discovery.watchers');

interface Draft {
  readonly place: string;
  readonly values: Map<string, string>;
}

/** `values`: the leaves of the file, of which these are some. */
export function readDiscovery(
  values: ReadonlyMap<string, Given>,
): Result<Omit<DiscoverySettings, 'scanners'>, DiscoveryFault> {
  const ranges: string[] = [];
  const drafts = new Map<string, Draft>();
  for (const [key, given] of values) {
    if (!isDiscoveryKey(key)) continue;
    const fault = key.startsWith('discovery.ranges')
      ? takeRange(ranges, key, given)
      : takeWatcher(drafts, key, given);
    if (fault !== undefined) return err(fault);
  }
  const watchers: WatcherSettings[] = [];
  for (const [name, { place, values: texts }] of drafts) {
    if (watchers.length >= DISCOVERY_WATCHERS_MAX)
      return err({ place, message: `too many watchers; allowed: ${DISCOVERY_WATCHERS_MAX}` });
    if (![...texts.keys()].some((key) => MATCHES.has(key)))
      return err({
        place,
        message: `discovery.watchers.${name} matches everything; allowed: at least one of ${[...MATCHES].join(', ')}`,
      });
    watchers.push(build(name, texts));
  }
  return ok({ ranges, watchers });
}

/** IPv6 ranges cannot be walked; they are refused here rather than silently left out. */
function takeRange(ranges: string[], key: string, { value, place }: Given): DiscoveryFault | undefined {
  const range = RANGE_KEY.test(key) && isText(value) ? parseRange(value) : undefined;
  if (range === undefined || range.family === 6)
    return {
      place,
      message: `${key} cannot be ${shown(value)}; allowed: a list of IPv4 ranges like 192.168.1.0/24`,
    };
  if (ranges.length >= PROBE_RANGES_MAX)
    return { place, message: `too many ranges; allowed: ${PROBE_RANGES_MAX}` };
  const before = ranges.reduce((sum, text) => sum + (parseRange(text)?.size ?? 0), 0);
  if (before + range.size > PROBE_ADDRESSES_MAX)
    return { place, message: `the ranges hold too many addresses; allowed: ${PROBE_ADDRESSES_MAX} in all` };
  ranges.push(range.text);
  return undefined;
}

function takeWatcher(
  drafts: Map<string, Draft>,
  key: string,
  { value, place }: Given,
): DiscoveryFault | undefined {
  const [, name, last] = WATCHER_KEY.exec(key) ?? [];
  const setting = WATCHER_SETTINGS.find((candidate) => candidate.key === last);
  if (name === undefined || setting === undefined) {
    const known = WATCHER_SETTINGS.map((candidate) => candidate.key).join(', ');
    const allowed = `discovery.watchers.{name of a-z, 0-9 and -, 32 at most}: ${known}`;
    return { place, message: `unknown setting "${key}"; allowed: ${allowed}` };
  }
  if (!isText(value) || !setting.check(value))
    return { place, message: `${key} cannot be ${shown(value)}; allowed: ${setting.allowed}` };
  const draft = drafts.get(name) ?? { place, values: new Map<string, string>() };
  drafts.set(name, draft);
  draft.values.set(setting.key, value);
  return undefined;
}

const shown = (value: unknown): string => JSON.stringify(value)?.slice(0, 80) ?? 'nothing';

function build(name: string, texts: ReadonlyMap<string, string>): WatcherSettings {
  const match: WatcherMatch = {
    scanner: texts.get('scanner'),
    service: texts.get('service'),
    name: texts.get('name'),
    manufacturer: texts.get('manufacturer'),
    model: texts.get('model'),
    mac: texts.get('mac'),
    address: texts.get('address'),
  };
  return { name, match, profile: texts.get('profile'), parent: texts.get('parent') };
}
