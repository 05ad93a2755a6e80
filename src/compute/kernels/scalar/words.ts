/**
 * Delta and XOR of 64-bit words with their predecessor, and back. The first word stands for itself; arithmetic wraps,
 * so that any bits survive the round trip. Works on halves of 32 bits, low half first as on every platform of ours:
 * BigInt would allocate for each word. `source` may be `target`.
 */

/** Columns of 64-bit words, whatever they mean. */
export type Words = BigInt64Array | BigUint64Array | Float64Array;

const halves = (words: Words): Uint32Array =>
  new Uint32Array(words.buffer, words.byteOffset, words.length * 2);

export function deltaEncode(target: Words, source: Words): void {
  const from = halves(source);
  const to = halves(target);
  let lastLow = 0;
  let lastHigh = 0;
  for (let at = 0; at < from.length; at += 2) {
    const low = from[at] ?? 0;
    const high = from[at + 1] ?? 0;
    to[at] = low - lastLow;
    to[at + 1] = high - lastHigh - (low < lastLow ? 1 : 0);
    lastLow = low;
    lastHigh = high;
  }
}

export function deltaDecode(target: Words, source: Words): void {
  const from = halves(source);
  const to = halves(target);
  let low = 0;
  let high = 0;
  for (let at = 0; at < from.length; at += 2) {
    const sum = low + (from[at] ?? 0);
    low = sum >>> 0;
    high = (high + (from[at + 1] ?? 0) + (sum > low ? 1 : 0)) >>> 0;
    to[at] = low;
    to[at + 1] = high;
  }
}

export function xorEncode(target: Words, source: Words): void {
  const from = halves(source);
  const to = halves(target);
  let lastLow = 0;
  let lastHigh = 0;
  for (let at = 0; at < from.length; at += 2) {
    const low = from[at] ?? 0;
    const high = from[at + 1] ?? 0;
    to[at] = low ^ lastLow;
    to[at + 1] = high ^ lastHigh;
    lastLow = low;
    lastHigh = high;
  }
}

export function xorDecode(target: Words, source: Words): void {
  const from = halves(source);
  const to = halves(target);
  let low = 0;
  let high = 0;
  for (let at = 0; at < from.length; at += 2) {
    low ^= from[at] ?? 0;
    high ^= from[at + 1] ?? 0;
    to[at] = low;
    to[at + 1] = high;
  }
}
