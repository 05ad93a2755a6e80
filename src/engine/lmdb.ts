/**
 * The LMDB engine as log and state use it: opens an environment or says why it cannot be opened, and turns what lmdb
 * rejects with into errors of ours. Promises never to create anew what exists. It must not know what is stored.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { type ErrorCode, problem, SensoriumError } from '../model/errors.ts';
import { inspectDataFile } from './lmdb-file.ts';

export type LmdbRoot = RootDatabase<Uint8Array>;

export interface LmdbOptions {
  /** A directory; created when absent, unless `readOnly`. */
  readonly path: string;
  /** Address space, not memory. */
  readonly mapBytes: number;
  readonly readOnly?: boolean;
  /** Named tables and byte keys; without it, one table with ordered keys of any kind. */
  readonly tables?: number;
  /** What a broken engine is called here. */
  readonly failed: ErrorCode;
}

const DATA_FILE = 'data.mdb';
const { errno } = constants;

/** Throws SensoriumError: `data_dir.corrupt`, `data_dir.newer`, `data_dir.unwritable`, `failed`. Nothing is changed then. */
export function openLmdb(options: LmdbOptions): LmdbRoot {
  const { path, mapBytes, readOnly = false, tables, failed } = options;
  const file = join(path, DATA_FILE);
  try {
    if (!readOnly) mkdirSync(path, { recursive: true });
    const isNew = !existsSync(file);
    if (isNew && readOnly) throw problem('data_dir.unwritable', `There is nothing at ${path}.`);
    if (!isNew) inspectDataFile(file);
    const root = open<Uint8Array>({
      path,
      noSubdir: false,
      encoding: 'binary',
      ...(tables === undefined ? {} : { keyEncoding: 'binary', maxDbs: tables }),
      // A put then resolves after LMDB's classic order: data, fdatasync, meta page written through.
      overlappingSync: false,
      // Its batches make promises nobody can catch: a failed commit would end the process.
      eventTurnBatching: false,
      mapSize: mapBytes,
      readOnly,
    });
    // A file whose directory entry is lost in a power cut is as lost as its bytes.
    if (isNew && !readOnly) for (const directory of [path, dirname(path)]) syncDirectory(directory);
    return root;
  } catch (cause) {
    throw asOpenError(cause, path, failed);
  }
}

/**
 * What a failed write to the store at `path` means: `disk.full` or `failed`. lmdb rejects with a general error that
 * carries a promise of the real one. `writeBytes`: the largest ordinary write.
 */
export async function asWriteError(
  cause: unknown,
  {
    path,
    writeBytes,
    failed,
  }: { readonly path: string; readonly writeBytes: number; readonly failed: ErrorCode },
): Promise<SensoriumError> {
  const root = await rootOf(cause);
  const message = root instanceof Error ? root.message : String(root);
  const number = root instanceof Error && 'code' in root ? root.code : undefined;
  // The last write that a disk takes only in part is an input/output error to LMDB.
  const isFull =
    number === errno.ENOSPC ||
    number === errno.EDQUOT ||
    (number === errno.EIO && (await hasLessThan(path, writeBytes)));
  return problem(isFull ? 'disk.full' : failed, `A write failed: ${message}.`, { cause: root });
}

/**
 * LMDB gives up for good when writing its meta page fails. A write would then wait for ever inside lmdb; a read
 * says so.
 */
export function isBroken(root: LmdbRoot, anyKey: string | Buffer): boolean {
  try {
    root.resetReadTxn();
    root.getBinaryFast(anyKey);
    return false;
  } catch {
    return true;
  }
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

/** Errors of the system come with its names from Node, with its numbers from LMDB. */
const UNWRITABLE = (['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'ENOENT', 'EEXIST', 'ENOSPC'] as const).flatMap(
  (name): unknown[] => [name, errno[name]],
);
const MDB_PANIC = -30_795;

function asOpenError(cause: unknown, path: string, failed: ErrorCode): unknown {
  if (cause instanceof SensoriumError || !(cause instanceof Error) || !('code' in cause)) return cause;
  if (UNWRITABLE.includes(cause.code))
    return problem('data_dir.unwritable', `${path}: ${cause.message}`, { cause });
  if (cause.code === MDB_PANIC) return problem(failed, `${path}: ${cause.message}`, { cause });
  return problem('data_dir.corrupt', `${path}: ${cause.message}`, { cause });
}

function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
