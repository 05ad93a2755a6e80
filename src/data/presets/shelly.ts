import { isJsonObject, type JsonObject } from '../payload/json.ts';
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

/**
 * Shelly Gen2 and later: status notifications on `events/rpc`, whole component states on `status/{component}`.
 * A metric is component and field, `switch:0.apower`. Components without a number (`sys`, `wifi`) describe the
 * device itself: a few of their numbers are readings, their texts facts.
 */
export function mapShelly(message: PresetMessage): Outcome {
  const { base, topic, sink } = message;
  if (topic === 'shellies/announce') return mapAnnounce(message);
  const rest = below(base, topic);
  if (rest === undefined) return 'ignored';
  if (rest === 'online') {
    const text = readText(message.payload);
    return typeof text === 'string' ? reportAvailability(sink, text) : text;
  }
  if (rest === 'announce') return mapAnnounce(message);
  if (rest === 'events/rpc') return mapNotification(message);
  const component = below('status', rest);
  if (component === undefined || component.includes('/')) return 'ignored';
  const parsed = readObject(message.payload);
  if (!('root' in parsed)) return parsed;
  return mapComponent(message, component, parsed.root, undefined) ? undefined : 'ignored';
}

/** JSON-RPC notification frames: NotifyStatus (what changed), NotifyFullStatus (everything), NotifyEvent. */
function mapNotification(message: PresetMessage): Outcome {
  const parsed = readObject(message.payload);
  if (!('root' in parsed)) return parsed;
  const { method, params } = parsed.root;
  if (!isJsonObject(params)) return 'ignored';
  if (method === 'NotifyEvent') return mapEvents(message, params.events);
  if (method !== 'NotifyStatus' && method !== 'NotifyFullStatus') return 'ignored';
  const ts = milliseconds(params.ts);
  let any = false;
  for (const [component, status] of Object.entries(params)) {
    if (isJsonObject(status) && mapComponent(message, component, status, ts)) any = true;
  }
  return any ? undefined : 'ignored';
}

/** Unix seconds with decimals. */
const milliseconds = (ts: unknown): number | undefined =>
  typeof ts === 'number' ? Math.round(ts * 1_000) : undefined;

/** Numbers of the components that describe the device; everything else there is a fact or a switch position. */
const SYSTEM_READINGS: Readonly<Record<string, readonly string[]>> = {
  sys: ['uptime', 'ram_free', 'fs_free'],
  wifi: ['rssi'],
};

const UNITS: Readonly<Record<string, string>> = {
  apower: 'W',
  act_power: 'W',
  aprt_power: 'V.A',
  voltage: 'V',
  current: 'A',
  freq: 'Hz',
  'aenergy.total': 'W.h',
  'ret_aenergy.total': 'W.h',
  total_act_energy: 'W.h',
  total_act_ret_energy: 'W.h',
  'temperature.tC': 'Cel',
  tC: 'Cel',
  'temperature.tF': '[degF]',
  tF: '[degF]',
  rh: '%',
  lux: 'lx',
  'battery.V': 'V',
  'battery.percent': '%',
  brightness: '%',
  current_pos: '%',
  target_pos: '%',
  rssi: 'dBm',
  uptime: 's',
  ram_free: 'By',
  fs_free: 'By',
};

/** Three-phase meters put the phase, or `total`, before the field: `a_voltage`, `total_act_power`. */
const PHASE = /^(?:a|b|c|n|total)_/;

function unitOf(field: string): string | undefined {
  return lookUp(field) ?? lookUp(field.replace(PHASE, ''));
}

const lookUp = (field: string): string | undefined =>
  Object.hasOwn(UNITS, field) ? UNITS[field] : undefined;

/** True if the component gave anything. */
function mapComponent(
  message: PresetMessage,
  component: string,
  status: JsonObject,
  ts: number | undefined,
): boolean {
  const { sink } = message;
  const start = component.length + 1;
  if (component.includes(':')) {
    const count = flatten(status, component, {
      sink,
      ts,
      unit: (path) => unitOf(path.slice(start)),
      skip: (path) => NO_READING.has(path.slice(start)),
    });
    return count > 0;
  }
  const fields = Object.hasOwn(SYSTEM_READINGS, component) ? (SYSTEM_READINGS[component] ?? []) : [];
  let any = false;
  for (const field of fields) {
    const value = status[field];
    if (typeof value !== 'number') continue;
    sink.value(0, `${component}.${field}`, ts, value, unitOf(field));
    any = true;
  }
  return describeSystem(message, component, status) || any;
}

/** Fields that repeat the component's number, or tell an energy counter again in slices of a minute. */
const NO_READING = new Set(['id', 'aenergy.minute_ts', 'ret_aenergy.minute_ts']);

function describeSystem({ sink }: PresetMessage, component: string, status: JsonObject): boolean {
  const named: JsonObject =
    component === 'sys'
      ? { mac_address: status.mac, restart_required: status.restart_required, update: latestVersion(status) }
      : component === 'wifi'
        ? { ip_address: status.sta_ip, wifi_ssid: status.ssid, wifi_status: status.status }
        : {};
  return report(sink, named) !== 'ignored';
}

function latestVersion({ available_updates: updates }: JsonObject): unknown {
  return isJsonObject(updates) && isJsonObject(updates.stable) ? updates.stable.version : undefined;
}

/** Presses of buttons and the like: the name of the event as a text reading of its component. */
function mapEvents({ sink }: PresetMessage, events: unknown): Outcome {
  if (!Array.isArray(events)) return 'ignored';
  let any = false;
  for (const [index, event] of events.entries()) {
    if (!isJsonObject(event)) continue;
    const { component, event: name, ts } = event;
    // Components without a number tell of their own affairs: config_changed, ota_progress, scheduled_restart.
    if (typeof component !== 'string' || typeof name !== 'string' || !component.includes(':')) continue;
    sink.value(index, `${component}.event`, milliseconds(ts), name);
    any = true;
  }
  return any ? undefined : 'ignored';
}

/** Shelly.GetDeviceInfo. On the shared topic only what carries this device's own id is believed. */
function mapAnnounce({ payload, sink, base, device }: PresetMessage): Outcome {
  const parsed = readObject(payload);
  if (!('root' in parsed)) return parsed;
  const { root } = parsed;
  if (root.id !== base && root.id !== device.id) return 'ignored';
  return report(sink, {
    name: root.name,
    model: root.model,
    application: root.app,
    firmware: root.ver,
    generation: root.gen,
    mac_address: root.mac,
  });
}
