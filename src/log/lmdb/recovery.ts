/**
 * What happens after a failed commit: appends are refused, and the disk is tried again with back-off until it takes
 * a whole block. Owns the standing error and the probe; it must not know what was lost.
 */
import { backoffMs } from '../../base/backoff.ts';
import { LOG_BLOCK_MAX_BYTES, LOG_PROBE_INITIAL_MS, LOG_PROBE_MAX_MS } from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import { systemRandom } from '../../base/random.ts';
import { isBroken } from '../../engine/lmdb.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import type { BlockStore } from './environment.ts';
import { asCommitError } from './lmdb-error.ts';

const PROBE_KEY = 'probe';
/** One prober, so nothing to spread. */
const BACKOFF = { initialMs: LOG_PROBE_INITIAL_MS, maxMs: LOG_PROBE_MAX_MS, jitter: 0 };

interface RecoveryOptions {
  readonly store: BlockStore;
  readonly path: string;
  readonly logger: Logger;
}

export class Recovery {
  readonly #options: RecoveryOptions;
  #error: SensoriumError | undefined;
  #isFinal = false;
  #timer: NodeJS.Timeout | undefined;
  #probing: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  /** Why nothing can be written now; undefined while all is well. */
  get error(): SensoriumError | undefined {
    return this.#error;
  }

  /** Only a restart of the process helps. */
  get isFinal(): boolean {
    return this.#isFinal;
  }

  begin(error: SensoriumError): void {
    this.#error = error;
    this.#options.logger.error(
      { code: error.code, cause: error.message },
      'log cannot write; appends are refused',
    );
    this.#schedule(0);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#probing;
  }

  #schedule(attempt: number): void {
    if (this.#stopped) return;
    const delayMs = backoffMs(attempt, BACKOFF, systemRandom);
    this.#timer = setTimeout(() => {
      this.#probing = this.#probe(attempt);
    }, delayMs).unref();
  }

  async #probe(attempt: number): Promise<void> {
    const { store, path, logger } = this.#options;
    if (isBroken(store, PROBE_KEY)) {
      this.#isFinal = true;
      this.#error = problem(
        'log.failed',
        'The disk failed while a commit was completed; restart the server.',
      );
      logger.error(
        { code: 'log.failed' },
        'log is broken until the server restarts; nothing committed is affected',
      );
      return;
    }
    try {
      // As large as a block: a probe that fits into a forgotten corner would let appends in, to fail again.
      await store.put(PROBE_KEY, Buffer.alloc(LOG_BLOCK_MAX_BYTES));
      await store.remove(PROBE_KEY);
      this.#error = undefined;
      logger.info({ attempt }, 'log writes again');
    } catch (cause) {
      this.#error = await asCommitError(cause, path);
      this.#schedule(attempt + 1);
    }
  }
}
