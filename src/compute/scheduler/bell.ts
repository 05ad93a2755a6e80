/**
 * How workers sleep and are woken: an event count. A worker listens, looks for work, and parks with what it heard; a
 * ring in between makes the parking return at once, so no work is slept through. Nobody spins, nobody polls.
 */
import { CACHE_LINE_WORDS, type Cells, type Placement } from './cells.ts';

const BELL = 0;
const PARKED = CACHE_LINE_WORDS;

export class Bell {
  static readonly words = 2 * CACHE_LINE_WORDS;
  readonly #cells: Cells;
  readonly #bell: number;
  readonly #parked: number;

  constructor({ cells, base }: Placement) {
    this.#cells = cells;
    this.#bell = base + BELL;
    this.#parked = base + PARKED;
  }

  /** Before looking for work. */
  listen(): number {
    return this.#cells.load(this.#bell);
  }

  /** Whether it has rung since `heard`; may be late to notice. */
  hasRung(heard: number): boolean {
    return this.#cells.peek(this.#bell) !== heard;
  }

  /** After work was made visible: wakes up to `count`. */
  ring(count: number): void {
    this.#cells.add(this.#bell, 1);
    if (this.#cells.load(this.#parked) > 0) this.#cells.notify(this.#bell, count);
  }

  /** `mark` is the caller's own word, set while it counts as parked: one who dies asleep is taken off by it. */
  park(heard: number, mark: number): void {
    const cells = this.#cells;
    // Counted first, marked then, and the reverse: dying in between leaves one too many, never one too few.
    cells.add(this.#parked, 1);
    cells.store(mark, 1);
    cells.wait(this.#bell, heard);
    cells.store(mark, 0);
    cells.add(this.#parked, -1);
  }

  forget(mark: number): void {
    if (this.#cells.exchange(mark, 0) === 1) this.#cells.add(this.#parked, -1);
  }
}
