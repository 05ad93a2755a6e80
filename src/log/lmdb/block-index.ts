/**
 * The stored blocks by number: where the log begins and ends, and which blocks may go. Owns every look at keys; it
 * must not write.
 */
import { LOG_TRIM_STEP_BLOCKS } from '../../base/limits.ts';
import type { Offset } from '../../model/packet.ts';
import { type BlockHeader, peekBlock, readBlock } from './block.ts';
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

interface CheckedBlock {
  readonly header: BlockHeader;
  /** As `blockBytes` gives them. */
  readonly stored: Uint8Array;
}

/** The block under `base` after its checksum. Throws SensoriumError as `readBlock` gives it. */
export function checkedBlock(store: BlockStore, base: Offset): CheckedBlock | undefined {
  const stored = blockBytes(store, base);
  if (stored === undefined) return undefined;
  const header = readBlock(base, stored);
  if (header instanceof Error) throw header;
  return { header, stored };
}

export function blockHeader(store: BlockStore, base: Offset): BlockHeader | undefined {
  const bytes = blockBytes(store, base);
  return bytes && peekBlock(bytes);
}

export interface Budget {
  /** `bytesBefore` up to which blocks are over the budget. */
  readonly bytesThrough: number;
  /** Blocks whose last record is older may go. */
  readonly oldestAt: number;
}

const isOver = (header: BlockHeader, { bytesThrough, oldestAt }: Budget): boolean =>
  header.bytesBefore < bytesThrough || header.lastAt < oldestAt;

export interface Expendable {
  readonly keys: readonly Offset[];
  /** Where the log begins once they are gone. */
  readonly first: Offset;
  readonly firstBytesBefore: number;
}

/**
 * The oldest blocks that may go now, LOG_TRIM_STEP_BLOCKS at most, none at or above `heldFrom`; undefined when none.
 * The last block always stays: it carries the next offset over a restart.
 */
export function expendable(
  store: BlockStore,
  first: Offset,
  heldFrom: Offset,
  budget: Budget,
): Expendable | undefined {
  const keys: Offset[] = [];
  const range = { start: first, end: LAST_OFFSET, limit: LOG_TRIM_STEP_BLOCKS + 1 };
  for (const key of store.getKeys(range)) keys.push(Number(key));
  const mayGo = (index: number): boolean => {
    const base = keys[index];
    const following = keys[index + 1];
    if (base === undefined || following === undefined || following > heldFrom) return false;
    const header = blockHeader(store, base);
    return header !== undefined && isOver(header, budget);
  };
  const count = countLeading(keys.length, mayGo);
  const next = keys[count];
  const nextHeader = count === 0 || next === undefined ? undefined : blockHeader(store, next);
  if (next === undefined || nextHeader === undefined) return undefined;
  return { keys: keys.slice(0, count), first: next, firstBytesBefore: nextHeader.bytesBefore };
}

/** The first block of `first..next-1` that is within the budget; `next` when none is. Looks at about log2(blocks). */
export function firstWithin(store: BlockStore, first: Offset, next: Offset, budget: Budget): Offset {
  let low = first;
  let high = next;
  let within = next;
  while (low < high) {
    // The oldest first: mostly it is within, and that is all.
    const middle = low === first ? first : (low + high) >>> 1;
    const base = blockFrom(store, middle);
    const header = base === undefined || base >= high ? undefined : blockHeader(store, base);
    if (header === undefined) {
      high = middle;
    } else if (isOver(header, budget)) {
      low = header.base + header.count;
    } else {
      within = header.base;
      high = middle;
    }
  }
  return within;
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
