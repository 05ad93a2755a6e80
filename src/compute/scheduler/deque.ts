/**
 * The deque of Chase and Lev ("Dynamic Circular Work-Stealing Deque", SPAA 2005) in shared words, of fixed capacity.
 * One owner pushes and pops at the bottom, any number of thieves steal at the top; a ticket goes to exactly one of them.
 * Top and bottom run on and wrap as 32-bit numbers; every interleaving of short histories is checked in the test.
 */
import { invariant } from '../../base/invariant.ts';
import { CACHE_LINE_WORDS, type Cells, type Placement } from './cells.ts';
import type { Ticket } from './ticket.ts';

const TOP = 0;
const BOTTOM = CACHE_LINE_WORDS;
const ENTRIES = 2 * CACHE_LINE_WORDS;
const ENTRY_WORDS = 2;

interface DequeOptions extends Placement {
  /** A power of two. */
  readonly capacity: number;
}

export class Deque {
  readonly #cells: Cells;
  readonly #top: number;
  readonly #bottom: number;
  readonly #entries: number;
  readonly #capacity: number;

  static wordsFor(capacity: number): number {
    return ENTRIES + capacity * ENTRY_WORDS;
  }

  constructor({ cells, base, capacity }: DequeOptions) {
    invariant((capacity & (capacity - 1)) === 0, 'the capacity of a deque is a power of two');
    this.#cells = cells;
    this.#top = base + TOP;
    this.#bottom = base + BOTTOM;
    this.#entries = base + ENTRIES;
    this.#capacity = capacity;
  }

  /** Owner only. False when full. */
  push(place: number, generation: number): boolean {
    const cells = this.#cells;
    const bottom = cells.load(this.#bottom);
    if (((bottom - cells.load(this.#top)) | 0) >= this.#capacity) return false;
    const entry = this.#entryOf(bottom);
    cells.poke(entry, place);
    cells.poke(entry + 1, generation);
    // The entry is whole before it can be seen.
    cells.store(this.#bottom, (bottom + 1) | 0);
    return true;
  }

  /** Owner only: the youngest. False when empty. */
  pop(into: Ticket): boolean {
    const cells = this.#cells;
    const bottom = (cells.load(this.#bottom) - 1) | 0;
    // Announced before the top is read: from here on no thief takes this entry, unless it is the last one.
    cells.store(this.#bottom, bottom);
    const top = cells.load(this.#top);
    const left = (bottom - top) | 0;
    if (left < 0) {
      cells.store(this.#bottom, (bottom + 1) | 0);
      return false;
    }
    this.#read(bottom, into);
    if (left > 0) return true;
    // The last entry: the top decides between owner and thieves.
    const won = cells.compareExchange(this.#top, top, (top + 1) | 0) === top;
    cells.store(this.#bottom, (bottom + 1) | 0);
    return won;
  }

  /** Anybody: the oldest. `lost` when somebody else was faster, and there may be more. */
  steal(into: Ticket): 'taken' | 'empty' | 'lost' {
    const cells = this.#cells;
    const top = cells.load(this.#top);
    if (((cells.load(this.#bottom) - top) | 0) <= 0) return 'empty';
    // Read before it is won: afterwards the owner may write over it. Losing throws away what was read.
    this.#read(top, into);
    return cells.compareExchange(this.#top, top, (top + 1) | 0) === top ? 'taken' : 'lost';
  }

  /** A guess: thieves may be at work. */
  get isEmpty(): boolean {
    return ((this.#cells.peek(this.#bottom) - this.#cells.peek(this.#top)) | 0) <= 0;
  }

  /** When the owner has died, perhaps in the middle of a pop, and before there is a new one: nothing is in it. */
  reset(): void {
    const cells = this.#cells;
    const ticket: Ticket = { place: 0, generation: 0 };
    while (this.steal(ticket) !== 'empty');
    cells.store(this.#bottom, cells.load(this.#top));
  }

  #read(index: number, into: Ticket): void {
    const entry = this.#entryOf(index);
    into.place = this.#cells.peek(entry);
    into.generation = this.#cells.peek(entry + 1);
  }

  #entryOf(index: number): number {
    return this.#entries + (index & (this.#capacity - 1)) * ENTRY_WORDS;
  }
}
