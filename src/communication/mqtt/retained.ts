/** Retained messages: durable, counted, limited. In memory for delivery, in the state store for the next start. */
import { MQTT_RETAINED_MAX } from '../../base/limits.ts';
import type { StateStore, StateTable } from '../../model/ports/state.ts';
import { filterMatches } from './topic-tree.ts';

interface Retained {
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
}

export class RetainedMessages {
  readonly #table: StateTable<Uint8Array>;
  readonly #messages = new Map<string, Retained>();

  constructor(state: StateStore) {
    this.#table = state.bytes('retained');
  }

  get size(): number {
    return this.#messages.size;
  }

  load(): void {
    this.#messages.clear();
    for (const [topic, bytes] of this.#table.entries()) {
      const qos = bytes[0] === 0 ? 0 : bytes[0] === 1 ? 1 : 2;
      this.#messages.set(topic, { qos, payload: Uint8Array.from(bytes.subarray(1)) });
    }
  }

  /** Resolves when on disk; undefined when the limit is reached. An empty payload removes [MQTT-3.3.1-10]. */
  set(topic: string, payload: Uint8Array, qos: 0 | 1 | 2): Promise<unknown> | undefined {
    if (payload.length === 0) {
      return this.#messages.delete(topic) ? this.#table.remove(topic) : Promise.resolve();
    }
    if (this.#messages.size >= MQTT_RETAINED_MAX && !this.#messages.has(topic)) return undefined;
    const stored = new Uint8Array(payload.length + 1);
    stored[0] = qos;
    stored.set(payload, 1);
    this.#messages.set(topic, { qos, payload: stored.subarray(1) });
    return this.#table.put(topic, stored);
  }

  each(filter: string, take: (topic: string, message: Retained) => void): void {
    const exact = this.#messages.get(filter);
    if (exact !== undefined) take(filter, exact);
    if (!filter.includes('+') && !filter.includes('#')) return;
    for (const [topic, message] of this.#messages) if (filterMatches(filter, topic)) take(topic, message);
  }
}
