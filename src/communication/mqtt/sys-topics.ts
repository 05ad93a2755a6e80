/**
 * What the server says about itself under `$SYS/broker/…`, as most MQTT servers do. Nothing of it is kept or logged: a
 * subscription gets the values of its moment, and all of them again from time to time. Owns names and values.
 */

import type { Broker } from './broker/broker.ts';
import type { Retained } from './broker/retained.ts';
import { matches } from './codec/topics.ts';
import type { SessionRegistry } from './session/session-registry.ts';

const SYS_ROOT = '$SYS/';

interface SysSource {
  readonly version: string;
  readonly startedAt: number;
  readonly now: () => number;
  readonly broker: Broker;
  readonly registry: SessionRegistry;
  readonly connected: () => number;
  readonly logBytes: () => number;
}

const sum = (numbers: Iterable<number>): number => {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
};

const VALUES: Readonly<Record<string, (source: SysSource) => string | number>> = {
  version: ({ version }) => `sensorium ${version}`,
  uptime: ({ now, startedAt }) => `${Math.floor((now() - startedAt) / 1_000)} seconds`,
  'clients/connected': ({ connected }) => connected(),
  'clients/disconnected': ({ registry, connected }) => Math.max(0, registry.size - connected()),
  'clients/total': ({ registry }) => registry.size,
  'subscriptions/count': ({ broker }) => broker.tree.size,
  'retained messages/count': ({ broker }) => broker.retainedMessages.size,
  'publish/messages/received': ({ broker }) => sum(broker.counts.received),
  'publish/messages/sent': ({ broker }) => sum(broker.counts.delivered),
  'publish/messages/dropped': ({ broker }) => sum(broker.counts.dropped.values()),
  'publish/bytes/received': ({ broker }) => broker.counts.receivedBytes,
  'store/messages/bytes': ({ logBytes }) => logBytes(),
};

export class SysTopics {
  readonly #source: SysSource;

  constructor(source: SysSource) {
    this.#source = source;
  }

  /** As retained messages for a new subscription. */
  *matching(filter: string): Generator<Retained> {
    for (const [name, read] of Object.entries(VALUES)) {
      const topic = `${SYS_ROOT}broker/${name}`;
      if (!matches(filter, topic)) continue;
      const payload = Buffer.from(String(read(this.#source)));
      yield { topic, payload, qos: 0, passed: undefined, expiresAt: undefined };
    }
  }

  /** To everybody who subscribed; where nobody did it costs a look at the tree for each. */
  tell(): void {
    const { broker } = this.#source;
    for (const [name, read] of Object.entries(VALUES)) {
      const topic = `${SYS_ROOT}broker/${name}`;
      const { direct, shared } = broker.tree.match(topic);
      if (direct.length + shared.length > 0) broker.tell(topic, Buffer.from(String(read(this.#source))));
    }
  }
}
