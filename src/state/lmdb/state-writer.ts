/**
 * Turns what lmdb rejects with into errors of ours, and stops writing where LMDB would never answer again.
 */
import { statfs } from 'node:fs/promises';
import { constants } from 'node:os';
import type { Logger } from '../../base/logger.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import type { StateRoot } from './environment.ts';
import type { TableWriter } from './lmdb-table.ts';

const { ENOSPC, EDQUOT, EIO } = constants.errno;
/** More than a commit of this store ever takes. */
const COMMIT_BYTES = 8 * 1_048_576;

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
      const error = await asWriteError(cause, path);
      logger.error({ code: error.code, cause: error.message }, 'state cannot write');
      if (isBroken(root)) this.#broken = error;
      throw error;
    }
  }
}

async function asWriteError(cause: unknown, path: string): Promise<SensoriumError> {
  let root = cause;
  // lmdb rejects with a general error that carries a promise of the real one.
  if (cause instanceof Error && 'commitError' in cause) {
    root = await Promise.resolve(cause.commitError).catch((inner: unknown) => inner);
  }
  const message = root instanceof Error ? root.message : String(root);
  const number = root instanceof Error && 'code' in root ? root.code : undefined;
  // The last write that a disk takes only in part is an input/output error to LMDB.
  const isFull =
    number === ENOSPC || number === EDQUOT || (number === EIO && (await hasLessThan(path, COMMIT_BYTES)));
  return problem(isFull ? 'disk.full' : 'state.failed', `A write failed: ${message}.`, { cause: root });
}

async function hasLessThan(path: string, bytes: number): Promise<boolean> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize < bytes;
  } catch {
    return false;
  }
}

/**
 * LMDB gives up for good when writing its meta page fails. A write would then wait for ever inside lmdb; a read
 * says so.
 */
function isBroken(root: StateRoot): boolean {
  try {
    root.resetReadTxn();
    root.getBinaryFast(Buffer.from('@format'));
    return false;
  } catch {
    return true;
  }
}
