/**
 * The section `bridges:` of sensorium.yaml: one table per bridge, each with a table of topics. Its settings, what is
 * allowed there, and the way from leaves with lines to what a bridge is told.
 */
import { resolve } from 'node:path';
import { BRIDGE_TOPICS_MAX, BRIDGES_MAX } from '../base/limits.ts';
import { err, ok, type Result } from '../base/result.ts';
import { Secret } from '../base/secret.ts';
import {
  type BridgeSettings,
  type BridgeTopic,
  DIRECTIONS,
} from '../communication/bridge/bridge-settings.ts';

interface BridgeSetting {
  readonly key: string;
  readonly check: (value: unknown) => boolean;
  /** Absent: it may be left out, and means nothing then; `null`: it must be given. */
  readonly fallback?: string | number | null;
  readonly allowed: string;
  readonly meaning: string;
}

/** Where something is wrong: `place` as in the leaves. */
interface BridgeFault {
  readonly place: string;
  readonly message: string;
}

interface Given {
  readonly value: unknown;
  readonly place: string;
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const isPrefix = (value: unknown): boolean => typeof value === 'string' && !/[+#\0]/.test(value);
const isFilter = (value: unknown): boolean =>
  isText(value) &&
  !value.startsWith('$share/') &&
  /^(\+|#|[^+#\0/]*)(\/(\+|#|[^+#\0/]*))*$/.test(value) &&
  !/#./.test(value);

/** Credentials have their own settings: an address is shown in logs. */
function isAddress(value: unknown): boolean {
  const url = isText(value) && URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || url.hostname === '') return false;
  return (
    /^(mqtts?|wss?):$/.test(url.protocol) && url.username === '' && url.password === '' && url.search === ''
  );
}

export const BRIDGE_SETTINGS: readonly BridgeSetting[] = [
  {
    key: 'url',
    check: isAddress,
    fallback: null,
    allowed: 'mqtt://, mqtts://, ws:// or wss:// with host and port, without credentials',
    meaning: 'The other server',
  },
  {
    key: 'version',
    check: (value) => value === '3.1.1' || value === 5 || value === '5',
    fallback: 5,
    allowed: '5 or 3.1.1',
    meaning: 'Of MQTT, as the other server speaks it',
  },
  {
    key: 'clientId',
    check: isText,
    allowed: 'a text',
    meaning: 'Our name there; absent: made once and kept',
  },
  { key: 'username', check: isText, allowed: 'a text', meaning: 'User there' },
  {
    key: 'passwordFile',
    check: isText,
    allowed: 'a path',
    meaning: 'File with the password, read at each connect',
  },
  {
    key: 'passwordEnv',
    check: isText,
    allowed: 'the name of an environment variable that is set',
    meaning: 'Environment variable with the password',
  },
  { key: 'caFile', check: isText, allowed: 'a path', meaning: 'PEM file of the only authorities trusted' },
  { key: 'certFile', check: isText, allowed: 'a path', meaning: 'PEM file of our certificate' },
  { key: 'keyFile', check: isText, allowed: 'a path', meaning: 'PEM file of its key' },
];

export const BRIDGE_TOPIC_SETTINGS: readonly BridgeSetting[] = [
  {
    key: 'direction',
    check: (value) => DIRECTIONS.some((direction) => direction === value),
    fallback: null,
    allowed: DIRECTIONS.join(', '),
    meaning: 'Out to the other server, in from it',
  },
  {
    key: 'filter',
    check: isFilter,
    fallback: null,
    allowed: 'a topic filter',
    meaning: 'Topics that cross, without the prefixes',
  },
  {
    key: 'localPrefix',
    check: isPrefix,
    fallback: '',
    allowed: 'a text without wildcards',
    meaning: 'Before the filter here',
  },
  {
    key: 'remotePrefix',
    check: isPrefix,
    fallback: '',
    allowed: 'a text without wildcards',
    meaning: 'Before the filter there',
  },
  {
    key: 'qos',
    check: (value) => value === 0 || value === 1,
    fallback: 1,
    allowed: '0 or 1',
    meaning: 'The most a message is forwarded with',
  },
];

const SECTION = 'bridges.';
const KEY = /^bridges\.([a-z0-9][a-z0-9-]{0,31})\.(?:topics\[([0-9]+)\]\.)?([A-Za-z]+)$/;

export const isBridgeKey = (key: string): boolean => key.startsWith(SECTION);

/** Values by key, with the place of the first. */
class Row {
  readonly #values = new Map<string, string | number>();
  readonly place: string;

  constructor(place: string) {
    this.place = place;
  }

  set(key: string, value: unknown): void {
    if (typeof value === 'string' || typeof value === 'number') this.#values.set(key, value);
  }

  get(key: string): string | number | undefined {
    return this.#values.get(key);
  }

  text(key: string): string | undefined {
    return this.#values.get(key)?.toString();
  }

  /** What must be given and is not. */
  missing(settings: readonly BridgeSetting[]): BridgeFault | undefined {
    for (const { key, fallback, allowed } of settings) {
      if (fallback === null && !this.#values.has(key))
        return { place: this.place, message: `${key} is missing; allowed: ${allowed}` };
    }
    return undefined;
  }
}

interface Draft {
  readonly row: Row;
  readonly topics: Map<string, Row>;
}

/** `values`: the leaves of the file, of which these are some. */
export function readBridges(
  values: ReadonlyMap<string, Given>,
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
): Result<readonly BridgeSettings[], BridgeFault> {
  const drafts = new Map<string, Draft>();
  for (const [key, given] of values) {
    const fault = isBridgeKey(key) ? take(drafts, key, given) : undefined;
    if (fault !== undefined) return err(fault);
  }
  const bridges: BridgeSettings[] = [];
  for (const [name, draft] of drafts) {
    const fault = faultOf(name, draft, env, bridges.length);
    if (fault !== undefined) return err(fault);
    bridges.push(build(name, draft, env, cwd));
  }
  return ok(bridges);
}

function take(drafts: Map<string, Draft>, key: string, { value, place }: Given): BridgeFault | undefined {
  const [, name, index, last = ''] = KEY.exec(key) ?? [];
  const settings = index === undefined ? BRIDGE_SETTINGS : BRIDGE_TOPIC_SETTINGS;
  const setting = settings.find((candidate) => candidate.key === last);
  if (name === undefined || setting === undefined) {
    const known = settings.map((candidate) => candidate.key).join(', ');
    const allowed = `bridges.{name of a-z, 0-9 and -, 32 at most}: ${known}${index === undefined ? ', topics' : ''}`;
    return { place, message: `unknown setting "${key}"; allowed: ${allowed}` };
  }
  if (!setting.check(value)) {
    const shown = JSON.stringify(value)?.slice(0, 80) ?? 'nothing';
    return { place, message: `${key} cannot be ${shown}; allowed: ${setting.allowed}` };
  }
  const draft = drafts.get(name) ?? { row: new Row(place), topics: new Map<string, Row>() };
  drafts.set(name, draft);
  const row = index === undefined ? draft.row : (draft.topics.get(index) ?? new Row(place));
  if (index !== undefined) draft.topics.set(index, row);
  row.set(last, value);
  return undefined;
}

function faultOf(
  name: string,
  { row, topics }: Draft,
  env: Readonly<Record<string, string | undefined>>,
  before: number,
): BridgeFault | undefined {
  const { place } = row;
  const of = (message: string): BridgeFault => ({ place, message: `bridges.${name}: ${message}` });
  const variable = row.text('passwordEnv');
  if (before >= BRIDGES_MAX) return of(`too many bridges; allowed: ${BRIDGES_MAX}`);
  if (topics.size === 0 || topics.size > BRIDGE_TOPICS_MAX)
    return of(`topics cannot be ${topics.size}; allowed: 1 to ${BRIDGE_TOPICS_MAX}`);
  if (variable !== undefined && row.text('passwordFile') !== undefined)
    return of('passwordEnv and passwordFile are both given; allowed: one of them');
  if (variable !== undefined && (env[variable] ?? '') === '')
    return of(`passwordEnv names ${variable}, which is not set; allowed: a variable that is`);
  if ((row.text('certFile') === undefined) !== (row.text('keyFile') === undefined))
    return of('certFile and keyFile belong together; allowed: both or none');
  if (row.text('certFile') !== undefined && !/^(mqtts|wss):/.test(row.text('url') ?? ''))
    return of('certFile needs TLS; allowed: mqtts:// or wss://');
  const missing = [
    row.missing(BRIDGE_SETTINGS),
    ...[...topics.values()].map((topic) => topic.missing(BRIDGE_TOPIC_SETTINGS)),
  ];
  const [first] = missing.filter((fault) => fault !== undefined);
  return first && { place: first.place, message: `bridges.${name}: ${first.message}` };
}

function build(
  name: string,
  { row, topics }: Draft,
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
): BridgeSettings {
  const path = (key: string): string | undefined => {
    const text = row.text(key);
    return text === undefined ? undefined : resolve(cwd, text);
  };
  const file = path('passwordFile');
  const variable = row.text('passwordEnv');
  return {
    name,
    url: row.text('url') ?? '',
    version: row.get('version') === '3.1.1' ? 4 : 5,
    clientId: row.text('clientId'),
    username: row.text('username'),
    password:
      file !== undefined ? { file } : variable === undefined ? undefined : new Secret(env[variable] ?? ''),
    caFile: path('caFile'),
    certFile: path('certFile'),
    keyFile: path('keyFile'),
    topics: [...topics.values()].map(topicOf),
  };
}

const topicOf = (row: Row): BridgeTopic => ({
  direction: DIRECTIONS.find((direction) => direction === row.text('direction')) ?? 'out',
  filter: row.text('filter') ?? '',
  localPrefix: row.text('localPrefix') ?? '',
  remotePrefix: row.text('remotePrefix') ?? '',
  qos: row.get('qos') === 0 ? 0 : 1,
});
