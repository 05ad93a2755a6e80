/**
 * The read side of the log, on the writer's thread or another: lmdb shares the environment by path within the
 * process. Promises records in order, each from a block whose checksum holds, and to see what is committed at the
 * time of each `read`. It must not write. Open it after the writer: whoever opens first decides whether the shared
 * environment can be written.
 */
import { LOG_MAP_MIN_BYTES } from '../../base/limits.ts';
import type { LogRecord, Offset } from '../../model/packet.ts';
import type { LogReader } from '../../model/ports/log.ts';
import { BLOCK_HEADER_BYTES } from './block.ts';
import { blockFrom, blockUntil, checkedBlock } from './block-index.ts';
import { type BlockStore, openEnvironment } from './environment.ts';
import { asReadError } from './lmdb-error.ts';
import { type BlockBytes, RecordView, viewOf } from './record-view.ts';

interface Loaded extends BlockBytes {
  readonly base: Offset;
  readonly end: Offset;
}

/** Throws SensoriumError as `openLog` does; `data_dir.unwritable` where there is no log. */
export function openLogReader(options: { readonly path: string }): LogReader {
  return new LmdbLogReader(
    openEnvironment({ path: options.path, mapBytes: LOG_MAP_MIN_BYTES, readOnly: true }),
  );
}

class LmdbLogReader implements LogReader {
  readonly #store: BlockStore;
  readonly #record = new RecordView();
  #bytes = Buffer.allocUnsafeSlow(65_536);
  #view = viewOf(this.#bytes);
  /** End of the block read last: a read from there begins a block, it cannot be inside one. */
  #lastEnd: Offset = 0;
  #hasSnapshot = false;

  constructor(store: BlockStore) {
    this.#store = store;
  }

  get first(): Offset {
    this.#store.resetReadTxn();
    return blockFrom(this.#store, 0) ?? 0;
  }

  snapshot(): void {
    this.#store.resetReadTxn();
    this.#hasSnapshot = true;
    // The transaction begins with the first look.
    blockFrom(this.#store, 0);
  }

  read(from: Offset, maxBytes: number, each: (record: LogRecord) => void): Offset {
    const store = this.#store;
    if (!this.#hasSnapshot) store.resetReadTxn();
    this.#hasSnapshot = false;
    try {
      let at = from;
      let left = maxBytes;
      do {
        const block = this.#load(at);
        if (block === undefined) return at;
        this.#deliver(block, at, each);
        at = block.end;
        this.#lastEnd = at;
        left -= block.size;
      } while (left > 0);
      return at;
    } finally {
      // A snapshot that stays open keeps trimmed pages from being reused.
      store.resetReadTxn();
    }
  }

  async close(): Promise<void> {
    await this.#store.close();
  }

  /** As `#find`; lmdb's own errors (the environment is broken or closed) become ours. */
  #load(at: Offset): Loaded | undefined {
    try {
      return this.#find(at);
    } catch (cause) {
      throw asReadError(cause);
    }
  }

  /** The block that holds `at`, else the first one after it, checked and copied out of lmdb's shared buffer. */
  #find(at: Offset): Loaded | undefined {
    const direct = this.#copy(at);
    if (direct !== undefined) return direct;
    if (at !== this.#lastEnd) {
      const before = blockUntil(this.#store, at);
      const holding = before === undefined ? undefined : this.#copy(before);
      if (holding !== undefined && holding.end > at) return holding;
    }
    const after = blockFrom(this.#store, at);
    return after === undefined ? undefined : this.#copy(after);
  }

  #copy(base: Offset): Loaded | undefined {
    const block = checkedBlock(this.#store, base);
    if (block === undefined) return undefined;
    const { count, size } = block.header;
    if (size > this.#bytes.length) {
      this.#bytes = Buffer.allocUnsafeSlow(2 * size);
      this.#view = viewOf(this.#bytes);
    }
    this.#bytes.set(block.stored);
    return { base, end: base + count, size, bytes: this.#bytes, view: this.#view };
  }

  #deliver(block: Loaded, from: Offset, each: (record: LogRecord) => void): void {
    const record = this.#record;
    record.over(block);
    let position = BLOCK_HEADER_BYTES;
    for (let offset = block.base; offset < block.end; offset += 1) {
      const size = record.sizeAt(offset, position);
      if (offset >= from) {
        record.point(offset, position, size);
        each(record);
      }
      position += size;
    }
  }
}
