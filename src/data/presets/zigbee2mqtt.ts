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
import { readBridgeDevices, unitsOf } from './zigbee2mqtt-devices.ts';

/**
 * Zigbee2MQTT: the publishing device is the bridge, each friendly name a child. Friendly names may contain
 * slashes, so that everything below the base that is not `bridge` and does not end in a verb is a name.
 */
export function mapZigbee2mqtt(message: PresetMessage): Outcome {
  const rest = below(message.base, message.topic);
  if (rest === undefined || rest === '') return 'ignored';
  if (rest === 'bridge' || rest.startsWith('bridge/')) return mapBridge(message, rest);
  const levels = rest.split('/');
  // Commands to a device and its attributes: `name/set`, `name/set/state`, `name/get` …
  if (levels.slice(1).some((level) => level === 'set' || level === 'get')) return 'ignored';
  if (levels.length > 1 && levels.at(-1) === 'availability') {
    return mapAvailability(message, levels.slice(0, -1).join('/'));
  }
  return mapState(message, rest);
}

function mapBridge(message: PresetMessage, rest: string): Outcome {
  if (rest === 'bridge/devices') return readBridgeDevices(message);
  return rest === 'bridge/state' ? mapAvailability(message, undefined) : 'ignored';
}

/** `online` in the legacy form, `{"state":"online"}` since 2.0. */
function mapAvailability({ payload, sink }: PresetMessage, name: string | undefined): Outcome {
  const text = readText(payload);
  if (typeof text !== 'string') return text;
  if (text.trim() === '') return 'ignored';
  let said: unknown = text;
  if (text.trimStart().startsWith('{')) {
    const parsed = readObject(payload);
    if (!('root' in parsed)) return parsed;
    said = parsed.root.state;
  }
  sink.child(name);
  return reportAvailability(sink, said);
}

function mapState(message: PresetMessage, name: string): Outcome {
  const { payload, sink } = message;
  // A removed or renamed device leaves an empty retained message behind.
  if (payload.length === 0) return 'ignored';
  const parsed = readObject(payload);
  if (!('root' in parsed)) return parsed;
  const { root } = parsed;
  sink.child(name);
  const unit = unitsOf(message, name);
  const reported = report(sink, describe(root)) !== 'ignored';
  const count = flatten(root, '', {
    sink,
    ts: lastSeen(root.last_seen),
    unit,
    skip: (path) => NO_READING.has(path),
  });
  return count > 0 || reported ? undefined : 'ignored';
}

const NO_READING = new Set(['last_seen', 'update', 'update_available', 'device', 'elapsed']);

/** Firmware updates and, where configured, what the bridge knows about the device. */
function describe({ update, device }: JsonObject): JsonObject {
  const from = isJsonObject(device) ? device : {};
  const firmware = isJsonObject(update) ? update : {};
  return {
    update: firmware.state,
    firmware_installed: firmware.installed_version,
    firmware_latest: firmware.latest_version,
    manufacturer: from.manufacturerName,
    model: from.model ?? from.modelID,
    ieee_address: from.ieeeAddr,
    power_source: from.powerSource,
    firmware: from.softwareBuildID,
  };
}

/** ISO 8601 text or epoch milliseconds, by the bridge's `last_seen` setting; anything else = time of receipt. */
function lastSeen(value: unknown): unknown {
  return typeof value === 'number' || (typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value))
    ? value
    : undefined;
}
