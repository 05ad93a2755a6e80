/**
 * A block of the pool in the hands of one owner. Every use checks that the owner still is one: after `release`,
 * `transfer` or the end of a `using` block it raises an invariant error, since going on would read another's bytes.
 */
import { InvariantError, invariant } from '../../base/invariant.ts';
import { addressOf, type BlockPlace, type PoolLayout, unitAt } from './layout.ts';
import type { Ownership, Stamp } from './ownership.ts';
import type { SharedMemory } from './shared-memory.ts';

/** A lease on its way between threads: plain words, good for one `adopt`. */
export interface Ticket extends BlockPlace {
  readonly length: number;
  /** Which of the block's many owners this is; a ticket shown twice, or too late, is found out by it. */
  readonly stamp: number;
}

/** The part of a pool that a lease goes back to; another on the thread that made it than elsewhere. */
export interface LeaseHome {
  readonly memory: SharedMemory;
  readonly layout: PoolLayout;
  readonly ownership: Ownership;
  /** The block is zeroed and free for others. */
  takeBack(unit: number, stamp: Stamp, bytes: Uint8Array): void;
}

export class Lease implements Disposable {
  readonly #home: LeaseHome;
  readonly #place: BlockPlace;
  readonly #unit: number;
  readonly #bytes: Uint8Array<SharedArrayBuffer>;
  #stamp: Stamp | undefined;
  #end = '';

  /** Made by pools only. */
  constructor(home: LeaseHome, place: BlockPlace, length: number, stamp: Stamp) {
    this.#home = home;
    this.#place = place;
    this.#unit = unitAt(home.layout, place);
    this.#bytes = new Uint8Array(home.memory.buffer, addressOf(home.layout, place), length);
    this.#stamp = stamp;
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** A view on the bytes, zeros at first. It is lent: to be forgotten before the lease ends. */
  borrow(): Uint8Array<SharedArrayBuffer> {
    this.#checkStamp('borrow');
    return this.#bytes;
  }

  /** The same as a column of numbers: `count` of them, `from` so many bytes (a multiple of 8) after the start. */
  borrowFloats(from = 0, count = (this.length - from) >> 3): Float64Array<SharedArrayBuffer> {
    this.#checkStamp('borrow');
    invariant(from >= 0 && from + count * 8 <= this.length, 'a column lies outside its lease');
    return new Float64Array(this.#bytes.buffer, this.#bytes.byteOffset + from, count);
  }

  /** Gives the lease up in favour of whoever adopts the ticket, on any thread. Nothing is copied. */
  transfer(): Ticket {
    const stamp = this.#endBy('transferred');
    const offered = this.#home.ownership.offer(this.#unit, stamp);
    return { ...this.#place, length: this.length, stamp: offered };
  }

  /** Ends the lease: its bytes become zero and belong to the next one. */
  release(): void {
    this.#home.takeBack(this.#unit, this.#endBy('released'), this.#bytes);
  }

  /** Releases, unless that or a transfer has happened. */
  [Symbol.dispose](): void {
    if (this.#stamp !== undefined) this.release();
  }

  #checkStamp(use: 'borrow' | 'release' | 'transfer'): Stamp {
    if (this.#stamp === undefined) throw new InvariantError(`BUG: ${use} after a lease was ${this.#end}`);
    return this.#stamp;
  }

  #endBy(end: 'released' | 'transferred'): Stamp {
    const stamp = this.#checkStamp(end === 'released' ? 'release' : 'transfer');
    this.#stamp = undefined;
    this.#end = end;
    return stamp;
  }
}

/** Takes a transferred lease over; an invariant error where the ticket is stale, used or made up. */
export function adoptLease(home: LeaseHome, ticket: Ticket): Lease {
  const unit = unitAt(home.layout, ticket);
  invariant(home.ownership.lengthOf(unit) === ticket.length, 'a ticket names another length than its lease');
  const stamp = home.ownership.take(unit, ticket.stamp as Stamp);
  return new Lease(home, { slab: ticket.slab, offset: ticket.offset }, ticket.length, stamp);
}
