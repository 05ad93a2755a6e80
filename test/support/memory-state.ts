import { invariant } from '../../src/base/invariant.ts';
import type { StateStore, StateTable } from '../../src/model/ports/state.ts';

/** One write of a batch that is being collected. */
interface Write {
  readonly apply: () => void;
  readonly fail: (error: unknown) => void;
}

/** A StateStore in memory: values are copied in and out, writes take effect a turn later, a fault can be ordered. */
export class MemoryStateStore implements StateStore {
  readonly #tables = new Map<string, MemoryTable<unknown>>();
  /** The writes of a batch while it is collected. */
  #batch: Write[] | undefined;
  /** Set: every write rejects with it. */
  writeFault: Error | undefined;
  /** Set: every read throws it. */
  readFault: Error | undefined;
  /** Keys written so far, "table/key". */
  readonly writes: string[] = [];
  /** Batches committed so far. */
  batches = 0;

  table<V>(name: string): StateTable<V>;
  table(name: string): StateTable<unknown> {
    const known = this.#tables.get(name);
    if (known !== undefined) return known;
    const table = new MemoryTable<unknown>(this, name);
    this.#tables.set(name, table);
    return table;
  }

  bytes(name: string): StateTable<Uint8Array> {
    return this.table<Uint8Array>(name);
  }

  async batch(write: () => void): Promise<void> {
    invariant(this.#batch === undefined, 'a batch begins inside a batch');
    const batch: Write[] = [];
    this.#batch = batch;
    try {
      try {
        write();
      } finally {
        this.#batch = undefined;
      }
      if (batch.length > 0) await this.#disk();
    } catch (cause) {
      for (const each of batch) each.fail(cause);
      throw cause;
    }
    for (const each of batch) each.apply();
    this.batches += 1;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** One write of a table: by itself, or with the batch that is being collected. */
  run<T>(name: string, apply: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const write: Write = {
      apply: () => {
        this.writes.push(name);
        resolve(apply());
      },
      fail: reject,
    };
    if (this.#batch === undefined) {
      this.#disk().then(write.apply, reject);
    } else {
      this.#batch.push(write);
      promise.catch(() => undefined);
    }
    return promise;
  }

  /** The disk takes a turn. */
  async #disk(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.writeFault !== undefined) throw this.writeFault;
  }
}

class MemoryTable<V> implements StateTable<V> {
  readonly #store: MemoryStateStore;
  readonly #name: string;
  readonly #rows = new Map<string, V>();

  constructor(store: MemoryStateStore, name: string) {
    this.#store = store;
    this.#name = name;
  }

  get count(): number {
    return this.#rows.size;
  }

  get(key: string): V | undefined {
    this.#read();
    return structuredClone(this.#rows.get(key));
  }

  put(key: string, value: V): Promise<void> {
    const copy = structuredClone(value);
    return this.#store.run(`${this.#name}/${key}`, () => void this.#rows.set(key, copy));
  }

  remove(key: string): Promise<boolean> {
    return this.#store.run(`${this.#name}/${key}`, () => this.#rows.delete(key));
  }

  *entries(
    range: { readonly after?: string; readonly prefix?: string; readonly limit?: number } = {},
  ): Iterable<readonly [string, V]> {
    this.#read();
    let left = range.limit ?? Infinity;
    for (const key of [...this.#rows.keys()].toSorted((a, b) => (a < b ? -1 : 1))) {
      if (range.after !== undefined && key <= range.after) continue;
      if (range.prefix !== undefined && !key.startsWith(range.prefix)) continue;
      if (left-- <= 0) return;
      const value = this.#rows.get(key);
      if (value !== undefined) yield [key, structuredClone(value)];
    }
  }

  #read(): void {
    if (this.#store.readFault !== undefined) throw this.#store.readFault;
  }
}
