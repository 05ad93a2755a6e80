/** What may stand in a twin: a JSON object within bounds, with keys that are plain text. */
import {
  JSON_DEPTH_MAX,
  TWIN_DOCUMENT_MAX_BYTES,
  TWIN_KEY_MAX_CHARS,
  TWIN_PROPERTIES_MAX,
} from '../../base/limits.ts';
import type { JsonObject, JsonValue } from '../../model/twin.ts';
import { isPlainText, isReservedKey, quoted } from '../registry/text-rules.ts';
import { isJsonObject, leavesOf } from './merge-patch.ts';

/** Why this can be neither a document nor a patch of one, in one line; undefined when it can. */
export function patchFault(patch: unknown): string | undefined {
  return isJsonObject(patch) ? membersFault(patch, 1) : 'a twin is a JSON object';
}

/** Why this cannot be a document; asked of the whole, so that small patches do not add up to more. */
export function documentFault(properties: JsonObject): string | undefined {
  if (leavesOf(properties).drop(TWIN_PROPERTIES_MAX).next().done !== true)
    return `more than ${TWIN_PROPERTIES_MAX} properties`;
  const bytes = Buffer.byteLength(JSON.stringify(properties));
  return bytes > TWIN_DOCUMENT_MAX_BYTES
    ? `${bytes} bytes; ${TWIN_DOCUMENT_MAX_BYTES} are allowed`
    : undefined;
}

function membersFault(object: JsonObject, depth: number): string | undefined {
  if (depth > JSON_DEPTH_MAX) return `nested deeper than ${JSON_DEPTH_MAX}`;
  for (const [key, value] of Object.entries(object)) {
    const fault = keyFault(key) ?? valueFault(value, depth);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function keyFault(key: string): string | undefined {
  const isFit = key !== '' && key.length <= TWIN_KEY_MAX_CHARS && isPlainText(key) && !isReservedKey(key);
  return isFit ? undefined : `property name ${quoted(key)} is not allowed`;
}

function valueFault(value: JsonValue, depth: number): string | undefined {
  if (isJsonObject(value)) return membersFault(value, depth + 1);
  if (typeof value === 'string' && !value.isWellFormed()) return 'a text is not Unicode';
  if (typeof value === 'number' && !Number.isFinite(value)) return 'a number is too large';
  if (!Array.isArray(value)) return undefined;
  if (depth + 1 > JSON_DEPTH_MAX) return `nested deeper than ${JSON_DEPTH_MAX}`;
  for (const item of value) {
    const fault = valueFault(item, depth + 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
