/** What a Bluetooth device address says of its owner. */
import type { Advertisement } from './advertisement.ts';

/**
 * Whether the address names the device for longer than some minutes. Random addresses have their kind in the two
 * highest bits [Core Specification 5.4, Vol 6, Part B, 1.3.2]: 11 = static, kept at least until the next start;
 * 01 and 00 = private, changed every quarter of an hour so that nobody can be followed.
 */
export function isLasting({ address, addressType }: Advertisement): boolean {
  return addressType !== 'random' || isStatic(address);
}

const isStatic = (address: string): boolean => Number.parseInt(address.slice(0, 2), 16) >> 6 === 0b11;
