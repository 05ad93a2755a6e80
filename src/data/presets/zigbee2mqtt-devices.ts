import { PRESET_CONFIGS_MAX, PRESET_ENTITIES_PER_TOPIC_MAX } from '../../base/limits.ts';
import { problem } from '../../model/errors.ts';
import { isJsonObject, type JsonObject } from '../payload/json.ts';
import { type Outcome, type PresetMessage, readJson, report } from './context.ts';
import { ucum } from './units.ts';

/**
 * `bridge/devices` of Zigbee2MQTT: facts about every child, and the units of what it will send, which the state
 * messages themselves do not name. The list is always complete, so that it also says who is gone.
 */

type Units = Readonly<Record<string, string>>;
const NONE: Units = {};

const NAMES_KEY = 'zigbee2mqtt/names';
const unitsKey = (name: string): string => `zigbee2mqtt/units/${name}`;

/** Units by property of a child; none until the bridge has told. */
export function unitsOf({ memory }: PresetMessage, name: string): (property: string) => string | undefined {
  const stored = memory.get(unitsKey(name));
  const units: Units = stored === undefined ? NONE : JSON.parse(stored);
  return (property) => (Object.hasOwn(units, property) ? units[property] : undefined);
}

export function readBridgeDevices(message: PresetMessage): Outcome {
  const { payload, sink, memory } = message;
  if (payload.length === 0) return 'ignored';
  const parsed = readJson(payload);
  if (!('root' in parsed)) return parsed;
  if (!Array.isArray(parsed.root)) return problem('payload.shape', 'bridge/devices must be an array');
  const gone = knownNames(message);
  const names = new Set<string>();
  for (const [index, entry] of parsed.root.entries()) {
    if (!isJsonObject(entry) || typeof entry.friendly_name !== 'string') continue;
    if (entry.type === 'Coordinator') continue;
    if (names.size === PRESET_CONFIGS_MAX) {
      sink.reject(index, 'payload.too_many', `only the first ${PRESET_CONFIGS_MAX} devices are taken`);
      break;
    }
    const name = entry.friendly_name;
    names.add(name);
    gone.delete(name);
    sink.child(name);
    report(sink, describe(entry));
    remember(message, unitsKey(name), JSON.stringify(readUnits(entry.definition)), '{}');
  }
  for (const name of gone) memory.set(unitsKey(name), undefined);
  remember(message, NAMES_KEY, JSON.stringify([...names]), '[]');
  return names.size === 0 ? 'ignored' : undefined;
}

function knownNames(message: PresetMessage): Set<string> {
  const stored = message.memory.get(NAMES_KEY);
  const names: readonly string[] = stored === undefined ? [] : JSON.parse(stored);
  return new Set(names);
}

/** Writes only what changed: the list is published again at every join and leave. */
function remember({ memory }: PresetMessage, key: string, value: string, empty: string): void {
  const next = value === empty ? undefined : value;
  if (memory.get(key) !== next) memory.set(key, next);
}

function describe(entry: JsonObject): JsonObject {
  const definition = isJsonObject(entry.definition) ? entry.definition : {};
  return {
    name: entry.friendly_name,
    ieee_address: entry.ieee_address,
    type: entry.type,
    model: definition.model ?? entry.model_id,
    manufacturer: definition.vendor ?? entry.manufacturer,
    description: definition.description,
    power_source: entry.power_source,
    firmware: entry.software_build_id,
  };
}

/** `exposes` nests once: lights, switches and climates list their properties as `features`. */
function readUnits(definition: unknown): Units {
  const units: Record<string, string> = {};
  const collect = (exposes: unknown, depth: number): void => {
    if (!Array.isArray(exposes) || depth > 2) return;
    for (const expose of exposes.slice(0, PRESET_ENTITIES_PER_TOPIC_MAX)) {
      if (!isJsonObject(expose)) continue;
      const unit = ucum(expose.unit);
      if (typeof expose.property === 'string' && unit !== undefined) units[expose.property] = unit;
      collect(expose.features, depth + 1);
    }
  };
  if (isJsonObject(definition)) collect(definition.exposes, 0);
  return units;
}
