import { LOG_BLOCK_MAX_BYTES, LOG_COMMIT_MAX_BLOCKS } from '../../base/limits.ts';
import { asWriteError } from '../../engine/lmdb.ts';
import { problem, SensoriumError } from '../../model/errors.ts';

/** What a failed commit to the log at `path` means: `disk.full` or `log.failed`. */
export const asCommitError = (cause: unknown, path: string): Promise<SensoriumError> =>
  asWriteError(cause, {
    path,
    writeBytes: LOG_COMMIT_MAX_BLOCKS * LOG_BLOCK_MAX_BYTES,
    failed: 'log.failed',
  });

/** What a read of the log threw, as an error of ours: lmdb's own say that the environment is broken or closed. */
export const asReadError = (cause: unknown): SensoriumError =>
  cause instanceof SensoriumError
    ? cause
    : problem('log.failed', `The log cannot be read: ${String(cause)}.`, { cause });
