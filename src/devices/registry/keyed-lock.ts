/** Work on one key runs one after the other, work on different keys side by side. Forgets keys nobody waits for. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<unknown>>();
  #pending = 0;

  /** Callers that run or wait. */
  get pending(): number {
    return this.#pending;
  }

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    this.#pending += 1;
    const before = this.#tails.get(key);
    const turn = before === undefined ? work() : before.then(work, work);
    this.#tails.set(key, turn);
    try {
      return await turn;
    } finally {
      this.#pending -= 1;
      if (this.#tails.get(key) === turn) this.#tails.delete(key);
    }
  }

  /** Resolves when everything that was asked so far has run. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#tails.values());
  }
}
