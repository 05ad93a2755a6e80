/**
 * What consumers have not got to yet, as a share of the log's budget. Owns the two marks of overload: from the first on
 * messages that nobody is told of (QoS 0) are shed, from the second on sources are paused, so that what is acknowledged
 * keeps its room. It must not know who is behind, or why.
 */
import { LOG_PAUSE_SHARE, LOG_RESUME_SHARE, LOG_SHED_SHARE } from '../../base/limits.ts';
import type { Offset } from '../../model/packet.ts';
import { blockHeader, blockUntil } from './block-index.ts';
import type { BlockStore } from './environment.ts';

interface BacklogOptions {
  readonly store: BlockStore;
  readonly maxBytes: number;
  /** `bytesBefore` of the first block: until a consumer says otherwise, all is behind. */
  readonly firstBytesBefore: number;
}

export class Backlog {
  readonly #store: BlockStore;
  readonly #shedBytes: number;
  readonly #pauseBytes: number;
  readonly #resumeBytes: number;
  #heldBytesBefore: number;

  constructor({ store, maxBytes, firstBytesBefore }: BacklogOptions) {
    this.#store = store;
    this.#shedBytes = maxBytes * LOG_SHED_SHARE;
    this.#pauseBytes = maxBytes * LOG_PAUSE_SHARE;
    this.#resumeBytes = maxBytes * LOG_RESUME_SHARE;
    this.#heldBytesBefore = firstBytesBefore;
  }

  /** The slowest consumer needs the log from `heldFrom` on; it ends on disk at `durable`, with `endBytes` before that. */
  moved(heldFrom: Offset, durable: Offset, endBytes: number): void {
    const base = heldFrom >= durable ? undefined : blockUntil(this.#store, heldFrom);
    const header = base === undefined ? undefined : blockHeader(this.#store, base);
    this.#heldBytesBefore = header?.bytesBefore ?? endBytes;
  }

  /** Stored and pending bytes up to `endBytes` that some consumer has not got. */
  bytes(endBytes: number): number {
    return Math.max(0, endBytes - this.#heldBytesBefore);
  }

  mustShed(endBytes: number): boolean {
    return this.bytes(endBytes) > this.#shedBytes;
  }

  mustPause(endBytes: number): boolean {
    return this.bytes(endBytes) > this.#pauseBytes;
  }

  mayResume(endBytes: number): boolean {
    return this.bytes(endBytes) < this.#resumeBytes;
  }
}
