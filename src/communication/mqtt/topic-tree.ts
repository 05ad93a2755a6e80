/**
 * Subscriptions as a tree of topic levels, and a cache from topic to its subscribers. The cache is dropped whole when
 * a subscription changes: devices publish a thousand times between two subscriptions.
 */
import { MQTT_TOPIC_CACHE_MAX } from '../../base/limits.ts';

interface Node<T> {
  readonly children: Map<string, Node<T>>;
  readonly members: Map<T, 0 | 1>;
}

export interface Match<T> {
  readonly member: T;
  readonly qos: 0 | 1;
}

const empty = <T>(): Node<T> => ({ children: new Map(), members: new Map() });

export class TopicTree<T> {
  readonly #root: Node<T> = empty();
  readonly #cache = new Map<string, readonly Match<T>[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(filter: string, member: T, qos: 0 | 1): void {
    let node = this.#root;
    for (const level of filter.split('/')) {
      let next = node.children.get(level);
      if (next === undefined) node.children.set(level, (next = empty()));
      node = next;
    }
    if (!node.members.has(member)) this.#size += 1;
    node.members.set(member, qos);
    this.#cache.clear();
  }

  remove(filter: string, member: T): void {
    const path: [Node<T>, string][] = [];
    let node = this.#root;
    for (const level of filter.split('/')) {
      const next = node.children.get(level);
      if (next === undefined) return;
      path.push([node, level]);
      node = next;
    }
    if (node.members.delete(member)) this.#size -= 1;
    for (const [parent, level] of path.toReversed()) {
      const child = parent.children.get(level);
      if (child === undefined || child.children.size > 0 || child.members.size > 0) break;
      parent.children.delete(level);
    }
    this.#cache.clear();
  }

  /** Who gets a message on `topic`; one entry per member, with the highest QoS it asked for [MQTT-3.3.5-1]. */
  match(topic: string): readonly Match<T>[] {
    const known = this.#cache.get(topic);
    if (known !== undefined) return known;
    const found = new Map<T, 0 | 1>();
    this.#walk(this.#root, topic.split('/'), 0, found);
    const matches = [...found].map(([member, qos]) => ({ member, qos }));
    if (this.#cache.size >= MQTT_TOPIC_CACHE_MAX) this.#cache.clear();
    this.#cache.set(topic, matches);
    return matches;
  }

  #walk(node: Node<T>, levels: readonly string[], at: number, found: Map<T, 0 | 1>): void {
    // A filter that starts with a wildcard does not match a topic that starts with $ [MQTT-4.7.2-1].
    const wild = at > 0 || !(levels[0] ?? '').startsWith('$');
    if (wild) collect(node.children.get('#'), found);
    if (at === levels.length) {
      collect(node, found);
      return;
    }
    const exact = node.children.get(levels[at] ?? '');
    if (exact !== undefined) this.#walk(exact, levels, at + 1, found);
    const plus = wild ? node.children.get('+') : undefined;
    if (plus !== undefined) this.#walk(plus, levels, at + 1, found);
  }
}

function collect<T>(node: Node<T> | undefined, found: Map<T, 0 | 1>): void {
  if (node === undefined) return;
  for (const [member, qos] of node.members) {
    const before = found.get(member);
    if (before === undefined || qos > before) found.set(member, qos);
  }
}
