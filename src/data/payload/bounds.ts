import { BATCH_MAX_ITEMS, READINGS_PER_PACKET_MAX } from '../../base/limits.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import type { ValueSink } from './sink.ts';

/**
 * A message with too much in it is refused before the first reading of it is handed on. Counting costs a second
 * look, so that it is left out wherever the size of the payload, or its separators, say that it cannot be.
 */

export const tooManyItems = (): SensoriumError =>
  problem('payload.too_many', `more than ${BATCH_MAX_ITEMS} items`);

export const tooManyReadings = (): SensoriumError =>
  problem('payload.too_many', `more than ${READINGS_PER_PACKET_MAX} readings`);

/** The smallest reading, a CSV cell, takes two bytes, and so does an item that is refused. */
const LARGE_FROM_BYTES = 2 * Math.min(READINGS_PER_PACKET_MAX, BATCH_MAX_ITEMS);

export const isLarge = (payload: Uint8Array): boolean => payload.length >= LARGE_FROM_BYTES;

const COLON = 0x3a;
const COMMA = 0x2c;
const LINE_FEED = 0x0a;

/** Lines cannot hold more readings and items than they have separators. */
export function hasManySeparators(payload: Uint8Array): boolean {
  let count = 0;
  for (const byte of payload) {
    if (byte === COMMA || byte === COLON || byte === LINE_FEED) count += 1;
  }
  return count >= Math.min(READINGS_PER_PACKET_MAX, BATCH_MAX_ITEMS);
}

/** Counts instead of taking. */
export class CountingSink implements ValueSink {
  #values = 0;

  get overflows(): boolean {
    return this.#values > READINGS_PER_PACKET_MAX;
  }

  value(): void {
    this.#values += 1;
  }

  reject(): void {}
}
