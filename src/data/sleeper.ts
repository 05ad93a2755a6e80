/** A wait that another can cut short. A wake-up that comes while nobody sleeps ends the next sleep at once. */
export class Sleeper {
  #woken = false;
  #rise: (() => void) | undefined;

  /** Until woken, or for `ms` at most. */
  sleep(ms?: number): Promise<void> {
    if (this.#woken) {
      this.#woken = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(() => this.#end(), ms);
      this.#rise = () => {
        clearTimeout(timer);
        this.#rise = undefined;
        resolve();
      };
    });
  }

  wake(): void {
    if (this.#rise === undefined) this.#woken = true;
    else this.#end();
  }

  #end(): void {
    this.#rise?.();
  }
}
