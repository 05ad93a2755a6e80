/**
 * What is due when: one binary heap for all devices in the place of a timer for each. An item knows its place, so that
 * moving it costs log n; a deadline that moves away, as with each reading of a device that reports, costs nothing until
 * its old time has come. It must not know what the items are.
 */
import { invariant } from '../../base/invariant.ts';

export interface Timed {
  /** Monotonic milliseconds by which it stands in the heap: at or before the time it is really due. */
  queuedAt: number;
  /** Its place; -1 = none. */
  place: number;
}

export class Deadlines<T extends Timed> {
  readonly #heap: T[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** Looks at the item at `dueAt` or earlier; Infinity takes it out. */
  set(item: T, dueAt: number): void {
    if (dueAt === Number.POSITIVE_INFINITY) {
      this.remove(item);
      return;
    }
    if (item.place >= 0) {
      // Later than it stands there: it is looked at once too early, and then knows better.
      if (dueAt >= item.queuedAt) return;
      item.queuedAt = dueAt;
      this.#up(item.place);
      return;
    }
    item.queuedAt = dueAt;
    item.place = this.#heap.length;
    this.#heap.push(item);
    this.#up(item.place);
  }

  remove(item: T): void {
    const { place } = item;
    if (place < 0) return;
    const last = this.#heap.pop();
    invariant(last !== undefined, 'an item has a place in an empty heap');
    item.place = -1;
    if (last === item) return;
    this.#put(last, place);
    this.#up(place);
    this.#down(last.place);
  }

  /** Takes out the first that has come; undefined when there is none. */
  take(now: number): T | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.queuedAt > now) return undefined;
    this.remove(first);
    return first;
  }

  #up(from: number): void {
    const item = this.#heap[from];
    if (item === undefined) return;
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = this.#heap[above];
      if (parent === undefined || parent.queuedAt <= item.queuedAt) break;
      this.#put(parent, at);
      at = above;
    }
    this.#put(item, at);
  }

  #down(from: number): void {
    const item = this.#heap[from];
    if (item === undefined) return;
    let at = from;
    for (;;) {
      const left = this.#heap[2 * at + 1];
      if (left === undefined) break;
      const right = this.#heap[2 * at + 2];
      const least = right !== undefined && right.queuedAt < left.queuedAt ? right : left;
      if (least.queuedAt >= item.queuedAt) break;
      const { place } = least;
      this.#put(least, at);
      at = place;
    }
    this.#put(item, at);
  }

  #put(item: T, place: number): void {
    this.#heap[place] = item;
    item.place = place;
  }
}
