import { SORTED_INSERTS_MAX } from '../../base/limits.ts';

interface Named {
  readonly id: string;
}

/** The order of `<` by code unit, which the cursors compare with; not that of a language. */
const byId = (a: Named, b: Named): number => (a.id < b.id ? -1 : 1);

/**
 * Things by id, in order. Promises that many arrivals cost one merge when somebody looks, not one move of the whole
 * list each; an arrival at the end costs nothing. Knows nothing of what the things are; none is added twice.
 */
export class SortedList<T extends Named> {
  #items: T[] = [];
  /** Came out of order and were not looked at yet. */
  #arrived: T[] | undefined;

  get size(): number {
    return this.#items.length + (this.#arrived?.length ?? 0);
  }

  add(item: T): void {
    const last = this.#items.at(-1);
    if (this.#arrived === undefined && (last === undefined || last.id < item.id)) this.#items.push(item);
    else (this.#arrived ??= []).push(item);
  }

  remove(item: T): void {
    const items = this.#sorted();
    const at = upperBound(items, item.id) - 1;
    if (items[at] === item) items.splice(at, 1);
  }

  /** In order; valid until the next change. */
  get items(): readonly T[] {
    return this.#sorted();
  }

  /** Where those begin that come after this id. */
  after(id: string): number {
    return upperBound(this.#sorted(), id);
  }

  #sorted(): T[] {
    const arrived = this.#arrived;
    if (arrived === undefined) return this.#items;
    this.#arrived = undefined;
    if (arrived.length <= SORTED_INSERTS_MAX) {
      for (const item of arrived) this.#items.splice(upperBound(this.#items, item.id), 0, item);
    } else {
      this.#items = merged(this.#items, arrived.toSorted(byId));
    }
    return this.#items;
  }
}

function merged<T extends Named>(left: readonly T[], right: readonly T[]): T[] {
  const both: T[] = [];
  let at = 0;
  for (const item of right) {
    for (let next = left[at]; next !== undefined && next.id < item.id; next = left[at]) {
      both.push(next);
      at += 1;
    }
    both.push(item);
  }
  for (; at < left.length; at += 1) {
    const item = left[at];
    if (item !== undefined) both.push(item);
  }
  return both;
}

/** Index of the first whose id is greater. */
function upperBound(items: readonly Named[], id: string): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = items[middle];
    if (at !== undefined && at.id <= id) low = middle + 1;
    else high = middle;
  }
  return low;
}
