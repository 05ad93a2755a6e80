import { SortedList } from './sorted-list.ts';

interface Named {
  readonly id: string;
}

/** An inverted index: for each key, the things that have it, in the order of ids. Forgets keys that nothing has. */
export class PostingLists<K, T extends Named> {
  readonly #lists = new Map<K, SortedList<T>>();

  /** Undefined where nothing has it. */
  get(key: K): SortedList<T> | undefined {
    return this.#lists.get(key);
  }

  count(key: K): number {
    return this.#lists.get(key)?.size ?? 0;
  }

  /** The thing, which had none of them, has these keys; each once. */
  add(item: T, keys: Iterable<K>): void {
    for (const key of keys) this.#add(key, item);
  }

  /** The thing had the keys `before` and has the keys `now`; each of them once. */
  move(item: T, before: Iterable<K>, now: Iterable<K>): void {
    const keep = new Set(now);
    for (const key of before) {
      if (!keep.delete(key)) this.#remove(key, item);
    }
    this.add(item, keep);
  }

  #add(key: K, item: T): void {
    let list = this.#lists.get(key);
    if (list === undefined) {
      list = new SortedList();
      this.#lists.set(key, list);
    }
    list.add(item);
  }

  #remove(key: K, item: T): void {
    const list = this.#lists.get(key);
    list?.remove(item);
    if (list?.size === 0) this.#lists.delete(key);
  }
}
