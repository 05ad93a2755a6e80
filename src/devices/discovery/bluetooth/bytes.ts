/** Integers and text out of a few bytes. Callers have checked the length: reading beyond it is a bug. */
import { invariant } from '../../../base/invariant.ts';

export type IntegerWidth = 1 | 2 | 3 | 4;

export function unsigned(
  bytes: Uint8Array,
  at: number,
  width: IntegerWidth,
  order: 'little' | 'big',
): number {
  invariant(at >= 0 && at + width <= bytes.length, 'integer outside of its bytes');
  let value = 0;
  for (let i = 0; i < width; i += 1) {
    const byte = bytes[order === 'big' ? at + i : at + width - 1 - i] ?? 0;
    value = value * 256 + byte;
  }
  return value;
}

/** Two's complement. */
export function signed(bytes: Uint8Array, at: number, width: IntegerWidth, order: 'little' | 'big'): number {
  const value = unsigned(bytes, at, width, order);
  const modulus = 2 ** (8 * width);
  return value >= modulus / 2 ? value - modulus : value;
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
