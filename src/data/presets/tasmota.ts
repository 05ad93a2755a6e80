import { isJsonObject, type JsonObject } from '../payload/json.ts';
import { numberOf } from '../payload/number-text.ts';
import {
  below,
  type Outcome,
  type PresetMessage,
  readObject,
  readText,
  report,
  reportAvailability,
} from './context.ts';
import { flatten } from './flatten.ts';
import { ucum } from './units.ts';

/**
 * Tasmota: telemetry, status answers and results of one device, in both orders FullTopic has in the field
 * (`tele/{topic}/…` and `{topic}/tele/…`). Only results that name a state are readings; the answer to a command
 * such as TelePeriod is not.
 */
export function mapTasmota(message: PresetMessage): Outcome {
  const { base, topic } = message;
  const discovery = below('tasmota/discovery', topic);
  if (discovery !== undefined) return mapDiscovery(message, discovery);
  const tele = below(`tele/${base}`, topic) ?? below(`${base}/tele`, topic);
  if (tele !== undefined) return mapTele(message, tele);
  const stat = below(`stat/${base}`, topic) ?? below(`${base}/stat`, topic);
  return stat === undefined ? 'ignored' : mapStat(message, stat);
}

function mapTele(message: PresetMessage, leaf: string): Outcome {
  if (leaf === 'SENSOR' || leaf === 'STATE') return withObject(message, (root) => mapReadings(message, root));
  if (leaf === 'LWT') {
    const text = readText(message.payload);
    return typeof text === 'string' ? reportAvailability(message.sink, text) : text;
  }
  return /^INFO[123]$/.test(leaf) ? withObject(message, (root) => mapInfo(message, root)) : 'ignored';
}

function mapStat(message: PresetMessage, leaf: string): Outcome {
  if (leaf === 'RESULT') return withObject(message, (root) => mapReadings(message, pickStates(root)));
  if (STATE.test(leaf)) return mapPlainState(message, leaf);
  if (!/^STATUS\d*$/.test(leaf)) return 'ignored';
  return withObject(
    message,
    ({ StatusSNS: sensors, StatusSTS: state, StatusFWR: firmware, StatusNET: network }) => {
      const readings = sensors ?? state;
      if (isJsonObject(readings)) return mapReadings(message, readings);
      if (isJsonObject(firmware))
        return report(message.sink, { firmware: firmware.Version, hardware: firmware.Hardware });
      return isJsonObject(network) ? report(message.sink, describeNetwork(network)) : 'ignored';
    },
  );
}

function withObject(message: PresetMessage, use: (root: JsonObject) => Outcome): Outcome {
  const parsed = readObject(message.payload);
  return 'root' in parsed ? use(parsed.root) : parsed;
}

/** Names of states in results: what a relay, lamp or shutter is doing. */
const STATE = /^(?:POWER\d*|Dimmer\d*|CT|White|HSBColor|Color|Shutter\d+)$/;

function pickStates(root: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(root).filter(([key]) => STATE.test(key)));
}

/** `stat/…/POWER` carries the bare word; with SetOption4 the JSON of RESULT comes on the same topic. */
function mapPlainState(message: PresetMessage, metric: string): Outcome {
  const text = readText(message.payload);
  if (typeof text !== 'string') return text;
  if (text.trimStart().startsWith('{')) {
    return withObject(message, (root) => mapReadings(message, pickStates(root)));
  }
  if (text.trim() === '') return 'ignored';
  const word = text.trim();
  message.sink.value(0, metric, undefined, numberOf(word) ?? word);
  return undefined;
}

function mapReadings(message: PresetMessage, root: JsonObject): Outcome {
  const { sink } = message;
  const units = {
    temperature: ucum(root.TempUnit) ?? 'Cel',
    pressure: ucum(root.PressureUnit) ?? 'hPa',
    speed: ucum(root.SpeedUnit),
  };
  const wifi = isJsonObject(root.Wifi) ? root.Wifi : {};
  const energy = isJsonObject(root.ENERGY) ? root.ENERGY : {};
  const reported = report(sink, {
    wifi_ssid: wifi.SSId,
    wifi_bssid: wifi.BSSId,
    wifi_mode: wifi.Mode,
    energy_since: energy.TotalStartTime,
  });
  const count = flatten(root, '', {
    sink,
    ts: readTime(root),
    arrays: true,
    unit: (path, key) => unitOf(path, key, units),
    skip: (path, key, value) =>
      NO_READING.has(path) || (typeof value === 'string' && NO_READING_TEXT.has(key)),
  });
  return count === 0 && reported === 'ignored' ? 'ignored' : undefined;
}

const NO_READING = new Set([
  'Time',
  'Epoch',
  'TempUnit',
  'PressureUnit',
  'SpeedUnit',
  'Uptime',
  'SleepMode',
  'Sleep',
]);
/** Texts inside a sensor or Wifi object that describe it: addresses, names, durations told again in seconds. */
const NO_READING_TEXT = new Set(['Id', 'Address', 'SSId', 'BSSId', 'Mode', 'Downtime', 'TotalStartTime']);

/**
 * Tasmota's `Time` is local time without a zone: no instant. It counts only where it has a zone (SetOption52) or
 * is in seconds (`Time 3`), as `Epoch` is (`Time 2`); otherwise the time of receipt is taken.
 */
function readTime({ Time: time, Epoch: epoch }: JsonObject): number | string | undefined {
  if (typeof epoch === 'number') return epoch * 1_000;
  if (typeof time === 'number') return time * 1_000;
  return typeof time === 'string' && /(?:Z|[+-]\d\d:\d\d)$/.test(time) ? time : undefined;
}

interface SensorUnits {
  readonly temperature: string;
  readonly pressure: string;
  readonly speed: string | undefined;
}

const ENERGY_UNITS: Readonly<Record<string, string>> = {
  Power: 'W',
  ApparentPower: 'V.A',
  ReactivePower: 'var',
  Voltage: 'V',
  Current: 'A',
  Frequency: 'Hz',
  Total: 'kW.h',
  Yesterday: 'kW.h',
  Today: 'kW.h',
  ExportActive: 'kW.h',
  ImportActive: 'kW.h',
  Period: 'W.h',
};

const UNITS: Readonly<Record<string, string>> = {
  Humidity: '%',
  Illuminance: 'lx',
  CarbonDioxide: '[ppm]',
  eCO2: '[ppm]',
  TVOC: '[ppb]',
  Distance: 'cm',
};

const PATH_UNITS: Readonly<Record<string, string>> = {
  UptimeSec: 's',
  Heap: 'kBy',
  Vcc: 'V',
  'Wifi.RSSI': '%',
  'Wifi.Signal': 'dBm',
};

function unitOf(path: string, key: string, units: SensorUnits): string | undefined {
  if (path.startsWith('ENERGY.')) return lookUp(ENERGY_UNITS, key);
  if (key === 'Temperature' || key === 'DewPoint') return units.temperature;
  if (key === 'Pressure' || key === 'SeaPressure') return units.pressure;
  if (key === 'Speed') return units.speed;
  return lookUp(UNITS, key) ?? lookUp(PATH_UNITS, path);
}

const lookUp = (table: Readonly<Record<string, string>>, key: string): string | undefined =>
  Object.hasOwn(table, key) ? table[key] : undefined;

/** INFO1: module and version; INFO2: network; INFO3: why it restarted. Flat in old versions, wrapped since 9.5. */
function mapInfo(message: PresetMessage, root: JsonObject): Outcome {
  const inner = root.Info1 ?? root.Info2 ?? root.Info3;
  const info = isJsonObject(inner) ? inner : root;
  const reason = info.RestartReason;
  return report(message.sink, {
    model: info.Module,
    firmware: info.Version,
    ...describeNetwork(info),
    restart_reason: isJsonObject(reason) ? reason.Reason : reason,
    boot_count: info.BootCount,
  });
}

function describeNetwork(network: JsonObject): JsonObject {
  return { hostname: network.Hostname, ip_address: network.IPAddress, mac_address: network.Mac };
}

/** `tasmota/discovery/{mac}/config` is shared ground: only what names this device's own topic is believed. */
function mapDiscovery(message: PresetMessage, rest: string): Outcome {
  const [, leaf, more] = rest.split('/');
  if (leaf !== 'config' || more !== undefined || message.payload.length === 0) return 'ignored';
  return withObject(message, (config) => {
    if (config.t !== message.base) return 'ignored';
    return report(message.sink, {
      name: config.dn,
      model: config.md,
      firmware: config.sw,
      hostname: config.hn,
      ip_address: config.ip,
      mac_address: config.mac,
    });
  });
}
