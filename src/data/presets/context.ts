import { PRESET_TEXT_MAX_CHARS } from '../../base/limits.ts';
import type { Device } from '../../model/device.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import { isJsonObject, type JsonObject, parseJson } from '../payload/json.ts';
import type { PresetMemory, PresetSink } from '../payload/sink.ts';
import { textOf } from '../payload/text.ts';

/**
 * What every preset is given, and the few things they all do: read a payload, name facts about a device, say
 * whether it can be reached. A preset never throws on foreign bytes.
 */

export type PresetDevice = Pick<Device, 'id' | 'preset' | 'topicBase'>;

/** `ignored`: the topic is known and carries no data, or is no topic of the preset. */
export type Outcome = SensoriumError | 'ignored' | undefined;

export interface PresetMessage {
  readonly device: PresetDevice;
  /** First level or levels of the device's own topics. */
  readonly base: string;
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly memory: PresetMemory;
  readonly sink: PresetSink;
}

/** What follows `prefix` and a slash in `topic`; undefined where the topic is not below it. */
export function below(prefix: string, topic: string): string | undefined {
  return topic.startsWith(prefix) && topic[prefix.length] === '/'
    ? topic.slice(prefix.length + 1)
    : undefined;
}

export function readText(payload: Uint8Array): string | SensoriumError {
  return textOf(payload) ?? problem('payload.not_utf8', 'the payload has bytes that are no UTF-8');
}

export function readJson(payload: Uint8Array): { readonly root: unknown } | SensoriumError {
  const text = readText(payload);
  return typeof text === 'string' ? parseJson(text) : text;
}

export function readObject(payload: Uint8Array): { readonly root: JsonObject } | SensoriumError {
  const parsed = readJson(payload);
  if (!('root' in parsed)) return parsed;
  const { root } = parsed;
  return isJsonObject(root) ? { root } : problem('payload.shape', 'the payload must be a JSON object');
}

/** Facts worth keeping: named scalars, text cut to a bound, everything else left out. Undefined = there are none. */
function facts(named: JsonObject): Readonly<Record<string, unknown>> | undefined {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(named)) {
    if (typeof value === 'string' && value !== '') kept[name] = value.slice(0, PRESET_TEXT_MAX_CHARS);
    else if (typeof value === 'boolean' || Number.isFinite(value)) kept[name] = value;
  }
  return Object.keys(kept).length === 0 ? undefined : kept;
}

/** Hands facts on; 'ignored' when there are none. */
export function report(sink: PresetSink, named: JsonObject): Outcome {
  const kept = facts(named);
  if (kept === undefined) return 'ignored';
  sink.attributes(kept);
  return undefined;
}

const REACHABLE: Readonly<Record<string, 'online' | 'offline'>> = {
  online: 'online',
  true: 'online',
  offline: 'offline',
  false: 'offline',
};

/** `online`, `Online`, `true` and their opposites as the attribute `availability`. */
export function reportAvailability(sink: PresetSink, said: unknown): Outcome {
  const word = typeof said === 'string' ? said.trim().toLowerCase() : '';
  const availability = Object.hasOwn(REACHABLE, word) ? REACHABLE[word] : undefined;
  if (availability === undefined) return problem('payload.shape', 'availability must be online or offline');
  sink.attributes({ availability });
  return undefined;
}
