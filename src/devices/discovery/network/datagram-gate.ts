/** Which datagrams of a multicast protocol are looked at: from a neighbour on this link, of a sane size, at a sane rate. */
import type { Clock } from '../../../base/clock.ts';
import { DISCOVERY_DATAGRAM_MAX_BYTES, DISCOVERY_DATAGRAMS_PER_SECOND } from '../../../base/limits.ts';
import { RateBudget } from '../../../base/rate-budget.ts';
import { type AddressRange, isWithin, type Link, parseRange } from './ranges.ts';

export class DatagramGate {
  readonly #range: AddressRange | undefined;
  readonly #budget: RateBudget;

  constructor({ cidr }: Link, clock: Clock) {
    this.#range = parseRange(cidr);
    this.#budget = new RateBudget({ perSecond: DISCOVERY_DATAGRAMS_PER_SECOND, clock });
  }

  /** RFC 6762, 11: what does not come from this link is to be ignored. Each group is heard once per link this way, too. */
  admits(bytes: number, from: string): boolean {
    if (bytes > DISCOVERY_DATAGRAM_MAX_BYTES || this.#range === undefined) return false;
    return isWithin(this.#range, from) && this.#budget.take();
  }
}
