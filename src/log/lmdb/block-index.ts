/**
 * The stored blocks by number: where the log begins and ends, and which blocks may go. Owns every look at keys; it
 * must not write.
 */
import { LOG_TRIM_STEP_BLOCKS } from '../../base/limits.ts';
import type { Offset } from '../../model/packet.ts';
import { type BlockHeader, peekBlock } from './block.ts';
import type { BlockStore } from './environment.ts';

/** Keys that are words sort after all offsets, so a range that ends here sees blocks only. */
const LAST_OFFSET = Number.MAX_SAFE_INTEGER;

/** The first block at or after `from`. */
export function blockFrom(store: BlockStore, from: Offset): Offset | undefined {
  for (const key of store.getKeys({ start: from, end: LAST_OFFSET, limit: 1 })) return Number(key);
  return undefined;
}

/** The last block that begins at or before `at`. */
export function blockUntil(store: BlockStore, at: Offset): Offset | undefined {
  for (const key of store.getKeys({ start: at, end: -1, reverse: true, limit: 1 })) return Number(key);
  return undefined;
}

export const lastBlock = (store: BlockStore): Offset | undefined => blockUntil(store, LAST_OFFSET);

/** The stored bytes under `base`, in a buffer that the next look overwrites. */
export function blockBytes(store: BlockStore, base: Offset): Uint8Array | undefined {
  const found = store.getBinaryFast(base);
  // lmdb lends one large buffer per thread and overrides its `length`; only that property tells the size.
  return found && new Uint8Array(found.buffer, found.byteOffset, found.length);
}

export function blockHeader(store: BlockStore, base: Offset): BlockHeader | undefined {
  const bytes = blockBytes(store, base);
  return bytes && peekBlock(bytes);
}

interface Budget {
  /** Nothing at or above this is trimmed. */
  readonly heldFrom: Offset;
  /** `bytesBefore` up to which blocks are over the budget. */
  readonly bytesThrough: number;
  /** Blocks whose last record is older may go. */
  readonly oldestAt: number;
}

export interface Expendable {
  readonly keys: readonly Offset[];
  /** Where the log begins once they are gone. */
  readonly first: Offset;
  readonly firstBytesBefore: number;
}

/**
 * The oldest blocks that may go now, LOG_TRIM_STEP_BLOCKS at most; undefined when none. The last block always
 * stays: it carries the next offset over a restart.
 */
export function expendable(store: BlockStore, first: Offset, budget: Budget): Expendable | undefined {
  const keys: Offset[] = [];
  const range = { start: first, end: LAST_OFFSET, limit: LOG_TRIM_STEP_BLOCKS + 1 };
  for (const key of store.getKeys(range)) keys.push(Number(key));
  const mayGo = (index: number): boolean => {
    const base = keys[index];
    const following = keys[index + 1];
    if (base === undefined || following === undefined || following > budget.heldFrom) return false;
    const header = blockHeader(store, base);
    return (
      header !== undefined && (header.bytesBefore < budget.bytesThrough || header.lastAt < budget.oldestAt)
    );
  };
  const count = countLeading(keys.length, mayGo);
  const next = keys[count];
  const nextHeader = count === 0 || next === undefined ? undefined : blockHeader(store, next);
  if (next === undefined || nextHeader === undefined) return undefined;
  return { keys: keys.slice(0, count), first: next, firstBytesBefore: nextHeader.bytesBefore };
}

/** How many of `0..length-1` satisfy `test`, where those that do come first. Looks at about log2(length) of them. */
function countLeading(length: number, test: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (test(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
