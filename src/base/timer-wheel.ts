/**
 * What is due when, for many things with few timers: things in slots of equal length, by the time they are due. Promises
 * constant time to add, remove and find the next; nothing is handed out before its time, and at most a slot and the
 * caller's own pace after it. Times are monotonic milliseconds; it has no clock of its own.
 */
export class TimerWheel<T extends object> {
  readonly #slotMs: number;
  readonly #slots = new Map<number, Set<T>>();
  readonly #slotOf = new Map<T, number>();
  /** All slots up to this one were handed out. */
  #passed: number;

  constructor({ slotMs, now }: { readonly slotMs: number; readonly now: number }) {
    this.#slotMs = slotMs;
    this.#passed = Math.floor(now / slotMs);
  }

  get size(): number {
    return this.#slotOf.size;
  }

  /** Due at this time, and at no other that was set before. */
  set(thing: T, dueMs: number): void {
    this.delete(thing);
    const slot = Math.max(Math.ceil(dueMs / this.#slotMs), this.#passed + 1);
    const things = this.#slots.get(slot);
    if (things === undefined) this.#slots.set(slot, new Set([thing]));
    else things.add(thing);
    this.#slotOf.set(thing, slot);
  }

  delete(thing: T): void {
    const slot = this.#slotOf.get(thing);
    if (slot === undefined) return;
    this.#slotOf.delete(thing);
    const things = this.#slots.get(slot);
    things?.delete(thing);
    if (things?.size === 0) this.#slots.delete(slot);
  }

  /** Takes out what is due, in the order of slots. */
  due(now: number): readonly T[] {
    const through = Math.floor(now / this.#slotMs);
    const due: T[] = [];
    // After a long pause there are fewer slots than there was time.
    const skips = through - this.#passed > this.#slots.size;
    const slots = skips
      ? [...this.#slots.keys()].toSorted((a, b) => a - b)
      : range(this.#passed + 1, through);
    for (const slot of slots) if (slot <= through) due.push(...(this.#slots.get(slot) ?? []));
    for (const thing of due) this.delete(thing);
    this.#passed = Math.max(this.#passed, through);
    return due;
  }
}

function* range(from: number, through: number): Generator<number> {
  for (let at = from; at <= through; at += 1) yield at;
}
