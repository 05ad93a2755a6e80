/**
 * Address ranges in CIDR form, and the links of this machine. Discovery speaks to no address
 * outside of what is on a link or named by the user.
 */
import { BlockList, isIP, isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';

export interface AddressRange {
  readonly text: string;
  readonly family: 4 | 6;
  /** First address of an IPv4 range as a number. */
  readonly first: number;
  /** Addresses in it: 1 and up; of IPv6 ranges not counted (infinite). */
  readonly size: number;
  readonly list: BlockList;
}

/** `192.168.1.0/24`, `10.0.0.7`, `fd00::/64`; undefined where it is none. Host bits may be set. */
export function parseRange(text: string): AddressRange | undefined {
  const [, address = '', bits] = /^([0-9a-fA-F.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIP(address);
  if (family === 0) return undefined;
  const width = family === 4 ? 32 : 128;
  const prefix = bits === undefined ? width : Number(bits);
  if (prefix > width) return undefined;
  const list = new BlockList();
  list.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6');
  if (family === 6) return { text, family: 6, first: 0, size: Number.POSITIVE_INFINITY, list };
  const size = 2 ** (32 - prefix);
  const first = Math.floor(addressNumber(address) / size) * size;
  return { text, family: 4, first, size, list };
}

export const isWithin = (range: AddressRange, address: string): boolean => {
  const bare = withoutZone(address);
  return isIP(bare) !== 0 && range.list.check(bare, isIPv4(bare) ? 'ipv4' : 'ipv6');
};

/** Hosts of an IPv4 range; without network and broadcast address where it has them [RFC 3021: not in a /31]. */
export function* hostsOf({ family, first, size }: AddressRange): Iterable<string> {
  if (family === 6) return;
  const [from, to] = size > 2 ? [first + 1, first + size - 2] : [first, first + size - 1];
  for (let n = from; n <= to; n += 1) yield addressText(n);
}

export const withoutZone = (address: string): string => address.replace(/%.*$/, '');

/** A link of this machine. */
export interface Link {
  readonly name: string;
  readonly address: string;
  readonly family: 4 | 6;
  readonly cidr: string;
}

export type Links = () => readonly Link[];

/** Interfaces with an address, loopback left out. */
export const systemLinks: Links = () =>
  Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.flatMap(({ address, family, cidr, internal }): Link[] =>
      internal || cidr === null ? [] : [{ name, address, family: family === 'IPv4' ? 4 : 6, cidr }],
    ),
  );

const addressNumber = (address: string): number =>
  address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

const addressText = (n: number): string =>
  [2 ** 24, 2 ** 16, 2 ** 8, 1].map((unit) => Math.floor(n / unit) % 256).join('.');
