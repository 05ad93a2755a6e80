/**
 * A pool seen from another thread: views on its memory, and leases that were transferred here. It makes no leases:
 * one thread keeps the lists, so that acquiring needs no lock.
 */
import { invariant } from '../../base/invariant.ts';
import { addressOf, type BlockPlace, type PoolLayout } from './layout.ts';
import { adoptLease, type Lease, type LeaseHome, type Ticket } from './lease.ts';
import type { PoolShare } from './memory-pool.ts';
import { Ownership, type Stamp } from './ownership.ts';
import type { SharedMemory } from './shared-memory.ts';

interface AttachedPoolOptions {
  readonly share: PoolShare;
  /** Zeroes bytes; see `MemoryPoolOptions`. */
  readonly wipe?: (bytes: Uint8Array) => void;
}

export class AttachedPool implements LeaseHome {
  readonly memory: SharedMemory;
  readonly layout: PoolLayout;
  readonly ownership: Ownership;
  readonly #wipe: (bytes: Uint8Array) => void;

  constructor({ share, wipe = (bytes) => bytes.fill(0) }: AttachedPoolOptions) {
    this.memory = share.memory;
    this.layout = share.layout;
    this.ownership = new Ownership(share.control);
    this.#wipe = wipe;
  }

  /** Takes over a lease that another thread transferred. */
  adopt(ticket: Ticket): Lease {
    return adoptLease(this, ticket);
  }

  /** A view without ownership: for bytes whose owner waits for this thread to be done with them. */
  view(place: BlockPlace, length: number): Uint8Array<SharedArrayBuffer> {
    const inSlab = place.offset >= 0 && length >= 0 && place.offset + length <= this.layout.slabBytes;
    invariant(inSlab && place.slab >= 0 && place.slab < this.layout.slabs, 'a view lies outside its slab');
    return new Uint8Array(this.memory.buffer, addressOf(this.layout, place), length);
  }

  /** Called by leases of this thread; the pool's own takes the block back at its next need. */
  takeBack(unit: number, stamp: Stamp, bytes: Uint8Array): void {
    this.#wipe(bytes);
    this.ownership.giveBack(unit, stamp);
  }
}
