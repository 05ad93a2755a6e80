/**
 * Subscriptions as a tree of topic levels, and a cache from topic to who gets its messages. The cache is dropped whole
 * when a subscription changes: devices publish a thousand times between two subscriptions. It must not know what a
 * session does with a message.
 */
import { MQTT_TOPIC_CACHE_MAX } from '../../../base/limits.ts';
import type { Subscription } from '../session/subscription.ts';
import { type Delivery, deliveryOf, type Member } from './delivery.ts';
import { SharedGroup } from './shared-group.ts';

interface Match<T> {
  readonly member: T;
  readonly delivery: Delivery;
  /** For a message that the member itself published: without No Local ones [MQTT-3.8.3-3]; undefined = nothing. */
  readonly own: Delivery | undefined;
  /** Each subscription's first log offset: asked only when the log is routed again. */
  readonly since: number;
}

export interface Routes<T extends Member> {
  readonly direct: readonly Match<T>[];
  readonly shared: readonly SharedGroup<T>[];
}

interface Node<T extends Member> {
  readonly children: Map<string, Node<T>>;
  members: Map<T, Subscription> | undefined;
  groups: Map<string, SharedGroup<T>> | undefined;
}

const emptyNode = <T extends Member>(): Node<T> => ({
  children: new Map(),
  members: undefined,
  groups: undefined,
});

export class TopicTree<T extends Member> {
  readonly #root: Node<T> = emptyNode();
  readonly #cache = new Map<string, Routes<T>>();
  #size = 0;

  /** Subscriptions. */
  get size(): number {
    return this.#size;
  }

  add(subscription: Subscription, member: T): void {
    let node = this.#root;
    for (const level of subscription.filter.split('/')) {
      let next = node.children.get(level);
      if (next === undefined) node.children.set(level, (next = emptyNode()));
      node = next;
    }
    const isNew =
      subscription.group === undefined
        ? !(node.members ??= new Map()).has(member)
        : groupIn(node, subscription.group, subscription.filter).add(member, subscription);
    if (subscription.group === undefined) node.members?.set(member, subscription);
    if (isNew) this.#size += 1;
    this.#cache.clear();
  }

  remove({ filter, group }: Subscription, member: T): void {
    const path: [Node<T>, string][] = [];
    let node = this.#root;
    for (const level of filter.split('/')) {
      const next = node.children.get(level);
      if (next === undefined) return;
      path.push([node, level]);
      node = next;
    }
    const members = group === undefined ? node.members : undefined;
    const shared = group === undefined ? undefined : node.groups?.get(group);
    const isKnown = members?.delete(member) === true || shared?.remove(member) === true;
    if (!isKnown) return;
    this.#size -= 1;
    if (members?.size === 0) node.members = undefined;
    if (group !== undefined && shared?.size === 0) node.groups?.delete(group);
    for (const [parent, level] of path.toReversed()) {
      const child = parent.children.get(level);
      if (child === undefined || !isEmpty(child)) break;
      parent.children.delete(level);
    }
    this.#cache.clear();
  }

  group(filter: string, name: string): SharedGroup<T> | undefined {
    let node: Node<T> | undefined = this.#root;
    for (const level of filter.split('/')) node = node?.children.get(level);
    return node?.groups?.get(name);
  }

  /** Rights have changed: they are part of what is cached. */
  forget(): void {
    this.#cache.clear();
  }

  /** Who gets a message on `topic`; one entry per member, however many of its filters match. */
  match(topic: string): Routes<T> {
    const known = this.#cache.get(topic);
    if (known !== undefined) return known;
    const found = new Map<T, Subscription[]>();
    const shared: SharedGroup<T>[] = [];
    this.#walk(this.#root, topic.split('/'), 0, { found, shared });
    const direct: Match<T>[] = [];
    for (const [member, subscriptions] of found) {
      if (member.mayReceive(topic)) direct.push(matchOf(member, subscriptions));
    }
    if (this.#cache.size >= MQTT_TOPIC_CACHE_MAX) this.#cache.clear();
    const routes = { direct, shared };
    this.#cache.set(topic, routes);
    return routes;
  }

  #walk(node: Node<T>, levels: readonly string[], at: number, into: Found<T>): void {
    // A filter that starts with a wildcard does not match a topic that starts with $ [MQTT-4.7.2-1].
    const wild = at > 0 || !(levels[0] ?? '').startsWith('$');
    if (wild) collect(node.children.get('#'), into);
    if (at === levels.length) {
      collect(node, into);
      return;
    }
    const exact = node.children.get(levels[at] ?? '');
    if (exact !== undefined) this.#walk(exact, levels, at + 1, into);
    const plus = wild ? node.children.get('+') : undefined;
    if (plus !== undefined) this.#walk(plus, levels, at + 1, into);
  }
}

interface Found<T extends Member> {
  readonly found: Map<T, Subscription[]>;
  readonly shared: SharedGroup<T>[];
}

function groupIn<T extends Member>(node: Node<T>, name: string, filter: string): SharedGroup<T> {
  node.groups ??= new Map();
  let group = node.groups.get(name);
  if (group === undefined) node.groups.set(name, (group = new SharedGroup(filter)));
  return group;
}

const isEmpty = <T extends Member>(node: Node<T>): boolean =>
  node.children.size === 0 && node.members === undefined && (node.groups?.size ?? 0) === 0;

function collect<T extends Member>(node: Node<T> | undefined, { found, shared }: Found<T>): void {
  for (const [member, subscription] of node?.members ?? []) {
    const before = found.get(member);
    if (before === undefined) found.set(member, [subscription]);
    else before.push(subscription);
  }
  if (node?.groups !== undefined) shared.push(...node.groups.values());
}

function matchOf<T>(member: T, subscriptions: readonly Subscription[]): Match<T> {
  const foreign = subscriptions.filter(({ noLocal }) => !noLocal);
  const delivery = deliveryOf(subscriptions);
  const isPlain = foreign.length === subscriptions.length;
  const own = isPlain ? delivery : foreign.length === 0 ? undefined : deliveryOf(foreign);
  return { member, delivery, own, since: Math.min(...subscriptions.map(({ since }) => since)) };
}
