/**
 * Weighted fair shares of the kinds: start-time fair queueing (Goyal, Vin, Cheng, SIGCOMM 1996) over processor time.
 * Each kind has a virtual time that moves by time used / weight; the one that is furthest back goes first. A kind that
 * was idle starts at the present: it is served at once, but has nothing saved up.
 */
import { CACHE_LINE_WORDS, type Cells, type Placement } from './cells.ts';

const PRESENT = 0;
const PASSES = CACHE_LINE_WORDS;
/** Units of virtual time per microsecond at weight 1. */
const UNITS = 16;
/** 4 s at weight 1. Times are compared modulo 2^32 (268 s), so nobody may be further apart than a part of that. */
const LAG_MAX = UNITS * 4_000_000;

interface FairShareOptions extends Placement {
  /** By number of kind; 1 to 16. */
  readonly weights: readonly number[];
}

export class FairShare {
  readonly #cells: Cells;
  readonly #base: number;
  readonly #weights: readonly number[];

  static wordsFor(kinds: number): number {
    return PASSES + Math.ceil(kinds / CACHE_LINE_WORDS) * CACHE_LINE_WORDS;
  }

  constructor({ cells, base, weights }: FairShareOptions) {
    this.#cells = cells;
    this.#base = base;
    this.#weights = weights;
  }

  /** Sorts the numbers of kinds: who goes first. */
  sort(kinds: number[]): void {
    for (let i = 1; i < kinds.length; i += 1) {
      const kind = kinds[i] ?? 0;
      let at = i;
      for (; at > 0 && this.isBehind(kind, kinds[at - 1] ?? 0); at -= 1) kinds[at] = kinds[at - 1] ?? 0;
      kinds[at] = kind;
    }
  }

  /** Whether `kind` would go before `other`, which has used `unchargedUs` more than is written down. */
  isBehind(kind: number, other: number, unchargedUs = 0): boolean {
    const due = this.#cells.load(this.#passOf(other)) + this.#unitsOf(other, unchargedUs);
    return ((this.#cells.load(this.#passOf(kind)) - due) | 0) < 0;
  }

  /** When a kind is about to be served. Races between workers cost some microseconds of fairness, nothing else. */
  enter(kind: number): void {
    const cells = this.#cells;
    const present = cells.load(this.#base + PRESENT);
    const own = cells.load(this.#passOf(kind));
    if (((own - present) | 0) < 0) {
      cells.compareExchange(this.#passOf(kind), own, present);
      return;
    }
    if (own === present) return;
    cells.store(this.#base + PRESENT, own);
    for (let other = 0; other < this.#weights.length; other += 1) {
      const pass = cells.load(this.#passOf(other));
      if (((own - pass) | 0) > LAG_MAX) cells.compareExchange(this.#passOf(other), pass, (own - LAG_MAX) | 0);
    }
  }

  charge(kind: number, usedUs: number): void {
    this.#cells.add(this.#passOf(kind), Math.max(1, this.#unitsOf(kind, usedUs)));
  }

  #unitsOf(kind: number, us: number): number {
    return Math.min(LAG_MAX, Math.round((us * UNITS) / (this.#weights[kind] ?? 1)));
  }

  #passOf(kind: number): number {
    return this.#base + PASSES + kind;
  }
}
