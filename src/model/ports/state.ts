/** A durable, ordered key–value table of JSON-like values (registry, credentials, retained messages). */
export interface StateTable<V> {
  get(key: string): V | undefined;
  /** Resolves when on disk. */
  put(key: string, value: V): Promise<void>;
  /** Resolves when on disk; true if it was there. */
  remove(key: string): Promise<boolean>;
  /** In key order, of one moment. Each value, bytes too, is the caller's own and stays as it is. */
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
  /**
   * The puts and removes called synchronously by `write`, on any tables, are on disk together or not at all. Resolves
   * when they are; rejects with SensoriumError `disk.full` or `state.failed`, and with what `write` throws, and then
   * none of them happened. Their own promises settle with the batch, and need no handler.
   */
  batch(write: () => void): Promise<void>;
  close(): Promise<void>;
}
