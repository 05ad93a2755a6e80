/**
 * The LMDB environment of the log: opens it, or says why it cannot be opened. Promises never to create anew what
 * exists, and never to hand LMDB a file it would crash on: LMDB trusts its pages, so a foreign or truncated file
 * ends the process instead of returning an error.
 */
import { closeSync, existsSync, fstatSync, fsyncSync, mkdirSync, openSync, readSync } from 'node:fs';
import { constants as os } from 'node:os';
import { dirname, join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { problem, SensoriumError } from '../../model/errors.ts';

export type BlockStore = RootDatabase<Uint8Array>;

export interface EnvironmentOptions {
  /** A directory; created when absent, unless `readOnly`. */
  readonly path: string;
  readonly mapBytes: number;
  readonly readOnly?: boolean;
}

const DATA_FILE = 'data.mdb';

/** Throws SensoriumError: `data_dir.corrupt`, `data_dir.newer`, `data_dir.unwritable`. Nothing is changed then. */
export function openEnvironment(options: EnvironmentOptions): BlockStore {
  const { path, mapBytes, readOnly = false } = options;
  const file = join(path, DATA_FILE);
  try {
    if (!readOnly) mkdirSync(path, { recursive: true });
    const isNew = !existsSync(file);
    if (isNew && readOnly) throw problem('data_dir.unwritable', `There is no log at ${path}.`);
    if (!isNew) inspectDataFile(file);
    const store = open<Uint8Array>({
      path,
      noSubdir: false,
      encoding: 'binary',
      // A put then resolves after LMDB's classic order: data, fdatasync, meta page written through.
      overlappingSync: false,
      // Its batches make promises nobody can catch: a failed commit would end the process.
      eventTurnBatching: false,
      mapSize: mapBytes,
      readOnly,
    });
    // A file whose directory entry is lost in a power cut is as lost as its bytes.
    if (isNew && !readOnly) for (const directory of [path, dirname(path)]) syncDirectory(directory);
    return store;
  } catch (cause) {
    throw asOpenError(cause, path);
  }
}

/** Errors of the system come with its names from Node, with its numbers from LMDB. */
const UNWRITABLE = (['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'ENOENT', 'EEXIST', 'ENOSPC'] as const).flatMap(
  (name): unknown[] => [name, os.errno[name]],
);
const MDB_PANIC = -30_795;

function asOpenError(cause: unknown, path: string): unknown {
  if (cause instanceof SensoriumError || !(cause instanceof Error) || !('code' in cause)) return cause;
  if (UNWRITABLE.includes(cause.code))
    return problem('data_dir.unwritable', `${path}: ${cause.message}`, { cause });
  if (cause.code === MDB_PANIC) return problem('log.failed', `${path}: ${cause.message}`, { cause });
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

// Layout of LMDB's two meta pages (data version 2): page header of 24 bytes, then the meta record.
const META_BYTES = 176;
const PAGE_FLAGS_AT = 18;
const META_FLAG = 0x08;
const MAGIC_AT = 24;
const MAGIC = 0xbeefc0de;
const VERSION_AT = 28;
const VERSION = 2;
const PAGE_SIZE_AT = 48;
const FREE_ROOT_AT = 88;
const MAIN_ROOT_AT = 136;
const LAST_PAGE_AT = 144;
const TRANSACTION_AT = 152;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;
/** Pages freed in the transaction that took them are never written, so a sound file may be a little short. */
const SHORT_MAX_BYTES = 4 * 1_048_576;

interface Meta {
  readonly pageBytes: number;
  readonly transaction: bigint;
  readonly lastPage: bigint;
  readonly roots: readonly bigint[];
}

function inspectDataFile(file: string): void {
  const fd = openSync(file, 'r');
  try {
    const { size } = fstatSync(fd);
    // Created, then the process died before the first page was written: nothing is in it.
    if (size === 0) return;
    const first = readMeta(fd, 0, file);
    const second = readMeta(fd, first.pageBytes, file);
    const meta = second.transaction > first.transaction ? second : first;
    const pages = BigInt(Math.floor(size / meta.pageBytes));
    const missing = Number(meta.lastPage + 1n - pages) * meta.pageBytes;
    const rootless = meta.roots.some((root) => root !== NO_PAGE && root >= pages);
    if (rootless || missing > SHORT_MAX_BYTES) {
      throw corrupt(file, `has ${size} bytes, ${missing} fewer than it says`);
    }
  } finally {
    closeSync(fd);
  }
}

function readMeta(fd: number, at: number, file: string): Meta {
  const bytes = Buffer.alloc(META_BYTES);
  const got = readSync(fd, bytes, 0, META_BYTES, at);
  const isMeta = (bytes.readUInt16LE(PAGE_FLAGS_AT) & META_FLAG) !== 0;
  if (got < META_BYTES || !isMeta || bytes.readUInt32LE(MAGIC_AT) !== MAGIC) {
    throw corrupt(file, 'is not an LMDB file');
  }
  const version = bytes.readUInt32LE(VERSION_AT) & 0xffff;
  if (version > VERSION)
    throw problem('data_dir.newer', `${file} has LMDB format ${version}, not ${VERSION}.`);
  if (version < VERSION) throw corrupt(file, `has LMDB format ${version}, not ${VERSION}`);
  const pageBytes = bytes.readUInt32LE(PAGE_SIZE_AT);
  if (pageBytes < 512 || pageBytes > 65_536) throw corrupt(file, `has pages of ${pageBytes} bytes`);
  return {
    pageBytes,
    transaction: bytes.readBigUInt64LE(TRANSACTION_AT),
    lastPage: bytes.readBigUInt64LE(LAST_PAGE_AT),
    roots: [bytes.readBigUInt64LE(FREE_ROOT_AT), bytes.readBigUInt64LE(MAIN_ROOT_AT)],
  };
}

const corrupt = (file: string, what: string): SensoriumError =>
  problem('data_dir.corrupt', `${file} ${what}.`);
