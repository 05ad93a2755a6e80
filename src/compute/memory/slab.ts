/** A slab: a stretch of memory cut into blocks of one class. Counts and lists its blocks; knows no owners. */
import { invariant } from '../../base/invariant.ts';

export class Slab {
  readonly number: number;
  readonly #bytes: number;
  #blockBytes = 0;
  /** Offsets of blocks that came back, last one first: its bytes are the likeliest to be in a cache. */
  #free: number[] = [];
  /** Where the part begins that was never given out: pages there are not even touched. */
  #fresh = 0;
  #used = 0;

  constructor(number: number, bytes: number) {
    this.number = number;
    this.#bytes = bytes;
  }

  get used(): number {
    return this.#used;
  }

  get capacity(): number {
    return this.#blockBytes === 0 ? 0 : this.#bytes / this.#blockBytes;
  }

  get isFull(): boolean {
    return this.#used === this.capacity;
  }

  /** Cuts an unused slab anew. */
  cut(blockBytes: number): void {
    invariant(this.#used === 0, 'a slab in use is cut anew');
    this.#blockBytes = blockBytes;
    this.#free = [];
    this.#fresh = 0;
  }

  /** Offset of a block; the caller has seen that the slab is not full. */
  take(): number {
    invariant(!this.isFull, 'a full slab is asked for a block');
    this.#used += 1;
    const again = this.#free.pop();
    if (again !== undefined) return again;
    const offset = this.#fresh;
    this.#fresh += this.#blockBytes;
    return offset;
  }

  put(offset: number): void {
    this.#used -= 1;
    this.#free.push(offset);
  }

  /** Offsets of all blocks that were given out at least once. */
  *everGiven(): Generator<number> {
    for (let offset = 0; offset < this.#fresh; offset += this.#blockBytes) yield offset;
  }
}
