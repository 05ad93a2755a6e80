/** A durable, ordered key–value table of JSON-like values (registry, credentials, retained messages). */
export interface StateTable<V> {
  get(key: string): V | undefined;
  /** Resolves when on disk. */
  put(key: string, value: V): Promise<void>;
  /** Resolves when on disk; true if it was there. */
  remove(key: string): Promise<boolean>;
  /** In key order. */
  entries(range?: {
    readonly after?: string;
    readonly prefix?: string;
    readonly limit?: number;
  }): Iterable<readonly [string, V]>;
  readonly count: number;
}

export interface StateStore {
  table<V>(name: string): StateTable<V>;
  /** Tables of raw bytes. */
  bytes(name: string): StateTable<Uint8Array>;
  close(): Promise<void>;
}
