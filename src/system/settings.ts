import {
  LOG_DEFAULT_MAX_AGE_MS,
  LOG_DEFAULT_MAX_BYTES,
  RETENTION_DEFAULT,
  RETENTION_DEFAULT_BUDGET_BYTES,
  RETENTION_DEFAULT_PARTITION_AFTER_MS,
} from '../base/limits.ts';
import { parseSize } from '../base/size-units.ts';
import { parseDuration, TIME_UNITS_MS } from '../base/time-units.ts';
import type { BridgeSettings } from '../communication/bridge/bridge-settings.ts';
import type { RetentionSettings } from '../data/retention/report.ts';
import { type DiscoverySettings, SCANNER_NAMES, type ScannerName } from '../devices/discovery/settings.ts';
import { parseKeepTime } from '../model/retention.ts';

/**
 * The one table of settings: key in sensorium.yaml, flag, environment variable, schema, default. Everything that
 * reads or documents configuration derives from it; docs/configuration.md is checked against it.
 */
export interface Setting {
  readonly key: string;
  readonly flag: string;
  readonly env: string;
  /** Is a value (number or text) allowed? */
  readonly check: (value: unknown) => boolean;
  readonly fallback: string | number;
  /** The allowed values, said to a person. */
  readonly allowed: string;
  readonly meaning: string;
}

const within = (value: unknown, min: number, max: number): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
const matches = (value: unknown, pattern: RegExp): boolean =>
  typeof value === 'string' && pattern.test(value);

const isPort = (value: unknown): boolean => value === 'off' || within(value, 0, 65_535);
const isSwitch = (value: unknown): boolean => value === 'on' || value === 'off';
const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
const isSize = (value: unknown): boolean =>
  within(value, 1_048_576, Number.MAX_SAFE_INTEGER) ||
  (typeof value === 'string' && /[A-Z]/.test(value) && (parseSize(value) ?? 0) >= 1_048_576);
const isDuration = (value: unknown): boolean =>
  within(value, 1_000, Number.MAX_SAFE_INTEGER) || matches(value, /^[1-9][0-9]{0,5}(s|m|h|d)$/);
const atLeastADay = (value: unknown): boolean =>
  isDuration(value) && (parseDuration(String(value)) ?? 0) >= (TIME_UNITS_MS['d'] ?? 0);
const isKeepTime = (value: unknown): boolean =>
  typeof value === 'string' && parseKeepTime(value) !== undefined;
/** Undefined for what names no scanners. */
export function readScanners(value: unknown): readonly ScannerName[] | undefined {
  if (value === 'on') return SCANNER_NAMES;
  if (value === 'off') return [];
  const named = typeof value === 'string' ? value.split(',').map((name) => name.trim()) : [];
  const known = SCANNER_NAMES.filter((name) => named.includes(name));
  return known.length === named.length && named.length > 0 ? known : undefined;
}

const KEEP_TIMES = 'whole days, like 30d, 8w, 10y, or forever';
const PORTS = 'a number from 0 to 65535 (0 = any free port), or off';
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

export const SETTINGS: readonly Setting[] = [
  {
    key: 'dataDir',
    flag: '--data-dir',
    env: 'SENSORIUM_DATA_DIR',
    check: isText,
    fallback: 'data',
    allowed: 'a path',
    meaning: 'Everything durable: log, history, state, keys',
  },
  {
    key: 'http.port',
    flag: '--http-port',
    env: 'SENSORIUM_HTTP_PORT',
    check: isPort,
    fallback: 8080,
    allowed: PORTS,
    meaning: 'HTTP API, on loopback only',
  },
  {
    key: 'http.mqtt',
    flag: '--http-mqtt',
    env: 'SENSORIUM_HTTP_MQTT',
    check: isSwitch,
    fallback: 'on',
    allowed: 'on or off',
    meaning: 'MQTT over WebSocket at the path /mqtt of the HTTP listener',
  },
  {
    key: 'mqtt.port',
    flag: '--mqtt-port',
    env: 'SENSORIUM_MQTT_PORT',
    check: isPort,
    fallback: 1883,
    allowed: PORTS,
    meaning: 'Plain MQTT, on loopback only',
  },
  {
    key: 'mqtts.port',
    flag: '--mqtts-port',
    env: 'SENSORIUM_MQTTS_PORT',
    check: isPort,
    fallback: 8883,
    allowed: PORTS,
    meaning: 'MQTT over TLS, on all interfaces',
  },
  {
    key: 'mqtts.host',
    flag: '--mqtts-host',
    env: 'SENSORIUM_MQTTS_HOST',
    check: isText,
    fallback: '0.0.0.0',
    allowed: 'an address of this machine',
    meaning: 'Where MQTT over TLS listens',
  },
  {
    key: 'ws.port',
    flag: '--ws-port',
    env: 'SENSORIUM_WS_PORT',
    check: isPort,
    fallback: 'off',
    allowed: PORTS,
    meaning: 'Plain MQTT over WebSocket, on loopback only',
  },
  {
    key: 'wss.port',
    flag: '--wss-port',
    env: 'SENSORIUM_WSS_PORT',
    check: isPort,
    fallback: 'off',
    allowed: PORTS,
    meaning: 'MQTT over WebSocket over TLS',
  },
  {
    key: 'wss.host',
    flag: '--wss-host',
    env: 'SENSORIUM_WSS_HOST',
    check: isText,
    fallback: '0.0.0.0',
    allowed: 'an address of this machine',
    meaning: 'Where MQTT over WebSocket over TLS listens',
  },
  {
    key: 'log.maxBytes',
    flag: '--log-max-bytes',
    env: 'SENSORIUM_LOG_MAX_BYTES',
    check: isSize,
    fallback: LOG_DEFAULT_MAX_BYTES,
    allowed: 'at least 1 MiB, as bytes or like 512MiB, 4GiB',
    meaning: 'Disk budget of the log; the oldest blocks that history has are trimmed',
  },
  {
    key: 'log.maxAge',
    flag: '--log-max-age',
    env: 'SENSORIUM_LOG_MAX_AGE',
    check: isDuration,
    fallback: LOG_DEFAULT_MAX_AGE_MS,
    allowed: 'at least 1 s, as milliseconds or like 30s, 12h, 7d',
    meaning: 'Age at which log blocks that history has are trimmed',
  },
  {
    key: 'retention.raw',
    flag: '--retention-raw',
    env: 'SENSORIUM_RETENTION_RAW',
    check: isKeepTime,
    fallback: RETENTION_DEFAULT,
    allowed: KEEP_TIMES,
    meaning: 'How long readings are kept as they came',
  },
  {
    key: 'retention.minute',
    flag: '--retention-minute',
    env: 'SENSORIUM_RETENTION_MINUTE',
    check: isKeepTime,
    fallback: RETENTION_DEFAULT,
    allowed: KEEP_TIMES,
    meaning: 'How long their minutes are kept; at least as long as readings',
  },
  {
    key: 'retention.hour',
    flag: '--retention-hour',
    env: 'SENSORIUM_RETENTION_HOUR',
    check: isKeepTime,
    fallback: RETENTION_DEFAULT,
    allowed: KEEP_TIMES,
    meaning: 'How long their hours are kept; at least as long as minutes',
  },
  {
    key: 'retention.partitionAfter',
    flag: '--retention-partition-after',
    env: 'SENSORIUM_RETENTION_PARTITION_AFTER',
    check: atLeastADay,
    fallback: RETENTION_DEFAULT_PARTITION_AFTER_MS,
    allowed: 'at least 1 day, as milliseconds or like 2d',
    meaning: 'Age at which history moves from the database into Parquet partitions',
  },
  {
    key: 'retention.budget',
    flag: '--retention-budget',
    env: 'SENSORIUM_RETENTION_BUDGET',
    check: (value) => value === 'off' || isSize(value),
    fallback: RETENTION_DEFAULT_BUDGET_BYTES,
    allowed: 'at least 1 MiB, as bytes or like 500GB, 20GiB, or off',
    meaning: 'Disk budget of history; over it the oldest readings go first, then minutes, then hours',
  },
  {
    key: 'discovery.scanners',
    flag: '--discovery',
    env: 'SENSORIUM_DISCOVERY',
    check: (value) => readScanners(value) !== undefined,
    fallback: 'on',
    allowed: `on, off, or some of ${SCANNER_NAMES.join(', ')} with commas between`,
    meaning: 'What looks for devices; a scanner whose hardware is absent says so',
  },
  {
    key: 'logLevel',
    flag: '--log-level',
    env: 'SENSORIUM_LOG_LEVEL',
    check: (value) => LOG_LEVELS.some((level) => level === value),
    fallback: 'info',
    allowed: LOG_LEVELS.join(', '),
    meaning: 'Least severe message written to standard error',
  },
];

export type PortSetting = number | 'off';

export interface Configuration {
  readonly dataDir: string;
  readonly http: { readonly port: PortSetting; readonly mqtt: boolean };
  readonly mqtt: { readonly port: PortSetting };
  readonly mqtts: { readonly port: PortSetting; readonly host: string };
  readonly ws: { readonly port: PortSetting };
  readonly wss: { readonly port: PortSetting; readonly host: string };
  readonly log: { readonly maxBytes: number; readonly maxAgeMs: number };
  readonly retention: RetentionSettings;
  /** Ranges and watchers in the file only. */
  readonly discovery: DiscoverySettings;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  /** In the file only: a table of tables. */
  readonly bridges: readonly BridgeSettings[];
}
