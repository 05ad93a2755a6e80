import { InvariantError } from '../../../base/invariant.ts';
import { problem, SensoriumError } from '../../../model/errors.ts';

const FULL = /no space left|disk quota|ENOSPC|not enough space/i;
const LOCKED = /could not set lock/i;
const NEWER = /newer version|version number/i;

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/** A failed open: 'data_dir.in_use', 'data_dir.newer', 'disk.full', 'store.failed'. */
export function openFault(path: string, cause: unknown): SensoriumError {
  if (cause instanceof SensoriumError) return cause;
  const message = messageOf(cause);
  if (LOCKED.test(message)) return problem('data_dir.in_use', message, { cause });
  if (NEWER.test(message)) return problem('data_dir.newer', message, { cause });
  if (FULL.test(message)) return problem('disk.full', message, { cause });
  return problem('store.failed', `${path}: ${message}`, { cause });
}

/** A failed commit: 'disk.full', 'store.failed'; a bug of ours stays what it is. */
export function writeFault(cause: unknown): Error {
  if (cause instanceof SensoriumError || cause instanceof InvariantError) return cause;
  if (cause instanceof TypeError || cause instanceof RangeError) return cause;
  const message = messageOf(cause);
  return problem(FULL.test(message) ? 'disk.full' : 'store.failed', message, { cause });
}
