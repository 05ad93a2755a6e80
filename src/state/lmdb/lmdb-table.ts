/**
 * One table: keys as UTF-8, values through a codec. Owns key order and ranges; it must not know how a write reaches
 * the disk.
 */
import { type Database, IF_EXISTS } from 'lmdb';
import { invariant } from '../../base/invariant.ts';
import { STATE_KEY_MAX_BYTES } from '../../base/limits.ts';
import type { StateTable } from '../../model/ports/state.ts';

interface Codec<V> {
  encode(value: V): Uint8Array;
  decode(bytes: Buffer): V;
}

/** Hands one write to lmdb, and resolves as lmdb does: true unless a condition was not met. */
export type Write = () => Promise<boolean>;

/**
 * Runs one write, or adds it to the batch being collected; resolves when it is on disk, rejects with a
 * SensoriumError. `prepare` takes what it needs of key and value at once; what it throws is rejected with, inside a
 * batch it is thrown.
 */
export interface TableWriter {
  put(prepare: () => Write): Promise<void>;
  remove(prepare: () => Write): Promise<boolean>;
}

/** JSON text: readable with any tool, and nothing in it can become code or a prototype. */
export const jsonCodec: Codec<unknown> = {
  encode: (value) => Buffer.from(JSON.stringify(value)),
  decode: (bytes) => {
    const text = bytes.toString();
    // An own key of this name turns into a prototype where someone copies it by assignment.
    return text.includes('"__proto__"') ? JSON.parse(text, withoutPrototype) : JSON.parse(text);
  },
};

const withoutPrototype = (key: string, value: unknown): unknown => (key === '__proto__' ? undefined : value);

export const bytesCodec: Codec<Uint8Array> = {
  encode: (value) => Buffer.from(value),
  decode: (bytes) => bytes,
};

interface LmdbTableOptions<V> {
  readonly database: Database<Uint8Array, Buffer>;
  readonly codec: Codec<V>;
  readonly writer: TableWriter;
}

export class LmdbTable<V> implements StateTable<V> {
  readonly #options: LmdbTableOptions<V>;

  constructor(options: LmdbTableOptions<V>) {
    this.#options = options;
  }

  get(key: string): V | undefined {
    const { database, codec } = this.#options;
    const bytes = database.getBinary(keyBytes(key));
    return bytes && codec.decode(bytes);
  }

  put(key: string, value: V): Promise<void> {
    const { database, codec, writer } = this.#options;
    return writer.put(() => {
      invariant(value !== undefined, 'undefined is the absence of a value');
      const bytes = codec.encode(value);
      const at = keyBytes(key);
      return () => database.put(at, bytes);
    });
  }

  remove(key: string): Promise<boolean> {
    const { database, writer } = this.#options;
    return writer.remove(() => {
      const at = keyBytes(key);
      return () => database.remove(at, IF_EXISTS);
    });
  }

  *entries(
    range: { readonly after?: string; readonly prefix?: string; readonly limit?: number } = {},
  ): Generator<readonly [string, V]> {
    const { database, codec } = this.#options;
    const prefix = Buffer.from(range.prefix ?? '');
    const after = range.after === undefined ? undefined : Buffer.from(range.after);
    const isAfterFirst = after !== undefined && Buffer.compare(after, prefix) >= 0;
    const start = isAfterFirst ? after : prefix;
    let left = range.limit ?? Number.POSITIVE_INFINITY;
    if (left <= 0) return;
    const options = start.length > 0 ? { start, exclusiveStart: isAfterFirst } : {};
    for (const { key, value } of database.getRange(options)) {
      if (!key.subarray(0, prefix.length).equals(prefix)) return;
      yield [key.toString(), codec.decode(asBuffer(value))];
      left -= 1;
      if (left <= 0) return;
    }
  }

  get count(): number {
    return this.#options.database.getKeysCount();
  }
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

function keyBytes(key: string): Buffer {
  const bytes = Buffer.from(key);
  const fits = bytes.length > 0 && bytes.length <= STATE_KEY_MAX_BYTES;
  invariant(fits && key.isWellFormed(), `a key is 1 to ${STATE_KEY_MAX_BYTES} bytes of UTF-8`);
  return bytes;
}
