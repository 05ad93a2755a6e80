/**
 * Looks at an LMDB data file before LMDB does. LMDB trusts its pages: a foreign or truncated file ends the process
 * instead of returning an error.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { problem, type SensoriumError } from '../model/errors.ts';

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

/** Throws SensoriumError: `data_dir.corrupt`, `data_dir.newer`. */
export function inspectDataFile(file: string): void {
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
