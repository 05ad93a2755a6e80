import { JSON_DEPTH_MAX, METRIC_NAME_MAX_CHARS, READINGS_PER_PACKET_MAX } from '../../base/limits.ts';
import { isJsonObject, type JsonObject } from '../payload/json.ts';
import type { ValueSink } from '../payload/sink.ts';
import { shown } from '../payload/text.ts';

/**
 * Nested foreign objects as flat metrics: `{"color":{"x":0.4}}` gives `color.x`. Absent things (null, empty text)
 * are left out. Bounded in depth, in number and in the length of a name, each refusal said once.
 */
export interface FlattenOptions {
  readonly sink: ValueSink;
  readonly ts: unknown;
  /** Unit of the value under `path`, whose last part is `key`. */
  readonly unit?: (path: string, key: string) => string | undefined;
  /** True for what is no reading: it is left out, with all that is inside. */
  readonly skip?: (path: string, key: string, value: unknown) => boolean;
  /** Numbers of an array as `path.1`, `path.2` …; otherwise arrays are left out. */
  readonly arrays?: boolean;
  /** Values that may be handed on; fewer than the bound of a packet where others came before. */
  readonly room?: number;
}

/** Returns how many values were handed on or refused. */
export function flatten(object: JsonObject, prefix: string, options: FlattenOptions): number {
  const walk = new Walk(options);
  walk.object(object, prefix, 1);
  return walk.count;
}

class Walk {
  readonly #options: FlattenOptions;
  readonly #room: number;
  count = 0;

  constructor(options: FlattenOptions) {
    this.#options = options;
    this.#room = options.room ?? READINGS_PER_PACKET_MAX;
  }

  object(object: JsonObject, prefix: string, depth: number): void {
    for (const key of Object.keys(object)) {
      if (this.count > this.#room) return;
      this.#entry(object[key], prefix, key, depth);
    }
  }

  #entry(value: unknown, prefix: string, key: string, depth: number): void {
    const { sink, skip } = this.#options;
    if (value === null || value === '') return;
    // Length before anything is built from it: a long name above many values must cost its length once.
    if (prefix.length + key.length >= METRIC_NAME_MAX_CHARS) {
      this.#refuse('reading.name', `${shown(key)} makes a metric name too long`);
      return;
    }
    const path = prefix === '' ? key : `${prefix}.${key}`;
    if (skip?.(path, key, value) === true) return;
    if (Array.isArray(value)) {
      if (this.#options.arrays === true) this.#array(value, path, key, depth);
    } else if (isJsonObject(value)) {
      if (depth >= JSON_DEPTH_MAX) {
        this.#refuse('payload.too_deep', `${shown(path)} is nested more than ${JSON_DEPTH_MAX} levels`);
      } else this.object(value, path, depth + 1);
    } else if (this.#take()) {
      sink.value(0, path, this.#options.ts, value, this.#options.unit?.(path, key));
    }
  }

  #array(items: readonly unknown[], path: string, key: string, depth: number): void {
    for (const [index, item] of items.entries()) {
      if (this.count > this.#room) return;
      if (typeof item === 'number' && this.#take()) {
        this.#options.sink.value(
          0,
          `${path}.${index + 1}`,
          this.#options.ts,
          item,
          this.#options.unit?.(path, key),
        );
      } else if (isJsonObject(item) && depth < JSON_DEPTH_MAX) {
        this.object(item, `${path}.${index + 1}`, depth + 1);
      }
    }
  }

  /** Counts a value; says once when there are too many. */
  #take(): boolean {
    this.count += 1;
    if (this.count <= this.#room) return true;
    this.#options.sink.reject(0, 'payload.too_many', `more than ${READINGS_PER_PACKET_MAX} values`);
    return false;
  }

  #refuse(code: 'reading.name' | 'payload.too_deep', message: string): void {
    this.count += 1;
    this.#options.sink.reject(0, code, message);
  }
}
