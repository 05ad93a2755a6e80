/**
 * Shared words as the lock-free structures see them. They take `Cells` instead of calling `Atomics`, so that a test can
 * put another memory underneath and try every order of steps (`model-checker.fixture.ts`): what is checked is what runs.
 */
export interface Cells {
  /**
   * Plain access, some times faster than an atomic one. For words that another step of this interface publishes, and for
   * hints, where an old value only costs time.
   */
  peek(at: number): number;
  poke(at: number, value: number): void;
  load(at: number): number;
  store(at: number, value: number): void;
  /** Answers what stood there: the exchange took place if that equals `expected`. */
  compareExchange(at: number, expected: number, replacement: number): number;
  exchange(at: number, value: number): number;
  /** Answers what stood there before. */
  add(at: number, value: number): number;
  or(at: number, bits: number): number;
  /** Sleeps while the word is `expected` and nobody notifies. */
  wait(at: number, expected: number): void;
  notify(at: number, count: number): void;
}

/** The real ones: sequentially consistent [ECMA-262 Atomics]. */
export class SharedCells implements Cells {
  readonly words: Int32Array<SharedArrayBuffer>;

  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
  }

  peek(at: number): number {
    return this.words[at] ?? 0;
  }

  poke(at: number, value: number): void {
    this.words[at] = value;
  }

  load(at: number): number {
    return Atomics.load(this.words, at);
  }

  store(at: number, value: number): void {
    Atomics.store(this.words, at, value);
  }

  compareExchange(at: number, expected: number, replacement: number): number {
    return Atomics.compareExchange(this.words, at, expected, replacement);
  }

  exchange(at: number, value: number): number {
    return Atomics.exchange(this.words, at, value);
  }

  add(at: number, value: number): number {
    return Atomics.add(this.words, at, value);
  }

  or(at: number, bits: number): number {
    return Atomics.or(this.words, at, bits);
  }

  wait(at: number, expected: number): void {
    Atomics.wait(this.words, at, expected);
  }

  notify(at: number, count: number): void {
    Atomics.notify(this.words, at, count);
  }
}

/** 64 bytes: words that different threads write stand so far apart. */
export const CACHE_LINE_WORDS = 16;

/** Where a structure lies among the words. */
export interface Placement {
  readonly cells: Cells;
  readonly base: number;
}
