import { PRESET_CONFIGS_MAX, PRESET_ENTITIES_PER_TOPIC_MAX } from '../../base/limits.ts';
import { problem } from '../../model/errors.ts';
import type { JsonObject } from '../payload/json.ts';
import {
  below,
  type Outcome,
  type PresetMessage,
  readObject,
  readText,
  report,
  reportAvailability,
} from './context.ts';
import { type Binding, bindingsOf, forget, remember } from './homeassistant-bindings.ts';
import { type Entity, readDiscovery } from './homeassistant-config.ts';
import { StatePayload } from './homeassistant-state.ts';

/**
 * Home Assistant discovery, as ESPHome and many bridges speak it: config messages say which topic carries what
 * and are remembered; later messages on those topics are read by what was said. Without discovery the default
 * topics of ESPHome are read all the same.
 */
export function mapHomeAssistant(message: PresetMessage): Outcome {
  const discovery = below('homeassistant', message.topic);
  if (discovery?.endsWith('/config')) return learn(message, discovery);
  const bindings = bindingsOf(message.memory, message.topic);
  return bindings.length > 0 ? readBound(message, bindings) : readByDefault(message);
}

/** `{component}/[{node}/]{object}/config`; an empty payload takes back what the topic said. */
function learn(message: PresetMessage, from: string): Outcome {
  const { memory, payload, sink } = message;
  const levels = from.split('/');
  const [component = '', node] = levels;
  if (levels.length < 3 || levels.length > 4) return 'ignored';
  if (payload.length === 0) return forget(memory, from) ? undefined : 'ignored';
  const parsed = readObject(payload);
  if (!('root' in parsed)) return parsed;
  const found = readDiscovery(component, levels.at(-2) ?? '', parsed.root);
  const child = childOf(message, found.device, levels.length === 4 ? node : undefined);
  if (found.truncated) {
    return problem('payload.too_many', `more than ${PRESET_ENTITIES_PER_TOPIC_MAX} entities in one message`);
  }
  if (!remember(memory, from, found, child)) {
    return problem(
      'payload.too_many',
      `more than ${PRESET_CONFIGS_MAX} announcements, or too many for one topic`,
    );
  }
  sink.child(child);
  if (found.device !== undefined) report(sink, describe(found.device));
  return undefined;
}

/**
 * The `device` block names who the entity belongs to: the publishing device itself where one of its names is
 * known as such (an ESPHome node), a child behind it otherwise (a bridge).
 */
function childOf(
  { base, device }: PresetMessage,
  block: JsonObject | undefined,
  node: string | undefined,
): string | undefined {
  if (block === undefined) return undefined;
  const { identifiers, name } = block;
  const listed: readonly unknown[] = Array.isArray(identifiers) ? identifiers : [identifiers];
  const ids = listed.filter(isName);
  const own = new Set([base.toLowerCase(), device.id.toLowerCase()]);
  const names = [...ids, node, name].filter(isName);
  if (names.some((each) => own.has(each.toLowerCase()))) return undefined;
  return isName(name) ? name : ids[0];
}

const isName = (value: unknown): value is string => typeof value === 'string' && value !== '';

const describe = (device: JsonObject): JsonObject => ({
  name: device.name,
  manufacturer: device.manufacturer,
  model: device.model,
  firmware: device.sw_version,
  hardware: device.hw_version,
  serial_number: device.serial_number,
});

function readBound({ payload, sink }: PresetMessage, bindings: readonly Binding[]): Outcome {
  const text = readText(payload);
  if (typeof text !== 'string') return text;
  if (text.trim() === '') return 'ignored';
  const state = new StatePayload(text, sink);
  for (const binding of bindings) {
    sink.child(binding.child);
    state.read(binding);
  }
  return undefined;
}

/** ESPHome's default topics: `{node}/{component}/{object}/state`, and `{node}/status` for birth and will. */
function readByDefault({ base, topic, payload, sink }: PresetMessage): Outcome {
  const rest = below(base, topic);
  if (rest === undefined) return 'ignored';
  const [component = '', object = '', leaf, more] = rest.split('/');
  const entity = leaf === 'state' && more === undefined ? defaultEntity(component, object, topic) : undefined;
  if (entity === undefined && rest !== 'status') return 'ignored';
  const text = readText(payload);
  if (typeof text !== 'string') return text;
  if (text.trim() === '') return 'ignored';
  if (entity === undefined) return reportAvailability(sink, text);
  new StatePayload(text, sink).read(entity);
  return undefined;
}

/** Components of ESPHome and what their state looks like. */
const DEFAULT_KINDS: Readonly<Record<string, Entity['kind']>> = {
  sensor: 'any',
  text_sensor: 'any',
  number: 'number',
  select: 'any',
  text: 'any',
  lock: 'any',
  cover: 'any',
  valve: 'any',
  fan: 'any',
  light: 'object',
  binary_sensor: 'boolean',
  switch: 'boolean',
};

function defaultEntity(component: string, object: string, topic: string): Entity | undefined {
  const kind = Object.hasOwn(DEFAULT_KINDS, component) ? DEFAULT_KINDS[component] : undefined;
  if (kind === undefined || object === '') return undefined;
  return { topic, kind, metric: object, on: 'ON', off: 'OFF' };
}
