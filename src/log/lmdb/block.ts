/**
 * A block: the records of one group commit, stored as one LMDB value under their first offset. Owns the block
 * layout, its checksum and the buffer a block grows in; it must not know how blocks are stored or timed.
 *
 * Header, little endian: u32 magic · u32 crc32 of all that follows · u16 format version · u16 header size ·
 * u32 count · f64 base offset · f64 first receivedAt · f64 last receivedAt · f64 bytes before · u32 block size ·
 * u32 zero. `bytes before` sums the stored size of all blocks ever written before this one: the size of the log is
 * a subtraction, at any age, without reading what lies between.
 */
import { crc32 } from 'node:zlib';
import { problem, type SensoriumError } from '../../model/errors.ts';
import type { DataPacket, Offset } from '../../model/packet.ts';
import { frameSize, writeFrame } from './frame.ts';

const MAGIC = 0x424c5353; // "SSLB"
export const BLOCK_FORMAT = 1;
export const BLOCK_HEADER_BYTES = 56;
const CHECKED_FROM = 8;
const PAGE_BYTES = 4_096;
/** LMDB keeps a value inline below about half a page, else in whole pages with a 24-byte header. */
const INLINE_MAX_BYTES = 1_976;

/** What a stored block takes on disk, near enough for a budget. */
export const storedBytes = (size: number): number =>
  size <= INLINE_MAX_BYTES ? size + 32 : Math.ceil((size + 24) / PAGE_BYTES) * PAGE_BYTES;

export interface BlockHeader {
  readonly base: Offset;
  readonly count: number;
  readonly lastAt: number;
  readonly bytesBefore: number;
  readonly size: number;
}

/** A block while it fills. The buffer is reused: nothing is allocated per record. */
export class OpenBlock {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  #length = BLOCK_HEADER_BYTES;
  #count = 0;
  #base: Offset = 0;
  #firstAt = 0;
  #lastAt = 0;

  constructor(capacity: number) {
    this.bytes = Buffer.allocUnsafeSlow(capacity);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, capacity);
  }

  get base(): Offset {
    return this.#base;
  }

  get count(): number {
    return this.#count;
  }

  get size(): number {
    return this.#length;
  }

  /** Empties the buffer for the records from `base` on. */
  reset(base: Offset): void {
    this.#length = BLOCK_HEADER_BYTES;
    this.#count = 0;
    this.#base = base;
  }

  fits(size: number): boolean {
    return this.#length + size <= this.bytes.length;
  }

  /** Copies one record in; the caller has seen that it fits. */
  add(packet: DataPacket, names: Uint8Array): void {
    const size = frameSize(names, packet);
    writeFrame(this, this.#length, size, packet, names);
    if (this.#count === 0) this.#firstAt = packet.receivedAt;
    this.#lastAt = packet.receivedAt;
    this.#length += size;
    this.#count += 1;
  }

  /** Writes header and checksum. */
  seal(bytesBefore: number): void {
    const { view } = this;
    view.setUint32(0, MAGIC, true);
    view.setUint16(8, BLOCK_FORMAT, true);
    view.setUint16(10, BLOCK_HEADER_BYTES, true);
    view.setUint32(12, this.#count, true);
    view.setFloat64(16, this.#base, true);
    view.setFloat64(24, this.#firstAt, true);
    view.setFloat64(32, this.#lastAt, true);
    view.setFloat64(40, bytesBefore, true);
    view.setUint32(48, this.#length, true);
    view.setUint32(52, 0, true);
    view.setUint32(4, crc32(this.bytes.subarray(CHECKED_FROM, this.#length)), true);
  }

  /** The sealed block, in place. */
  sealed(): Uint8Array {
    return this.bytes.subarray(0, this.#length);
  }
}

/** Header of a stored block after its checksum; SensoriumError where the block cannot be trusted or is newer. */
export function readBlock(base: Offset, bytes: Uint8Array): BlockHeader | SensoriumError {
  const bad = (what: string): SensoriumError => problem('log.corrupt', `Log block ${base}: ${what}.`);
  if (bytes.length < BLOCK_HEADER_BYTES) return bad(`${bytes.length} bytes is shorter than a header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0, true) !== MAGIC) return bad('does not begin with the mark of a block');
  const expected = view.getUint32(4, true);
  if (crc32(bytes.subarray(CHECKED_FROM)) !== expected) return bad('checksum does not match');
  const format = view.getUint16(8, true);
  if (format > BLOCK_FORMAT) {
    return problem(
      'data_dir.newer',
      `Log block ${base} has format ${format}, this version reads ${BLOCK_FORMAT}.`,
    );
  }
  const header = headerOf(view);
  if (header.base !== base || header.size !== bytes.length) return bad('is stored in the wrong place');
  return header;
}

/** Header without the checksum, for what only counts bytes and ages; undefined where there is none. */
export function peekBlock(bytes: Uint8Array): BlockHeader | undefined {
  if (bytes.length < BLOCK_HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, BLOCK_HEADER_BYTES);
  return view.getUint32(0, true) === MAGIC ? headerOf(view) : undefined;
}

const headerOf = (view: DataView): BlockHeader => ({
  count: view.getUint32(12, true),
  base: view.getFloat64(16, true),
  lastAt: view.getFloat64(32, true),
  bytesBefore: view.getFloat64(40, true),
  size: view.getUint32(48, true),
});
