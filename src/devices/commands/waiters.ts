/** Callers that wait for something with a bound, and for no longer than there is somebody to tell them. */
export class Waiters {
  readonly #release = new Set<() => void>();
  #isOpen = false;

  open(): void {
    this.#isOpen = true;
  }

  /** True when it came in this time. By the timers of the process: somebody real waits. */
  async within(event: Promise<unknown>, waitMs: number): Promise<boolean> {
    if (waitMs <= 0 || !this.#isOpen) return false;
    const { promise, resolve } = Promise.withResolvers<false>();
    const release = (): void => resolve(false);
    const timer = setTimeout(release, waitMs);
    this.#release.add(release);
    const came = await Promise.race([event.then(() => true), promise]);
    clearTimeout(timer);
    this.#release.delete(release);
    return came;
  }

  /** Nobody waits any more, until it is opened again. */
  releaseAll(): void {
    this.#isOpen = false;
    for (const release of this.#release) release();
  }
}
