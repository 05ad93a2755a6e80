/**
 * The read side of the log, on the writer's thread or another: lmdb shares the environment by path within the
 * process. Promises records in order, each from a block whose checksum holds, and to see what is committed at the
 * time of each `read`. It must not write. Open it after the writer: whoever opens first decides whether the shared
 * environment can be written.
 */
import { LOG_MAP_MIN_BYTES } from '../../base/limits.ts';
import { problem, SensoriumError } from '../../model/errors.ts';
import type { LogRecord, Offset } from '../../model/packet.ts';
import type { LogReader } from '../../model/ports/log.ts';
import { BLOCK_HEADER_BYTES, readBlock } from './block.ts';
import { blockBytes, blockFrom, blockUntil } from './block-index.ts';
import { type BlockStore, openEnvironment } from './environment.ts';
import { RecordView } from './record-view.ts';

interface Loaded {
  readonly base: Offset;
  readonly end: Offset;
  readonly size: number;
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
  /** End of the block read last: a read from there begins a block, it cannot be inside one. */
  #lastEnd: Offset = 0;

  constructor(store: BlockStore) {
    this.#store = store;
  }

  get first(): Offset {
    this.#store.resetReadTxn();
    return blockFrom(this.#store, 0) ?? 0;
  }

  read(from: Offset, maxBytes: number, each: (record: LogRecord) => void): Offset {
    const store = this.#store;
    store.resetReadTxn();
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
      if (cause instanceof SensoriumError) throw cause;
      throw problem('log.failed', `The log cannot be read: ${String(cause)}.`, { cause });
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
    const stored = blockBytes(this.#store, base);
    if (stored === undefined) return undefined;
    const header = readBlock(base, stored);
    if (header instanceof Error) throw header;
    if (stored.length > this.#bytes.length) this.#bytes = Buffer.allocUnsafeSlow(2 * stored.length);
    this.#bytes.set(stored);
    return { base, end: base + header.count, size: stored.length };
  }

  #deliver(block: Loaded, from: Offset, each: (record: LogRecord) => void): void {
    const record = this.#record;
    record.over(this.#bytes, block.size);
    let position = BLOCK_HEADER_BYTES;
    for (let offset = block.base; offset < block.end; offset += 1) {
      const size = record.sizeAt(position);
      if (size === 0) throw problem('log.corrupt', `Log record ${offset} does not fit its block.`);
      if (offset >= from) {
        if (!record.point(offset, position, size)) {
          throw problem('data_dir.newer', `Log record ${offset} has a layout this version cannot read.`);
        }
        each(record);
      }
      position += size;
    }
  }
}
