import { BATCH_MAX_ITEMS, JSON_DEPTH_MAX } from '../../base/limits.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import { CountingSink, tooManyItems, tooManyReadings } from './bounds.ts';
import { notJson } from './json-fault.ts';
import type { Refusal, ValueSink } from './sink.ts';
import { shown } from './text.ts';

/**
 * Telemetry as JSON: `{"temperature":21.5}`, `{"ts":ms,"values":{…}}`, and arrays of these. The hottest code of
 * the pipeline: one walk over what JSON.parse returns, nothing copied. It judges shapes, never values.
 */

export type JsonObject = Readonly<Record<string, unknown>>;

export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The parsed text, or why it is none, with the place of the fault if that is to be looked for. */
export function readJson(text: string, explain: boolean): { readonly root: unknown } | Refusal {
  try {
    return { root: JSON.parse(text) };
  } catch {
    if (text.trim() === '') return ['payload.empty', 'there is nothing but white space'];
    return explain ? notJson(text) : ['payload.not_json', 'this is no JSON'];
  }
}

/** The same for a whole payload, with the error to return. */
export function parseJson(text: string): { readonly root: unknown } | SensoriumError {
  const read = readJson(text, true);
  return 'root' in read ? read : problem(...read);
}

/** True when `value` has more than `levels` levels of objects and arrays. */
export function deeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  for (const inner of Object.values(value)) {
    if (deeperThan(inner, levels - 1)) return true;
  }
  return false;
}

/** Hands the values of an object to the sink; false when it has none. `ts` itself is no value of a flat item. */
function emitValues(
  index: number,
  ts: unknown,
  values: JsonObject,
  skipped: string | undefined,
  sink: ValueSink,
): boolean {
  let any = false;
  // JSON.parse makes `__proto__` a property like any other, so that for-in sees own keys only, and that one too.
  for (const metric in values) {
    if (metric === skipped) continue;
    any = true;
    const value = values[metric];
    if (typeof value === 'object' && deeperThan(value, JSON_DEPTH_MAX)) {
      sink.reject(index, 'payload.too_deep', `${shown(metric)} is nested more than ${JSON_DEPTH_MAX} levels`);
    } else {
      sink.value(index, metric, ts, value);
    }
  }
  return any;
}

/** One item, in either form. Returned: why it carries nothing. */
export function emitItem(index: number, item: unknown, sink: ValueSink): Refusal | undefined {
  if (!isJsonObject(item)) return ['payload.shape', `an item must be an object, not ${kindOf(item)}`];
  const { ts, values } = item;
  if (!isJsonObject(values)) {
    return emitValues(index, ts, item, 'ts', sink) ? undefined : ['payload.empty', 'an item has no values'];
  }
  // Other members of an envelope (message numbers, trace ids) are its sender's business, not readings.
  return emitValues(index, ts, values, undefined, sink) ? undefined : ['payload.empty', 'values is empty'];
}

/** The parsed payload: one item or an array of items. `counted`: it is so large that it must be counted first. */
export function emitJson(root: unknown, sink: ValueSink, counted: boolean): SensoriumError | undefined {
  if (counted) {
    const counter = new CountingSink();
    const fault = emitJson(root, counter, false);
    if (fault !== undefined || counter.overflows) return fault ?? tooManyReadings();
  }
  if (!Array.isArray(root)) {
    const fault = emitItem(0, root, sink);
    return fault === undefined ? undefined : problem(...fault);
  }
  if (root.length === 0) return problem('payload.empty', 'the array has no items');
  if (root.length > BATCH_MAX_ITEMS) return tooManyItems();
  for (let index = 0; index < root.length; index += 1) {
    const fault = emitItem(index, root[index], sink);
    if (fault !== undefined) sink.reject(index, ...fault);
  }
  return undefined;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}
