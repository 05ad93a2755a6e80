/**
 * One record object that moves over the frames of a block: no copy of the payload, and strings made once per
 * (origin, topic) rather than once per record. Owns decoding; it must not know where blocks come from.
 */
import { LOG_NAMES_CACHED_MAX } from '../../base/limits.ts';
import { problem } from '../../model/errors.ts';
import type { LogRecord, Origin, PayloadFormat } from '../../model/packet.ts';
import {
  FRAME_HEAD_BYTES,
  FRAME_PLAIN,
  FRAME_WITH_META,
  formatOf,
  isChecked,
  META_HEAD_BYTES,
  qosOf,
} from './frame.ts';

/** The bytes of a block, and how far they go. */
export interface BlockBytes {
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly size: number;
}

export const viewOf = (bytes: Buffer): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

interface Names {
  readonly originBytes: number;
  readonly bytes: Uint8Array;
  readonly origin: Origin;
  readonly topic: string;
}

export class RecordView implements LogRecord {
  offset = 0;
  origin: Origin = '@';
  topic = '';
  payload: Uint8Array = new Uint8Array();
  receivedAt = 0;
  qos: 0 | 1 | 2 = 0;
  format: PayloadFormat = 'auto';
  checked = false;
  meta: Uint8Array | undefined;

  #bytes: Buffer = Buffer.alloc(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #end = 0;
  /** Slot = hash of the bytes; or its neighbour; a newcomer takes the slot of whoever had it. */
  readonly #names = new Array<Names | undefined>(LOG_NAMES_CACHED_MAX);

  /** The block to look at. */
  over({ bytes, view, size }: BlockBytes): void {
    this.#bytes = bytes;
    this.#view = view;
    this.#end = size;
  }

  /** Size of the frame of `offset` at `position`. Throws `log.corrupt` where no frame can stand. */
  sizeAt(offset: number, position: number): number {
    const isRoom = position + FRAME_HEAD_BYTES <= this.#end;
    const size = isRoom ? this.#view.getUint32(position, true) : 0;
    if (size >= FRAME_HEAD_BYTES && position + size <= this.#end) return size;
    throw problem('log.corrupt', `Log record ${offset} does not fit its block.`);
  }

  /** Becomes the record of `offset`. Throws `data_dir.newer` where the frame has a layout of a later version. */
  point(offset: number, position: number, size: number): void {
    if (!this.#read(offset, position, size)) {
      throw problem('data_dir.newer', `Log record ${offset} has a layout this version cannot read.`);
    }
  }

  #read(offset: number, position: number, size: number): boolean {
    const view = this.#view;
    const layout = view.getUint8(position + 4);
    const flags = view.getUint8(position + 5);
    const format = formatOf(flags);
    const end = position + size;
    const namesAt = position + FRAME_HEAD_BYTES;
    const originBytes = view.getUint16(position + 14, true);
    const namesBytes = originBytes + view.getUint16(position + 16, true);
    let payloadAt = namesAt + namesBytes;
    let meta: Uint8Array | undefined;
    if (layout === FRAME_WITH_META) {
      const metaAt = payloadAt + META_HEAD_BYTES;
      if (metaAt > end) return false;
      const metaBytes = view.getUint16(payloadAt, true);
      payloadAt = metaAt + metaBytes;
      if (payloadAt <= end) meta = this.#slice(metaAt, metaBytes);
    } else if (layout !== FRAME_PLAIN) {
      return false;
    }
    if (format === undefined || payloadAt > end) return false;
    const names = this.#lookUp(namesAt, originBytes, namesBytes);
    this.offset = offset;
    this.origin = names.origin;
    this.topic = names.topic;
    this.receivedAt = view.getFloat64(position + 6, true);
    this.qos = qosOf(flags);
    this.format = format;
    this.checked = isChecked(flags);
    this.meta = meta;
    this.payload = this.#slice(payloadAt, end - payloadAt);
    return true;
  }

  #slice(at: number, size: number): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + at, size);
  }

  #lookUp(at: number, originBytes: number, size: number): Names {
    const bytes = this.#bytes;
    const end = at + size;
    let hash = originBytes;
    for (let i = at; i < end; i += 1) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
    const slot = (hash >>> 0) % LOG_NAMES_CACHED_MAX;
    const known = this.#names[slot];
    if (known !== undefined && this.#isSame(known, at, originBytes, size)) return known;
    // A second place each: with half of the slots taken, one alone would be fought over by a third of the names.
    const second = slot ^ 1;
    const other = this.#names[second];
    if (other !== undefined && this.#isSame(other, at, originBytes, size)) return other;
    const names: Names = {
      bytes: new Uint8Array(bytes.subarray(at, end)),
      origin: bytes.toString('utf8', at, at + originBytes) as Origin,
      topic: bytes.toString('utf8', at + originBytes, end),
      originBytes,
    };
    this.#names[known === undefined || other !== undefined ? slot : second] = names;
    return names;
  }

  #isSame(known: Names, at: number, originBytes: number, size: number): boolean {
    if (known.originBytes !== originBytes || known.bytes.length !== size) return false;
    const bytes = this.#bytes;
    for (let i = 0; i < size; i += 1) if (known.bytes[i] !== bytes[at + i]) return false;
    return true;
  }
}
