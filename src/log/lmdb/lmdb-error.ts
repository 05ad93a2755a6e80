import { statfs } from 'node:fs/promises';
import { constants } from 'node:os';
import { LOG_BLOCK_MAX_BYTES, LOG_COMMIT_MAX_BLOCKS } from '../../base/limits.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';

const { ENOSPC, EDQUOT, EIO } = constants.errno;
/** The largest ordinary commit. */
const COMMIT_BYTES = LOG_COMMIT_MAX_BLOCKS * LOG_BLOCK_MAX_BYTES;

/**
 * What a failed commit to the log at `path` means: `disk.full` or `log.failed`. lmdb rejects with a general error
 * that carries a promise of the real one.
 */
export async function asCommitError(cause: unknown, path: string): Promise<SensoriumError> {
  const root = await rootOf(cause);
  const message = root instanceof Error ? root.message : String(root);
  const number = root instanceof Error && 'code' in root ? root.code : undefined;
  // The last write that a disk takes only in part is an input/output error to LMDB.
  const isFull =
    number === ENOSPC || number === EDQUOT || (number === EIO && (await hasLessThan(path, COMMIT_BYTES)));
  return problem(isFull ? 'disk.full' : 'log.failed', `A commit failed: ${message}.`, { cause: root });
}

async function rootOf(cause: unknown): Promise<unknown> {
  if (!(cause instanceof Error) || !('commitError' in cause)) return cause;
  try {
    return await cause.commitError;
  } catch (root) {
    return root;
  }
}

async function hasLessThan(path: string, bytes: number): Promise<boolean> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize < bytes;
  } catch {
    return false;
  }
}
