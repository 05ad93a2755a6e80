import { PRESET_ENTITIES_PER_TOPIC_MAX, PRESET_TEXT_MAX_CHARS, TOPIC_MAX_BYTES } from '../../base/limits.ts';
import { isJsonObject, type JsonObject } from '../payload/json.ts';
import { compileTemplate, type Template } from './homeassistant-template.ts';
import { ucum } from './units.ts';

/**
 * Discovery messages of Home Assistant, in the single-component and the device form, with full and abbreviated
 * names, as a list of what to read from which topic. Pure: it remembers nothing.
 */

/** How to read one topic for one metric; plain data, kept in the preset memory. */
export interface Entity {
  readonly topic: string;
  /** 'number' and 'boolean' are demanded, 'any' takes numbers where it can, 'object' is taken apart. */
  readonly kind: 'number' | 'boolean' | 'any' | 'object' | 'availability';
  readonly metric: string;
  readonly unit?: string | undefined;
  readonly template?: Template | undefined;
  /** A template outside the subset: values are refused with it. */
  readonly refused?: string | undefined;
  readonly on?: string | undefined;
  readonly off?: string | undefined;
}

export interface Discovery {
  readonly entities: readonly Entity[];
  readonly device: JsonObject | undefined;
  /** Entities beyond the bound were left out. */
  readonly truncated: boolean;
}

/** The abbreviations of the options that are read; full names mean themselves. */
const ABBREVIATIONS: Readonly<Record<string, string>> = {
  stat_t: 'state_topic',
  val_tpl: 'value_template',
  unit_of_meas: 'unit_of_measurement',
  stat_cla: 'state_class',
  obj_id: 'object_id',
  pl_on: 'payload_on',
  pl_off: 'payload_off',
  stat_on: 'state_on',
  stat_off: 'state_off',
  avty: 'availability',
  avty_t: 'availability_topic',
  avty_tpl: 'availability_template',
  pl_avail: 'payload_available',
  pl_not_avail: 'payload_not_available',
  curr_temp_t: 'current_temperature_topic',
  curr_temp_tpl: 'current_temperature_template',
  temp_stat_t: 'temperature_state_topic',
  temp_stat_tpl: 'temperature_state_template',
  mode_stat_t: 'mode_state_topic',
  mode_stat_tpl: 'mode_state_template',
  act_t: 'action_topic',
  act_tpl: 'action_template',
  pos_t: 'position_topic',
  pos_tpl: 'position_template',
  bri_stat_t: 'brightness_state_topic',
  bri_val_tpl: 'brightness_value_template',
  dev: 'device',
  cmps: 'components',
  p: 'platform',
  t: 'topic',
  ids: 'identifiers',
  mf: 'manufacturer',
  mdl: 'model',
  sw: 'sw_version',
  hw: 'hw_version',
  sn: 'serial_number',
};

function expand(config: JsonObject): JsonObject {
  const named: Record<string, unknown> = { __proto__: null };
  for (const [key, value] of Object.entries(config)) {
    named[Object.hasOwn(ABBREVIATIONS, key) ? (ABBREVIATIONS[key] ?? key) : key] = value;
  }
  return named;
}

/** Topics an entity may have beside its state: option, its template, what the metric is called after the object. */
const SIDE_TOPICS = [
  ['current_temperature_topic', 'current_temperature_template', 'current_temperature'],
  ['temperature_state_topic', 'temperature_state_template', 'temperature'],
  ['mode_state_topic', 'mode_state_template', 'mode'],
  ['action_topic', 'action_template', 'action'],
  ['position_topic', 'position_template', 'position'],
  ['brightness_state_topic', 'brightness_value_template', 'brightness'],
] as const;

/** `component` and `object` as the discovery topic names them; component `device` carries many. */
export function readDiscovery(component: string, object: string, payload: JsonObject): Discovery {
  const root = expand(payload);
  const device = isJsonObject(root.device) ? expand(root.device) : undefined;
  const all = component === 'device' ? readComponents(root) : readEntities(component, object, root);
  all.push(...readAvailability(root));
  const entities = all.slice(0, PRESET_ENTITIES_PER_TOPIC_MAX);
  return { entities, device, truncated: all.length > entities.length };
}

/** The device form: components share the options of the root and override them. */
function readComponents(root: JsonObject): Entity[] {
  const { components, availability: _list, availability_topic: _topic, ...shared } = root;
  if (!isJsonObject(components)) return [];
  const entities: Entity[] = [];
  for (const [id, component] of Object.entries(components)) {
    if (entities.length > PRESET_ENTITIES_PER_TOPIC_MAX) break;
    if (!isJsonObject(component)) continue;
    const config = { ...shared, ...expand(component) };
    // A component reduced to its platform has been removed.
    if (typeof config.platform !== 'string' || Object.keys(component).length < 2) continue;
    entities.push(...readEntities(config.platform, id, config));
  }
  return entities;
}

function readEntities(component: string, object: string, config: JsonObject): Entity[] {
  const metric = text(config.object_id) ?? object;
  const entities: Entity[] = [];
  const state = topicOf(config, config.state_topic);
  if (state !== undefined) {
    entities.push({
      topic: state,
      metric,
      ...readState(component, config),
      ...readTemplate(config.value_template),
    });
  }
  for (const [option, template, name] of SIDE_TOPICS) {
    const topic = topicOf(config, config[option]);
    if (topic === undefined) continue;
    entities.push({ topic, metric: `${metric}.${name}`, kind: 'any', ...readTemplate(config[template]) });
  }
  return entities;
}

function readState(component: string, config: JsonObject): Pick<Entity, 'kind' | 'unit' | 'on' | 'off'> {
  if (component === 'binary_sensor' || component === 'switch') {
    return {
      kind: 'boolean',
      on: text(config.state_on) ?? text(config.payload_on) ?? 'ON',
      off: text(config.state_off) ?? text(config.payload_off) ?? 'OFF',
    };
  }
  if (config.schema === 'json') return { kind: 'object' };
  const unit = ucum(config.unit_of_measurement);
  const numeric = unit !== undefined || component === 'number' || typeof config.state_class === 'string';
  return { kind: numeric ? 'number' : 'any', unit };
}

function readTemplate(template: unknown): Pick<Entity, 'template' | 'refused'> {
  if (typeof template !== 'string' || template.trim() === '') return {};
  const compiled = compileTemplate(template);
  return compiled === undefined
    ? { refused: template.slice(0, PRESET_TEXT_MAX_CHARS) }
    : { template: compiled };
}

/** One topic, or a list of topics with their own words. */
function readAvailability(root: JsonObject): Entity[] {
  const listed: readonly unknown[] = Array.isArray(root.availability)
    ? root.availability
    : [root.availability];
  const entries = listed.slice(0, PRESET_ENTITIES_PER_TOPIC_MAX).filter(isJsonObject).map(expand);
  const single = { ...root, topic: root.availability_topic, value_template: root.availability_template };
  return [...entries, single].flatMap((entry: JsonObject) => {
    const topic = topicOf(root, entry.topic);
    if (topic === undefined) return [];
    const on = text(entry.payload_available) ?? 'online';
    const off = text(entry.payload_not_available) ?? 'offline';
    const template = readTemplate(entry.value_template);
    return [{ topic, metric: 'availability', kind: 'availability' as const, on, off, ...template }];
  });
}

/** With `~` at either end replaced by the base topic of the message. */
function topicOf(config: JsonObject, value: unknown): string | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  const base = typeof config['~'] === 'string' ? config['~'] : '~';
  let topic = value;
  if (topic.startsWith('~')) topic = base + topic.slice(1);
  else if (topic.endsWith('~')) topic = topic.slice(0, -1) + base;
  return topic.length <= TOPIC_MAX_BYTES ? topic : undefined;
}

/** A short text, or undefined. */
const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' && value.length <= PRESET_TEXT_MAX_CHARS ? value : undefined;
