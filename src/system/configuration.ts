/**
 * Reads the configuration: flags over environment over sensorium.yaml over defaults, each value checked against
 * the one table of settings. An error names the place (file and line, variable, flag), the value and what is
 * allowed there.
 */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { err, ok, type Result } from '../base/result.ts';
import { SIZE_UNITS } from '../base/size-units.ts';
import { TIME_UNITS_MS } from '../base/time-units.ts';
import { problem, type SensoriumError } from '../model/errors.ts';
import { mergeKeepTimes } from '../model/retention.ts';
import { isBridgeKey, readBridges } from './bridge-table.ts';
import { isDiscoveryKey, readDiscovery } from './discovery-table.ts';
import {
  type Configuration,
  LOG_LEVELS,
  type PortSetting,
  readScanners,
  SETTINGS,
  type Setting,
} from './settings.ts';

const CONFIGURATION_FILE = 'sensorium.yaml';

interface Source {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/** A value and where it came from, for the error message. */
interface Given {
  readonly value: unknown;
  readonly place: string;
}

type Values = Map<string, Given>;

export async function readConfiguration(source: Source): Promise<Result<Configuration, SensoriumError>> {
  const flags = readFlags(source.argv);
  if (!flags.ok) return flags;
  const path = flags.value.get('config')?.value ?? source.env['SENSORIUM_CONFIG'];
  const file = await readFile(source.cwd, typeof path === 'string' ? path : undefined);
  if (!file.ok) return file;
  const sources = [file.value, readEnvironment(source.env), flags.value];
  // What another source overrides is checked, too: it would be the surprise of the day that removes the override.
  const fault = sources.map(firstFault).find((found) => found !== undefined);
  if (fault !== undefined) return err(fault);
  const bridges = readBridges(file.value, source.env, source.cwd);
  if (!bridges.ok) return err(problem('config.invalid', `${bridges.error.place}: ${bridges.error.message}`));
  const discovery = readDiscovery(file.value);
  if (!discovery.ok)
    return err(problem('config.invalid', `${discovery.error.place}: ${discovery.error.message}`));
  const values = new Map(sources.flatMap((given) => [...given]));
  const built = build(values, source.cwd);
  const scanners = readScanners(values.get('discovery.scanners')?.value ?? 'on') ?? [];
  return ok({ ...built, bridges: bridges.value, discovery: { scanners, ...discovery.value } });
}

function firstFault(values: Values): SensoriumError | undefined {
  for (const setting of SETTINGS) {
    const given = values.get(setting.key);
    if (given !== undefined && !setting.check(given.value)) return refuse(setting, given);
  }
  return undefined;
}

function readFlags(argv: readonly string[]): Result<Values, SensoriumError> {
  const values: Values = new Map();
  for (let i = 0; i < argv.length; i += 1) {
    const [name, inline] = splitFlag(argv[i] ?? '');
    const setting = SETTINGS.find((candidate) => candidate.flag === name);
    const key = setting?.key ?? (name === '--config' ? 'config' : undefined);
    if (key === undefined) {
      const known = [...SETTINGS.map((candidate) => candidate.flag), '--config', '--verbose'].join(' ');
      return err(problem('config.invalid', `unknown flag ${name}; allowed: ${known}`));
    }
    const value = inline ?? argv[(i += 1)];
    if (value === undefined)
      return err(problem('config.invalid', `flag ${name} needs a value: ${setting?.allowed ?? 'a path'}`));
    values.set(key, { value: fromText(value), place: `flag ${name}` });
  }
  return ok(values);
}

function splitFlag(argument: string): readonly [string, string | undefined] {
  const at = argument.indexOf('=');
  return at < 0 ? [argument, undefined] : [argument.slice(0, at), argument.slice(at + 1)];
}

function readEnvironment(env: Source['env']): Values {
  const values: Values = new Map();
  for (const setting of SETTINGS) {
    const text = env[setting.env];
    if (text !== undefined && text !== '')
      values.set(setting.key, { value: fromText(text), place: setting.env });
  }
  return values;
}

/** Numbers in text become numbers; the schema then judges. */
const fromText = (text: string): unknown => (/^[0-9]{1,15}$/.test(text) ? Number(text) : text);

async function readFile(cwd: string, named: string | undefined): Promise<Result<Values, SensoriumError>> {
  const path = resolve(cwd, named ?? CONFIGURATION_FILE);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (named === undefined && (cause as NodeJS.ErrnoException).code === 'ENOENT') return ok(new Map());
    return err(problem('config.invalid', `${path} cannot be read: ${(cause as Error).message}`, { cause }));
  }
  const { parseYaml } = await import('./yaml.ts');
  const parsed = parseYaml(text);
  if (!parsed.ok)
    return err(problem('config.invalid', `${path}:${parsed.error.line}: ${parsed.error.message}`));
  const values: Values = new Map();
  for (const leaf of parsed.value) {
    const place = `${path}:${leaf.line}`;
    const isTable = isBridgeKey(leaf.key) || isDiscoveryKey(leaf.key);
    if (!isTable && !SETTINGS.some((setting) => setting.key === leaf.key)) {
      const tables = ['bridges', 'discovery.ranges', 'discovery.watchers'];
      const known = [...SETTINGS.map((setting) => setting.key), ...tables].join(', ');
      return err(problem('config.invalid', `${place}: unknown setting "${leaf.key}"; allowed: ${known}`));
    }
    values.set(leaf.key, { value: leaf.value, place });
  }
  return ok(values);
}

function build(values: Values, cwd: string): Omit<Configuration, 'bridges' | 'discovery'> {
  const text = (key: string): string => {
    const value = values.get(key)?.value ?? SETTINGS.find((setting) => setting.key === key)?.fallback;
    return typeof value === 'number' || typeof value === 'string' ? value.toString() : '';
  };
  const amount = (key: string): number => toNumber(text(key));
  const port = (key: string): PortSetting => (text(key) === 'off' ? 'off' : amount(key));
  return {
    dataDir: join(resolve(cwd, text('dataDir'))),
    http: { port: port('http.port'), mqtt: text('http.mqtt') === 'on' },
    mqtt: { port: port('mqtt.port') },
    mqtts: { port: port('mqtts.port'), host: text('mqtts.host') },
    ws: { port: port('ws.port') },
    wss: { port: port('wss.port'), host: text('wss.host') },
    log: { maxBytes: amount('log.maxBytes'), maxAgeMs: amount('log.maxAge') },
    retention: {
      keep: mergeKeepTimes(
        { raw: text('retention.raw'), minute: text('retention.minute'), hour: text('retention.hour') },
        { raw: 0, minute: 0, hour: 0 },
      ),
      partitionAfterMs: amount('retention.partitionAfter'),
      budgetBytes: text('retention.budget') === 'off' ? undefined : amount('retention.budget'),
    },
    logLevel: LOG_LEVELS.find((level) => level === text('logLevel')) ?? 'info',
  };
}

function refuse(setting: Setting, given: Given): SensoriumError {
  const shown = JSON.stringify(given.value)?.slice(0, 80) ?? 'nothing';
  return problem(
    'config.invalid',
    `${given.place}: ${setting.key} cannot be ${shown}; allowed: ${setting.allowed}`,
  );
}

const UNITS = { ...SIZE_UNITS, ...TIME_UNITS_MS };

/** "4GiB" → bytes, "7d" → milliseconds, "512" → 512. The setting's check has seen the form. */
function toNumber(text: string): number {
  const digits = /^[0-9]+/.exec(text)?.[0] ?? '0';
  return Number(digits) * (UNITS[text.slice(digits.length)] ?? 1);
}
