/**
 * Durable tables for registry, credentials and retained messages: one LMDB environment, one named database per
 * table. Promises that a write that resolved is on disk and that a value read back is what was put; it must not
 * know what a table is for.
 */
import { invariant } from '../../base/invariant.ts';
import type { Logger } from '../../base/logger.ts';
import { problem } from '../../model/errors.ts';
import type { StateStore, StateTable } from '../../model/ports/state.ts';
import { openEnvironment, type StateRoot } from './environment.ts';
import { bytesCodec, jsonCodec, LmdbTable } from './lmdb-table.ts';
import { StateWriter } from './state-writer.ts';

const STATE_FORMAT = 1;
/** Table names are keys of the same database; none of them begins like this. */
const FORMAT_KEY = Buffer.from('@format');
const TABLE_NAME = /^[a-z][a-z0-9._-]{0,63}$/;

/**
 * Opens the state of a data directory. Throws SensoriumError: `data_dir.corrupt`, `data_dir.newer`,
 * `data_dir.unwritable`; what is on disk stays as it is.
 */
export async function openStateStore(options: {
  /** Directory of the LMDB environment; created when absent. */
  readonly path: string;
  readonly logger: Logger;
}): Promise<StateStore> {
  const root = openEnvironment(options.path);
  try {
    await checkFormat(root, options.path);
    return new LmdbStateStore(root, new StateWriter({ ...options, root }));
  } catch (cause) {
    await root.close();
    throw cause;
  }
}

async function checkFormat(root: StateRoot, path: string): Promise<void> {
  const bytes = root.getBinary(FORMAT_KEY);
  if (bytes === undefined) {
    if (root.getKeysCount({ limit: 1 }) > 0)
      throw problem('data_dir.corrupt', `${path} is not a state store.`);
    await root.put(FORMAT_KEY, Buffer.from(String(STATE_FORMAT)));
    return;
  }
  const format = Number(bytes.toString());
  if (!Number.isInteger(format)) throw problem('data_dir.corrupt', `${path} has no readable format number.`);
  if (format > STATE_FORMAT) {
    throw problem(
      'data_dir.newer',
      `${path} has state format ${format}, this version reads ${STATE_FORMAT}.`,
    );
  }
}

class LmdbStateStore implements StateStore {
  readonly #root: StateRoot;
  readonly #writer: StateWriter;
  readonly #json = new Map<string, StateTable<unknown>>();
  readonly #bytes = new Map<string, StateTable<Uint8Array>>();

  constructor(root: StateRoot, writer: StateWriter) {
    this.#root = root;
    this.#writer = writer;
  }

  table<V>(name: string): StateTable<V> {
    invariant(!this.#bytes.has(name), `table ${name} holds bytes`);
    const table = this.#json.get(name) ?? this.#open(name, jsonCodec);
    this.#json.set(name, table);
    // One table per name, and the rooms agree on what is in it.
    return table as StateTable<V>;
  }

  bytes(name: string): StateTable<Uint8Array> {
    invariant(!this.#json.has(name), `table ${name} holds JSON`);
    const table = this.#bytes.get(name) ?? this.#open(name, bytesCodec);
    this.#bytes.set(name, table);
    return table;
  }

  batch(write: () => void): Promise<void> {
    return this.#writer.batch(write);
  }

  async close(): Promise<void> {
    await this.#root.close();
  }

  #open<V>(name: string, codec: { encode(value: V): Uint8Array; decode(bytes: Buffer): V }): StateTable<V> {
    invariant(TABLE_NAME.test(name), `"${name}" cannot be the name of a table`);
    const database = this.#root.openDB<Uint8Array, Buffer>({
      name,
      encoding: 'binary',
      keyEncoding: 'binary',
    });
    return new LmdbTable({ database, codec, writer: this.#writer });
  }
}
