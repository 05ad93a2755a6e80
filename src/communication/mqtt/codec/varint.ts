/** Variable byte integers [1.5.5], as they are written: always in the fewest bytes [MQTT-1.5.5-1]. */

/** Four groups of seven bits. */
export const VARINT_MAX = 268_435_455;

export const varintSize = (value: number): number =>
  value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : 4;

/** Answers where the next byte goes. */
export function writeVarint(bytes: Buffer, at: number, value: number): number {
  let rest = value;
  let p = at;
  while (rest >= 128) {
    bytes[p] = (rest & 0x7f) | 0x80;
    p += 1;
    rest >>>= 7;
  }
  bytes[p] = rest;
  return p + 1;
}
