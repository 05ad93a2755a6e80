/**
 * JSON merge patch (RFC 7396): applied, and found between two objects. Pure; never changes what it is given. Keys that mean
 * something to JavaScript have to be refused before.
 */
import { isDeepStrictEqual } from 'node:util';
import type { JsonObject, JsonValue } from '../../model/twin.ts';

export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** RFC 7396, section 2. */
export function mergePatch(target: JsonObject, patch: JsonObject): JsonObject {
  const merged: Record<string, JsonValue> = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else if (isJsonObject(value)) {
      const before = merged[key];
      merged[key] = mergePatch(isJsonObject(before) ? before : {}, value);
    } else merged[key] = value;
  }
  return merged;
}

/** The patch that makes `after` of `before`; undefined when they are the same. */
export function patchBetween(before: JsonObject, after: JsonObject): JsonObject | undefined {
  const patch: Record<string, JsonValue> = {};
  for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) patch[key] = null;
  for (const [key, value] of Object.entries(after)) {
    const known = Object.hasOwn(before, key) ? before[key] : undefined;
    if (isJsonObject(value) && isJsonObject(known)) {
      const inner = patchBetween(known, value);
      if (inner !== undefined) patch[key] = inner;
    } else if (known === undefined || !isDeepStrictEqual(known, value)) patch[key] = value;
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}

/** What of `wanted` is not in `has`, which may have more; undefined when all of it is. */
export function missingFrom(has: JsonObject, wanted: JsonObject): JsonObject | undefined {
  const missing: Record<string, JsonValue> = {};
  for (const [key, value] of Object.entries(wanted)) {
    const known = Object.hasOwn(has, key) ? has[key] : undefined;
    if (isJsonObject(value) && isJsonObject(known)) {
      const inner = missingFrom(known, value);
      if (inner !== undefined) missing[key] = inner;
    } else if (known === undefined || !isDeepStrictEqual(known, value)) missing[key] = value;
  }
  return Object.keys(missing).length === 0 ? undefined : missing;
}

/** Each value that is no object, by JSON pointer (RFC 6901). */
export function* leavesOf(object: JsonObject, above = ''): Generator<readonly [string, JsonValue]> {
  for (const [key, value] of Object.entries(object)) {
    const pointer = `${above}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (isJsonObject(value)) yield* leavesOf(value, pointer);
    else yield [pointer, value];
  }
}
