import { ATTRIBUTES_MAX_BYTES, ATTRIBUTES_MAX_KEYS, JSON_DEPTH_MAX } from '../../base/limits.ts';
import { isPlainText, isReservedKey, quoted } from './text-rules.ts';

export type Attributes = Readonly<Record<string, unknown>>;

/** Shared by all devices that have none. */
export const NO_ATTRIBUTES: Attributes = Object.freeze({});

/** Why these cannot be attributes, in one line; undefined when they can. */
export function attributesFault(attributes: Attributes): string | undefined {
  const keys = Object.keys(attributes);
  if (keys.length > ATTRIBUTES_MAX_KEYS) return `more than ${ATTRIBUTES_MAX_KEYS} attributes`;
  for (const key of keys) {
    const fault = keyFault(key) ?? valueFault(key, attributes[key], 1);
    if (fault !== undefined) return fault;
  }
  if (Buffer.byteLength(JSON.stringify(attributes)) > ATTRIBUTES_MAX_BYTES) {
    return `attributes are larger than ${ATTRIBUTES_MAX_BYTES} bytes`;
  }
  return undefined;
}

/** JSON merge patch (RFC 7396) of the first level: null removes. Returns `current` itself when nothing changes. */
export function mergeAttributes(current: Attributes, patch: Attributes): Attributes {
  const merged: Record<string, unknown> = { ...current };
  let changed = false;
  for (const [key, value] of Object.entries(patch)) {
    if (value === undefined) continue;
    if (value === null) {
      if (!Object.hasOwn(merged, key)) continue;
      delete merged[key];
    } else {
      if (Object.hasOwn(merged, key) && sameJson(merged[key], value)) continue;
      merged[key] = value;
    }
    changed = true;
  }
  if (!changed) return current;
  return Object.keys(merged).length === 0 ? NO_ATTRIBUTES : merged;
}

const sameJson = (a: unknown, b: unknown): boolean =>
  a === b || (typeof a === 'object' && typeof b === 'object' && JSON.stringify(a) === JSON.stringify(b));

function keyFault(key: string): string | undefined {
  if (isReservedKey(key)) return `attribute name ${quoted(key)} is reserved`;
  if (key === '' || key.length > 128 || !isPlainText(key))
    return `attribute name ${quoted(key)} is not allowed`;
  return undefined;
}

function valueFault(name: string, value: unknown, depth: number): string | undefined {
  if (depth > JSON_DEPTH_MAX) return `attribute ${quoted(name)} is nested too deeply`;
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return undefined;
  if (typeof value === 'number') {
    return Number.isFinite(value) ? undefined : `attribute ${quoted(name)} is not a finite number`;
  }
  if (Array.isArray(value)) return firstFault(value, (item) => valueFault(name, item, depth + 1));
  if (typeof value !== 'object') return `attribute ${quoted(name)} is not a JSON value`;
  return firstFault(Object.entries(value), ([key, item]) => {
    if (isReservedKey(key)) return `attribute ${quoted(name)} has the reserved name ${quoted(key)} inside`;
    return valueFault(name, item, depth + 1);
  });
}

function firstFault<T>(items: readonly T[], check: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const fault = check(item);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
