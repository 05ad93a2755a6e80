/**
 * A ticket names a range of tasks of one batch in two words: `place` packs batch, first task and count; `generation` is
 * that of the batch record when the ticket was made. A ticket that outlives its batch is recognised by it and dropped.
 */
export interface Ticket {
  place: number;
  generation: number;
}

const INDEX_BITS = 8;
const INDEX_MASK = (1 << INDEX_BITS) - 1;

/** `count` is 1 to 256. */
export const placeOf = (batch: number, from: number, count: number): number =>
  (batch << (2 * INDEX_BITS)) | (from << INDEX_BITS) | (count - 1);

export const batchOf = (place: number): number => place >>> (2 * INDEX_BITS);
export const fromOf = (place: number): number => (place >>> INDEX_BITS) & INDEX_MASK;
export const countOf = (place: number): number => (place & INDEX_MASK) + 1;
