/**
 * Single records by offset, on the thread that asks, for those who keep references into the log. Owns a bounded
 * memory of blocks, each checked once when it is loaded; promises the record of a committed offset or none. It must
 * not write, and must not know who asks. Open it after the writer, as a reader.
 */
import { LOG_LOOKUP_BLOCKS_MAX, LOG_LOOKUP_MAX_BYTES, LOG_MAP_MIN_BYTES } from '../../base/limits.ts';
import type { SensoriumError } from '../../model/errors.ts';
import type { LogRecord, Offset } from '../../model/packet.ts';
import type { LogLookup } from '../../model/ports/log.ts';
import { BLOCK_HEADER_BYTES } from './block.ts';
import { blockUntil, checkedBlock } from './block-index.ts';
import { type BlockStore, openEnvironment } from './environment.ts';
import { asReadError } from './lmdb-error.ts';
import { type BlockBytes, RecordView, viewOf } from './record-view.ts';

const PAGE_BYTES = 4_096;

interface CachedBlock extends BlockBytes {
  readonly base: Offset;
  readonly end: Offset;
  /** Where the frames begin, as far as they have been walked: whoever reads in order never walks twice. */
  readonly positions: Uint32Array;
  walked: number;
  usedAt: number;
}

/** Throws SensoriumError as `openLogReader` does. */
export function openLogLookup(options: { readonly path: string }): LogLookup {
  return new LmdbLogLookup(
    openEnvironment({ path: options.path, mapBytes: LOG_MAP_MIN_BYTES, readOnly: true }),
  );
}

class LmdbLogLookup implements LogLookup {
  readonly #store: BlockStore;
  readonly #record = new RecordView();
  /** By base. */
  readonly #blocks: CachedBlock[] = [];
  #bytes = 0;
  #uses = 0;
  #last: CachedBlock | undefined;
  /** Who has references into a damaged block asks for each: its megabyte is not checked again each time. */
  #damaged: { readonly base: Offset; readonly error: SensoriumError } | undefined;

  constructor(store: BlockStore) {
    this.#store = store;
  }

  get(offset: Offset): LogRecord | undefined {
    const block = this.#cached(offset) ?? this.#load(offset);
    if (block === undefined || offset >= block.end) return undefined;
    this.#uses += 1;
    block.usedAt = this.#uses;
    const record = this.#record;
    record.over(block);
    const position = this.#walk(block, offset);
    record.point(offset, position, record.sizeAt(offset, position));
    return record;
  }

  async close(): Promise<void> {
    await this.#store.close();
  }

  #cached(offset: Offset): CachedBlock | undefined {
    const last = this.#last;
    if (last !== undefined && offset >= last.base && offset < last.end) return last;
    const block = this.#blocks[this.#indexAfter(offset) - 1];
    if (block === undefined || offset >= block.end) return undefined;
    this.#last = block;
    return block;
  }

  /** How many cached blocks begin at or before `offset`. */
  #indexAfter(offset: Offset): number {
    const blocks = this.#blocks;
    let low = 0;
    let high = blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const block = blocks[middle];
      if (block !== undefined && block.base <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The block that begins last at or before `offset`; what it holds may end before. */
  #load(offset: Offset): CachedBlock | undefined {
    const store = this.#store;
    try {
      store.resetReadTxn();
      const base = blockUntil(store, offset);
      if (base === undefined) return undefined;
      const cached = this.#blocks[this.#indexAfter(base) - 1];
      return cached?.base === base ? cached : this.#read(base);
    } catch (cause) {
      throw asReadError(cause);
    } finally {
      // A snapshot that stays open keeps trimmed pages from being reused.
      store.resetReadTxn();
    }
  }

  #read(base: Offset): CachedBlock | undefined {
    if (this.#damaged?.base === base) throw this.#damaged.error;
    try {
      const block = checkedBlock(this.#store, base);
      return block && this.#admit(base, block.header.count, block.stored);
    } catch (cause) {
      const error = asReadError(cause);
      if (error.code !== 'log.failed') this.#damaged = { base, error };
      throw error;
    }
  }

  #admit(base: Offset, count: number, stored: Uint8Array): CachedBlock {
    const { bytes, view } = this.#makeRoom(stored.length, count);
    bytes.set(stored);
    const positions = new Uint32Array(count);
    positions[0] = BLOCK_HEADER_BYTES;
    const size = stored.length;
    const block = { base, end: base + count, size, bytes, view, positions, walked: 1, usedAt: 0 };
    this.#blocks.splice(this.#indexAfter(base), 0, block);
    this.#bytes += footprint(block);
    this.#last = block;
    return block;
  }

  /** Evicts what was not used for longest until `size` bytes fit; a fitting buffer among that is used again. */
  #makeRoom(size: number, count: number): Pick<BlockBytes, 'bytes' | 'view'> {
    const capacity = Math.ceil(size / PAGE_BYTES) * PAGE_BYTES;
    const needed = capacity + count * Uint32Array.BYTES_PER_ELEMENT;
    let room: CachedBlock | undefined;
    const isFull = (): boolean =>
      this.#bytes + needed > LOG_LOOKUP_MAX_BYTES || this.#blocks.length >= LOG_LOOKUP_BLOCKS_MAX;
    while (this.#blocks.length > 0 && isFull()) {
      const evicted = this.#evict();
      if (evicted?.bytes.length === capacity) room = evicted;
    }
    if (room !== undefined) return room;
    const bytes = Buffer.allocUnsafeSlow(capacity);
    return { bytes, view: viewOf(bytes) };
  }

  #evict(): CachedBlock | undefined {
    let oldest = 0;
    let usedAt = Infinity;
    for (const [index, block] of this.#blocks.entries()) {
      if (block.usedAt >= usedAt) continue;
      oldest = index;
      ({ usedAt } = block);
    }
    const [evicted] = this.#blocks.splice(oldest, 1);
    if (evicted !== undefined) this.#bytes -= footprint(evicted);
    if (evicted === this.#last) this.#last = undefined;
    return evicted;
  }

  /** Where the frame of `offset` begins. */
  #walk(block: CachedBlock, offset: Offset): number {
    const { positions, base } = block;
    const wanted = offset - base;
    let position = positions[block.walked - 1] ?? 0;
    while (block.walked <= wanted) {
      position += this.#record.sizeAt(base + block.walked - 1, position);
      positions[block.walked] = position;
      block.walked += 1;
    }
    return positions[wanted] ?? 0;
  }
}

const footprint = ({ bytes, positions }: CachedBlock): number => bytes.length + positions.byteLength;
