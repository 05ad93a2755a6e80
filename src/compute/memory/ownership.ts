/**
 * Who owns each block, in shared memory: one word per block that every change of owner swaps atomically, so that of
 * two threads that claim the same block one finds out. Owns the words and the list of blocks that other threads gave
 * back; knows neither sizes of blocks nor views.
 */
import { InvariantError } from '../../base/invariant.ts';

/** Low two bits of a word. */
const FREE = 0;
const OWNED = 1;
const IN_TRANSIT = 2;
/** Released on another thread, not yet back in the pool's lists. */
const RETURNED = 3;

const STATE_NAMES = ['free', 'owned', 'in transit', 'returned'] as const;
export type BlockState = (typeof STATE_NAMES)[number];

/** The other 30 bits count changes, so that a stale claim fails even when the block is in use again. */
const CHANGE = 4;

/** What an owner shows: the word as it was when the block became his. */
export type Stamp = number & { readonly __brand: 'Stamp' };

/** Three words per block: owner, length of the lease, next block in the list of returned ones. */
const WORDS_PER_UNIT = 3;
/** One word before them: the first returned block, plus one; zero is the empty list. */
const RETURNED_HEAD = 0;

export class Ownership {
  readonly #words: Int32Array;

  constructor(control: SharedArrayBuffer) {
    this.#words = new Int32Array(control);
  }

  /** Shared memory for the ownership of so many blocks, all free. */
  static allocate(units: number): SharedArrayBuffer {
    return new SharedArrayBuffer(4 * (1 + units * WORDS_PER_UNIT));
  }

  stateOf(unit: number): BlockState {
    return STATE_NAMES[Atomics.load(this.#words, word(unit)) & 3] ?? 'free';
  }

  lengthOf(unit: number): number {
    return Atomics.load(this.#words, word(unit) + 1);
  }

  /** A free block becomes owned, for a lease of this length. */
  claim(unit: number, length: number): Stamp {
    const before = Atomics.load(this.#words, word(unit));
    const stamp = this.#change(unit, before, FREE, OWNED);
    Atomics.store(this.#words, word(unit) + 1, length);
    return stamp;
  }

  /** The owner lets go in favour of whoever shows the answer to `take`. */
  offer(unit: number, stamp: Stamp): Stamp {
    return this.#change(unit, stamp, OWNED, IN_TRANSIT);
  }

  /** The block becomes owned by the caller; an invariant error if somebody was here before. */
  take(unit: number, offered: Stamp): Stamp {
    return this.#change(unit, offered, IN_TRANSIT, OWNED);
  }

  /** Back from the owner on the pool's own thread. */
  free(unit: number, stamp: Stamp): void {
    this.#change(unit, stamp, OWNED, FREE);
  }

  /**
   * Back from the owner on another thread: onto a list that only the pool's thread empties, and empties whole, which
   * spares it the ABA problem (the "delayed free" list of mimalloc; Leijen, Zorn and de Moura 2019).
   */
  giveBack(unit: number, stamp: Stamp): void {
    this.#change(unit, stamp, OWNED, RETURNED);
    const words = this.#words;
    let head = Atomics.load(words, RETURNED_HEAD);
    for (;;) {
      Atomics.store(words, word(unit) + 2, head);
      const seen = Atomics.compareExchange(words, RETURNED_HEAD, head, unit + 1);
      if (seen === head) return;
      head = seen;
    }
  }

  /** The pool's thread takes back what others returned, each block once. */
  *collect(): Generator<number> {
    let next = Atomics.exchange(this.#words, RETURNED_HEAD, 0);
    while (next !== 0) {
      const unit = next - 1;
      next = Atomics.load(this.#words, word(unit) + 2);
      this.#change(unit, Atomics.load(this.#words, word(unit)), RETURNED, FREE);
      yield unit;
    }
  }

  #change(unit: number, before: number, from: number, to: number): Stamp {
    const after = ((before & ~3) + CHANGE) | to;
    const claim = (before & 3) === from;
    const seen = claim ? Atomics.compareExchange(this.#words, word(unit), before, after) : before;
    if (claim && seen === before) return after as Stamp;
    throw new InvariantError(`BUG: a claim on a block that is ${named(seen)}, as if ${named(before)}`);
  }
}

const word = (unit: number): number => 1 + unit * WORDS_PER_UNIT;

const named = (seen: number): string => `${STATE_NAMES[seen & 3]} since change ${seen >>> 2}`;
