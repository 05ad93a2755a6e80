/**
 * The mapping of topics in one direction: which filters to subscribe to on one side, and what a topic is called on the
 * other. The first row that matches decides.
 */
import { matches } from '../mqtt/codec/topics.ts';
import type { BridgeTopic } from './bridge-settings.ts';

interface Row {
  /** Without its prefix. */
  readonly filter: string;
  readonly from: string;
  readonly to: string;
}

export class TopicMap {
  /** On the side the messages come from: filter → QoS. */
  readonly filters: ReadonlyMap<string, 0 | 1>;
  readonly #rows: readonly Row[];

  constructor(topics: readonly BridgeTopic[], direction: 'in' | 'out') {
    const filters = new Map<string, 0 | 1>();
    this.filters = filters;
    this.#rows = topics
      .filter((topic) => topic.direction === direction || topic.direction === 'both')
      .map(({ filter, localPrefix, remotePrefix, qos }) => {
        const [from, to] = direction === 'out' ? [localPrefix, remotePrefix] : [remotePrefix, localPrefix];
        const wanted = `${from}${filter}`;
        filters.set(wanted, qos === 1 || filters.get(wanted) === 1 ? 1 : 0);
        return { filter, from, to };
      });
  }

  /** Undefined where no row is meant. */
  translate(topic: string): string | undefined {
    for (const { filter, from, to } of this.#rows) {
      if (!topic.startsWith(from)) continue;
      const rest = topic.slice(from.length);
      if (matches(filter, rest)) return `${to}${rest}`;
    }
    return undefined;
  }
}
