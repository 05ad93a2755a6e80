import { problem } from '../../../model/errors.ts';
import type { Sender } from './broker.ts';

/** A message that the server itself publishes, until it is on disk; with `retain`, in both stores. */
export class Publication implements Sender {
  readonly done: Promise<void>;
  readonly #settle: PromiseWithResolvers<void>;
  #stored: Promise<void> = Promise.resolve();

  constructor() {
    this.#settle = Promise.withResolvers();
    this.done = this.#settle.promise;
  }

  committed(): void {
    this.#stored.then(this.#settle.resolve, this.#settle.reject);
  }

  lost(): void {
    this.#settle.reject(problem('log.failed', 'The message could not be written'));
  }

  async storing(_key: number, stored: Promise<void>): Promise<void> {
    this.#stored = stored;
    await stored.catch(() => undefined);
  }
}
