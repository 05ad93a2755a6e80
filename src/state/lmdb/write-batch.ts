/**
 * The writes of one batch while they are collected: nothing reaches lmdb before all of them are known, so that what
 * throws in between leaves nothing behind. Owns their promises, which settle with the batch; it must not know how a
 * batch is committed.
 */
import type { Write } from './lmdb-table.ts';

/** Whoever asked for a batch is told by its promise; those of the single writes need no handler. */
const handled = (promise: Promise<unknown>): void => void promise.catch(() => undefined);

export class WriteBatch {
  readonly #writes: (() => unknown)[] = [];
  readonly #settled = Promise.withResolvers<void>();

  constructor() {
    handled(this.#settled.promise);
  }

  get isEmpty(): boolean {
    return this.#writes.length === 0;
  }

  put(write: Write): Promise<void> {
    this.#writes.push(write);
    return this.#settled.promise;
  }

  remove(write: Write): Promise<boolean> {
    let wasThere: Promise<boolean> | undefined;
    this.#writes.push(() => {
      wasThere = write();
      handled(wasThere);
    });
    const answer = this.#settled.promise.then(async () => (await wasThere) === true);
    handled(answer);
    return answer;
  }

  /** Hands all of them to lmdb, in their order. */
  issue(): void {
    for (const write of this.#writes) write();
  }

  succeed(): void {
    this.#settled.resolve();
  }

  fail(error: unknown): void {
    this.#settled.reject(error);
  }
}
