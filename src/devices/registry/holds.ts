/**
 * What writes on their way to disk rely on, and what is about to go: while a device with a parent is being written, the
 * parent cannot be removed, and while it is being removed, nothing new may rely on it. Names are the caller's.
 */
export class Holds {
  readonly #held = new Map<string, number>();
  readonly #leaving = new Set<string>();

  /** Writes on their way that rely on it. */
  count(name: string): number {
    return this.#held.get(name) ?? 0;
  }

  isLeaving(name: string): boolean {
    return this.#leaving.has(name);
  }

  /** Holds all of them until the work is done. */
  async whileHeld<T>(names: readonly string[], work: () => Promise<T>): Promise<T> {
    for (const name of names) this.#held.set(name, this.count(name) + 1);
    try {
      return await work();
    } finally {
      for (const name of names) this.#release(name);
    }
  }

  async whileLeaving<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.#leaving.add(name);
    try {
      return await work();
    } finally {
      this.#leaving.delete(name);
    }
  }

  #release(name: string): void {
    const left = this.count(name) - 1;
    if (left > 0) this.#held.set(name, left);
    else this.#held.delete(name);
  }
}
