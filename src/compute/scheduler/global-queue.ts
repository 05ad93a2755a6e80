/**
 * Where submitted batches wait, one ring per kind in shared words: the main thread appends, any worker takes the oldest.
 * Its capacity is larger than all tickets that can exist, so that an entry is never written over while it is read.
 */
import { invariant } from '../../base/invariant.ts';
import { CACHE_LINE_WORDS, type Cells, type Placement } from './cells.ts';
import type { Ticket } from './ticket.ts';

const HEAD = 0;
const TAIL = CACHE_LINE_WORDS;
const ENTRIES = 2 * CACHE_LINE_WORDS;
const ENTRY_WORDS = 2;

interface GlobalQueueOptions extends Placement {
  /** A power of two. */
  readonly capacity: number;
}

export class GlobalQueue {
  readonly #cells: Cells;
  readonly #head: number;
  readonly #tail: number;
  readonly #entries: number;
  readonly #capacity: number;

  static wordsFor(capacity: number): number {
    return ENTRIES + capacity * ENTRY_WORDS;
  }

  constructor({ cells, base, capacity }: GlobalQueueOptions) {
    invariant((capacity & (capacity - 1)) === 0, 'the capacity of a queue is a power of two');
    this.#cells = cells;
    this.#head = base + HEAD;
    this.#tail = base + TAIL;
    this.#entries = base + ENTRIES;
    this.#capacity = capacity;
  }

  /** Main thread only. Answers the place in line, for `isWaiting`. */
  push(place: number, generation: number): number {
    const cells = this.#cells;
    const tail = cells.load(this.#tail);
    invariant(
      ((tail - cells.load(this.#head)) | 0) < this.#capacity,
      'the global queue has room for all tickets',
    );
    const entry = this.#entries + (tail & (this.#capacity - 1)) * ENTRY_WORDS;
    cells.poke(entry, place);
    cells.poke(entry + 1, generation);
    cells.store(this.#tail, (tail + 1) | 0);
    return tail;
  }

  /** Any worker. False when empty. */
  take(into: Ticket): boolean {
    const cells = this.#cells;
    for (;;) {
      const head = cells.load(this.#head);
      if (head === cells.load(this.#tail)) return false;
      const entry = this.#entries + (head & (this.#capacity - 1)) * ENTRY_WORDS;
      into.place = cells.peek(entry);
      into.generation = cells.peek(entry + 1);
      // Failing means that somebody else has taken it: each turn of this loop is somebody's success.
      if (cells.compareExchange(this.#head, head, (head + 1) | 0) === head) return true;
    }
  }

  /** A guess: others may be at work. */
  get isEmpty(): boolean {
    return this.#cells.peek(this.#head) === this.#cells.peek(this.#tail);
  }

  /** Whether what got this place in line has not been taken yet. */
  isWaiting(placeInLine: number): boolean {
    return ((placeInLine - this.#cells.load(this.#head)) | 0) >= 0;
  }
}
