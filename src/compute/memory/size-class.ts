/** The blocks of one size: the slabs that have room, and how much is out. */
import { invariant } from '../../base/invariant.ts';
import type { Slab } from './slab.ts';

export class SizeClass {
  readonly blockBytes: number;
  /** Slabs of this class with a free block; blocks come from the last. */
  readonly #roomy: Slab[] = [];
  #leased = 0;
  #highWater = 0;
  #capacity = 0;

  constructor(blockBytes: number) {
    this.blockBytes = blockBytes;
  }

  get leased(): number {
    return this.#leased;
  }

  get highWater(): number {
    return this.#highWater;
  }

  get free(): number {
    return this.#capacity - this.#leased;
  }

  get hasRoom(): boolean {
    return this.#roomy.length > 0;
  }

  addSlab(slab: Slab): void {
    slab.cut(this.blockBytes);
    this.#capacity += slab.capacity;
    this.#roomy.push(slab);
  }

  /** Gives an unused slab away, if there is one. */
  spareSlab(): Slab | undefined {
    const at = this.#roomy.findIndex(({ used }) => used === 0);
    if (at < 0) return undefined;
    const [slab] = this.#roomy.splice(at, 1);
    this.#capacity -= slab?.capacity ?? 0;
    return slab;
  }

  take(): { readonly slab: number; readonly offset: number } {
    const slab = this.#roomy.at(-1);
    invariant(slab !== undefined, 'a size class without room is asked for a block');
    const offset = slab.take();
    if (slab.isFull) this.#roomy.pop();
    this.#leased += 1;
    this.#highWater = Math.max(this.#highWater, this.#leased);
    return { slab: slab.number, offset };
  }

  put(slab: Slab, offset: number): void {
    if (slab.isFull) this.#roomy.push(slab);
    slab.put(offset);
    this.#leased -= 1;
  }
}
