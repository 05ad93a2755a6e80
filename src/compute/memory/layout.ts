/**
 * How a pool divides its memory: a head that stays free for the static data of code that runs on it, then slabs of one
 * size, each cut into blocks of one size class. Pure arithmetic; the same on every thread.
 */
import { invariant } from '../../base/invariant.ts';

export interface PoolLayout {
  readonly headBytes: number;
  readonly slabs: number;
  /** A power of two; also the largest block. */
  readonly slabBytes: number;
  /** A power of two; also the unit in which ownership is kept. */
  readonly blockMinBytes: number;
}

/** A place in the memory in plain words, to be handed on in shared memory or a message. */
export interface BlockPlace {
  readonly slab: number;
  /** From the start of the slab. */
  readonly offset: number;
}

const isPowerOfTwo = (value: number): boolean => value > 0 && (value & (value - 1)) === 0;

export function checkLayout({ headBytes, slabs, slabBytes, blockMinBytes }: PoolLayout): void {
  invariant(isPowerOfTwo(slabBytes) && isPowerOfTwo(blockMinBytes), 'block sizes are powers of two');
  invariant(blockMinBytes <= slabBytes && blockMinBytes >= 64, 'the smallest block is a cache line or more');
  invariant(Number.isInteger(slabs) && slabs > 0, 'a pool has slabs');
  invariant(
    headBytes >= 0 && headBytes % blockMinBytes === 0,
    'the head is a multiple of the smallest block',
  );
}

export const memoryBytes = ({ headBytes, slabs, slabBytes }: PoolLayout): number =>
  headBytes + slabs * slabBytes;

/** Units of the smallest block in all slabs. */
export const unitCount = ({ slabs, slabBytes, blockMinBytes }: PoolLayout): number =>
  slabs * (slabBytes / blockMinBytes);

export const classCount = ({ slabBytes, blockMinBytes }: PoolLayout): number =>
  Math.log2(slabBytes / blockMinBytes) + 1;

/** The smallest class whose blocks hold so many bytes. */
export function classFor({ blockMinBytes }: PoolLayout, bytes: number): number {
  return bytes <= blockMinBytes ? 0 : 32 - Math.clz32((bytes - 1) / blockMinBytes);
}

export const blockBytesOf = ({ blockMinBytes }: PoolLayout, sizeClass: number): number =>
  blockMinBytes * 2 ** sizeClass;

export const addressOf = ({ headBytes, slabBytes }: PoolLayout, { slab, offset }: BlockPlace): number =>
  headBytes + slab * slabBytes + offset;

/** The number under which the ownership of the block at this place is kept. */
export function unitAt(
  { slabs, slabBytes, blockMinBytes }: PoolLayout,
  { slab, offset }: BlockPlace,
): number {
  invariant(Number.isInteger(slab) && slab >= 0 && slab < slabs, 'a place names a slab the pool has not');
  invariant(
    offset >= 0 && offset < slabBytes && offset % blockMinBytes === 0,
    'a place where no block begins',
  );
  return (slab * slabBytes + offset) / blockMinBytes;
}

export function placeOf({ slabBytes, blockMinBytes }: PoolLayout, unit: number): BlockPlace {
  const at = unit * blockMinBytes;
  return { slab: Math.floor(at / slabBytes), offset: at % slabBytes };
}
