import { PRESET_CONFIGS_MAX, PRESET_ENTITIES_PER_TOPIC_MAX } from '../../base/limits.ts';
import type { PresetMemory } from '../payload/sink.ts';
import type { Discovery, Entity } from './homeassistant-config.ts';

/**
 * What discovery messages have said, kept in the preset memory under two keys: by the message that said it, so
 * that it can be replaced and taken back, and by the topic it is about, so that a state finds it at once.
 */

/** An entity, who told of it, and whose it is. */
export interface Binding extends Entity {
  /** Discovery topic below `homeassistant/`. */
  readonly from: string;
  /** Foreign name of the child it belongs to; absent = the publishing device. */
  readonly child?: string | undefined;
}

const COUNT_KEY = 'homeassistant/count';
const configKey = (from: string): string => `homeassistant/config/${from}`;
const topicKey = (topic: string): string => `homeassistant/topic/${topic}`;

export function bindingsOf(memory: PresetMemory, topic: string): readonly Binding[] {
  const stored = memory.get(topicKey(topic));
  const bindings: readonly Binding[] = stored === undefined ? [] : JSON.parse(stored);
  return bindings;
}

/** A message replaces what its topic said before. False = there is no room for it; nothing of it is kept then. */
export function remember(
  memory: PresetMemory,
  from: string,
  { entities }: Discovery,
  child: string | undefined,
): boolean {
  const isNew = memory.get(configKey(from)) === undefined;
  const count = Number(memory.get(COUNT_KEY) ?? 0);
  if (isNew && count >= PRESET_CONFIGS_MAX) return false;
  const topics = new Set(entities.map((entity) => entity.topic));
  for (const gone of topicsOf(memory, from)) {
    if (!topics.has(gone)) bind(memory, gone, from, []);
  }
  // Noted first: what is bound below can then be taken back, whatever else fits.
  if (!write(memory, configKey(from), JSON.stringify([...topics]))) return false;
  if (isNew) memory.set(COUNT_KEY, String(count + 1));
  for (const topic of topics) {
    const bindings = entities
      .filter((entity) => entity.topic === topic)
      .map((entity) => ({ ...entity, from, child }));
    if (!bind(memory, topic, from, bindings)) {
      forget(memory, from);
      return false;
    }
  }
  return true;
}

/** False when `from` had said nothing. */
export function forget(memory: PresetMemory, from: string): boolean {
  if (memory.get(configKey(from)) === undefined) return false;
  for (const topic of topicsOf(memory, from)) bind(memory, topic, from, []);
  memory.set(configKey(from), undefined);
  memory.set(COUNT_KEY, String(Math.max(0, Number(memory.get(COUNT_KEY) ?? 0) - 1)));
  return true;
}

function topicsOf(memory: PresetMemory, from: string): readonly string[] {
  const stored = memory.get(configKey(from));
  const topics: readonly string[] = stored === undefined ? [] : JSON.parse(stored);
  return topics;
}

/** Puts what `from` says about a topic in the place of what it said before. */
function bind(memory: PresetMemory, topic: string, from: string, bindings: readonly Binding[]): boolean {
  const others = bindingsOf(memory, topic).filter((binding) => binding.from !== from);
  const all = [...others, ...bindings];
  if (all.length > PRESET_ENTITIES_PER_TOPIC_MAX) return false;
  return write(memory, topicKey(topic), all.length === 0 ? undefined : JSON.stringify(all));
}

/** Writes only a change: discovery messages are repeated at every start of a device. False = refused. */
function write(memory: PresetMemory, key: string, value: string | undefined): boolean {
  if (memory.get(key) !== value) memory.set(key, value);
  return memory.get(key) === value;
}
