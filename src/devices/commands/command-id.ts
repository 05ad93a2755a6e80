import type { Random } from '../../base/random.ts';

const ALPHABET = '0123456789abcdefghijklmnopqrstuv';
const TIME_CHARS = 9;
/** 80 bits: two of one millisecond do not meet, and nobody guesses one. */
const RANDOM_CHARS = 16;
/** Asking the system for random bytes takes 20 µs, however few. */
const POOL_IDS = 256;

/** Request ids in the manner of ULID: later ones are greater; fit for a topic level and a URL. */
export class RequestIds {
  readonly #random: Random;
  #pool: Uint8Array = new Uint8Array();
  #at = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  next(nowMs: number): string {
    let id = '';
    for (let left = nowMs; id.length < TIME_CHARS; left = Math.floor(left / 32))
      id = (ALPHABET[left % 32] ?? '') + id;
    if (this.#at >= this.#pool.length) {
      this.#pool = this.#random.bytes(POOL_IDS * RANDOM_CHARS);
      this.#at = 0;
    }
    for (const end = this.#at + RANDOM_CHARS; this.#at < end; this.#at += 1)
      id += ALPHABET[(this.#pool[this.#at] ?? 0) % 32];
    return id;
  }
}
