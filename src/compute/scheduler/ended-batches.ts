/**
 * Batches that have ended, on their way to the main thread: a list through the records that workers push to and that is
 * taken as a whole, so one wake-up serves a burst. Its head is the word the main thread waits on.
 */
import type { BatchTable } from './batch-table.ts';
import { CACHE_LINE_WORDS, type SharedCells } from './cells.ts';

interface EndedBatchesOptions {
  readonly cells: SharedCells;
  readonly base: number;
  readonly table: BatchTable;
}

const NOTHING = 0;

export class EndedBatches {
  static readonly words = CACHE_LINE_WORDS;
  readonly #cells: SharedCells;
  readonly #head: number;
  readonly #table: BatchTable;

  constructor({ cells, base, table }: EndedBatchesOptions) {
    this.#cells = cells;
    this.#head = base;
    this.#table = table;
  }

  push(batch: number): void {
    const cells = this.#cells;
    for (;;) {
      const head = cells.load(this.#head);
      cells.store(this.#table.nextAt(batch), head);
      // Fails only when somebody else has pushed or taken. Nothing is popped singly, so the head cannot have come back.
      if (cells.compareExchange(this.#head, head, batch + 1) === head) {
        if (head === NOTHING) cells.notify(this.#head, 1);
        return;
      }
    }
  }

  /** Oldest first. */
  takeAll(): readonly number[] {
    const batches: number[] = [];
    let head = this.#cells.exchange(this.#head, NOTHING);
    while (head !== NOTHING) {
      batches.push(head - 1);
      head = this.#cells.load(this.#table.nextAt(head - 1));
    }
    return batches.toReversed();
  }

  /** Resolves when there is something; `false`: there is already. Main thread only. */
  next(): Promise<unknown> | false {
    const waiting = Atomics.waitAsync(this.#cells.words, this.#head, NOTHING);
    return waiting.async ? waiting.value : false;
  }

  /** Ends a `next` that nobody else will. */
  wake(): void {
    this.#cells.notify(this.#head, 1);
  }
}
