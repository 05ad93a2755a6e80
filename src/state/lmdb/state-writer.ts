/**
 * Turns what lmdb rejects with into errors of ours, and stops writing where LMDB would never answer again.
 */
import type { Logger } from '../../base/logger.ts';
import { asWriteError, isBroken } from '../../engine/lmdb.ts';
import type { SensoriumError } from '../../model/errors.ts';
import type { StateRoot } from './environment.ts';
import type { TableWriter } from './lmdb-table.ts';

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

  constructor(options: StateWriterOptions) {
    this.#options = options;
  }

  async run(write: () => Promise<boolean>): Promise<boolean> {
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
