/**
 * Runs writes one by one or as a batch, turns what lmdb rejects with into errors of ours, and stops writing where LMDB would never answer again.
 */
import { invariant } from '../../base/invariant.ts';
import type { Logger } from '../../base/logger.ts';
import { asWriteError, isBroken } from '../../engine/lmdb.ts';
import type { SensoriumError } from '../../model/errors.ts';
import type { StateRoot } from './environment.ts';
import type { TableWriter, Write } from './lmdb-table.ts';
import { WriteBatch } from './write-batch.ts';

/** More than a commit of this store ever takes. */
const COMMIT_BYTES = 8 * 1_048_576;
const ANY_KEY = Buffer.from('@format');

interface StateWriterOptions {
  readonly root: StateRoot;
  readonly path: string;
  readonly logger: Logger;
}

export class StateWriter implements TableWriter {
  readonly #options: StateWriterOptions;
  #broken: SensoriumError | undefined;
  /** Set while the function of a batch runs. */
  #collecting: WriteBatch | undefined;

  constructor(options: StateWriterOptions) {
    this.#options = options;
  }

  put(prepare: () => Write): Promise<void> {
    return this.#collecting === undefined ? this.#put(prepare) : this.#collecting.put(prepare());
  }

  remove(prepare: () => Write): Promise<boolean> {
    return this.#collecting === undefined ? this.#remove(prepare) : this.#collecting.remove(prepare());
  }

  async batch(write: () => void): Promise<void> {
    const batch = new WriteBatch();
    try {
      this.#collect(batch, write);
      // One batch of lmdb never spans two of its transactions: all of it is on disk, or none.
      if (!batch.isEmpty) await this.#run(() => this.#options.root.batch(() => batch.issue()));
      batch.succeed();
    } catch (cause) {
      batch.fail(cause);
      throw cause;
    }
  }

  #collect(batch: WriteBatch, write: () => void): void {
    invariant(this.#collecting === undefined, 'a batch begins inside a batch');
    this.#collecting = batch;
    try {
      write();
    } finally {
      this.#collecting = undefined;
    }
  }

  async #put(prepare: () => Write): Promise<void> {
    await this.#run(prepare());
  }

  async #remove(prepare: () => Write): Promise<boolean> {
    return this.#run(prepare());
  }

  async #run(write: Write): Promise<boolean> {
    if (this.#broken !== undefined) throw this.#broken;
    try {
      return await write();
    } catch (cause) {
      const { root, path, logger } = this.#options;
      const error = await asWriteError(cause, { path, writeBytes: COMMIT_BYTES, failed: 'state.failed' });
      logger.error({ code: error.code, cause: error.message }, 'state cannot write');
      if (isBroken(root, ANY_KEY)) this.#broken = error;
      throw error;
    }
  }
}
