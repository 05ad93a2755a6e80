/** What a bridge remembers over restarts: its name with the other server, and the filters both servers keep for it. */
import { randomUUID } from 'node:crypto';
import type { StateStore, StateTable } from '../../model/ports/state.ts';

interface Stored {
  readonly clientId: string;
  readonly local: readonly string[];
  readonly remote: readonly string[];
}

type Filters = Pick<Stored, 'local' | 'remote'>;

export class BridgeRecord {
  readonly #table: StateTable<Stored>;
  readonly #name: string;

  constructor(state: StateStore, name: string) {
    this.#table = state.table('bridges');
    this.#name = name;
  }

  /** Two installations that share a configuration must not end each other's session. On disk before it is used. */
  async clientId(): Promise<string> {
    const stored = this.#table.get(this.#name);
    if (stored !== undefined) return stored.clientId;
    const clientId = `sensorium-${this.#name}-${randomUUID().slice(0, 8)}`;
    await this.#table.put(this.#name, { clientId, local: [], remote: [] });
    return clientId;
  }

  /** Filters of an earlier configuration that are no longer meant. */
  stale(now: Filters): Filters {
    const { local = [], remote = [] } = this.#table.get(this.#name) ?? {};
    return {
      local: local.filter((filter) => !now.local.includes(filter)),
      remote: remote.filter((filter) => !now.remote.includes(filter)),
    };
  }

  async subscribed({ local, remote }: Filters): Promise<void> {
    await this.#table.put(this.#name, { clientId: await this.clientId(), local, remote });
  }
}
