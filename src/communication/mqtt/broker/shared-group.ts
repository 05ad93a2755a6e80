/**
 * The members of one shared subscription: each message goes to one of them [MQTT-4.8.2-4]. Owns the turn; members that
 * are connected and not behind go first, so that an idle one does not wait while another's queue grows.
 */
import type { Subscription } from '../session/subscription.ts';
import type { Delivery, Member } from './delivery.ts';

export class SharedGroup<T extends Member> {
  readonly filter: string;
  readonly #members = new Map<T, Subscription>();
  #order: readonly T[] = [];
  #turn = 0;

  constructor(filter: string) {
    this.filter = filter;
  }

  get size(): number {
    return this.#members.size;
  }

  /** True when it is new. */
  add(member: T, subscription: Subscription): boolean {
    const isNew = !this.#members.has(member);
    this.#members.set(member, subscription);
    if (isNew) this.#order = [...this.#members.keys()];
    return isNew;
  }

  remove(member: T): boolean {
    const isKnown = this.#members.delete(member);
    if (isKnown) this.#order = [...this.#members.keys()];
    return isKnown;
  }

  /** Whose turn it is; undefined when nobody may have it. `but`: one that is going. */
  next(
    topic: string,
    but?: T,
  ): { readonly member: T; readonly delivery: Delivery; readonly since: number } | undefined {
    const order = this.#order;
    let second = -1;
    for (let i = 0; i < order.length; i += 1) {
      const at = (this.#turn + i) % order.length;
      const member = order[at];
      if (member === undefined || member === but || !member.mayReceive(topic)) continue;
      if (member.isReady) return this.#given(member, at);
      if (second < 0) second = at;
    }
    const waiting = order[second];
    return waiting === undefined ? undefined : this.#given(waiting, second);
  }

  #given(member: T, at: number): { readonly member: T; readonly delivery: Delivery; readonly since: number } {
    this.#turn = at + 1;
    const { qos = 0, retainAsPublished = false, id = 0, since = 0 } = this.#members.get(member) ?? {};
    return { member, delivery: { qos, retainAsPublished, ids: id === 0 ? undefined : [id] }, since };
  }
}
