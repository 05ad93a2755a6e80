import type { StateStore, StateTable } from '../../src/model/ports/state.ts';

/** A StateStore in memory: values are copied in and out, writes take effect a turn later, a fault can be ordered. */
export class MemoryStateStore implements StateStore {
  readonly #tables = new Map<string, MemoryTable<unknown>>();
  /** Set: every write rejects with it. */
  writeFault: Error | undefined;
  /** Set: every read throws it. */
  readFault: Error | undefined;
  /** Keys written so far, "table/key". */
  readonly writes: string[] = [];

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

  close(): Promise<void> {
    return Promise.resolve();
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

  async put(key: string, value: V): Promise<void> {
    const copy = structuredClone(value);
    await this.#write(key);
    this.#rows.set(key, copy);
  }

  async remove(key: string): Promise<boolean> {
    await this.#write(key);
    return this.#rows.delete(key);
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

  async #write(key: string): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#store.writeFault !== undefined) throw this.#store.writeFault;
    this.#store.writes.push(`${this.#name}/${key}`);
  }
}
