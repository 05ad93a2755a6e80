import { problem } from '../model/errors.ts';

export interface WindowOptions {
  readonly size: number;
  /** Nothing released for so long while someone waits: the other side is gone. */
  readonly stallMaxMs: number;
  readonly signal: AbortSignal;
}

/**
 * A bound on what is sent and not yet acknowledged, for one sender. Waiting ends by a release, by the signal
 * (quietly), or with `server.unreachable` when nothing moves any more.
 */
export class Window {
  readonly #options: WindowOptions;
  #inUse = 0;
  #wake: (() => void) | undefined;

  constructor(options: WindowOptions) {
    this.#options = options;
  }

  get inUse(): number {
    return this.#inUse;
  }

  /** Takes one place; call `room` first. */
  take(): void {
    this.#inUse += 1;
  }

  release(): void {
    this.#inUse -= 1;
    this.#wake?.();
  }

  /** Resolves when a place is free. */
  async room(): Promise<void> {
    await this.#until(() => this.#inUse < this.#options.size);
  }

  /** Resolves when nothing is in use any more. */
  async empty(): Promise<void> {
    await this.#until(() => this.#inUse === 0);
  }

  async #until(met: () => boolean): Promise<void> {
    while (!met() && !this.#options.signal.aborted) await this.#nextRelease();
  }

  #nextRelease(): Promise<void> {
    const { signal, stallMaxMs } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      reject(problem('server.unreachable', `no acknowledgement for ${stallMaxMs / 1_000} s`));
    }, stallMaxMs);
    const stop = (): void => resolve();
    signal.addEventListener('abort', stop, { once: true });
    this.#wake = resolve;
    return promise.finally(() => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    });
  }
}
