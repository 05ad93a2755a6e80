/**
 * How many connections per second one address may open: a token bucket per address, kept as one number (the time at
 * which the bucket is full again). Knows no sockets; what to do with those over the rate is the lobby's.
 */
import type { Clock } from '../../../base/clock.ts';

interface ConnectRateOptions {
  readonly clock: Clock;
  readonly perSecond: number;
  readonly burst: number;
  readonly trackedMax: number;
}

export class ConnectRate {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #depthMs: number;
  readonly #trackedMax: number;
  /** In the order of their last connection. */
  readonly #fullAt = new Map<string, number>();

  constructor({ clock, perSecond, burst, trackedMax }: ConnectRateOptions) {
    this.#clock = clock;
    this.#intervalMs = 1_000 / perSecond;
    this.#depthMs = (burst - 1) * this.#intervalMs;
    this.#trackedMax = trackedMax;
  }

  get tracked(): number {
    return this.#fullAt.size;
  }

  /** How long the next connection of this address has to wait; 0 = not at all. Takes nothing. */
  waitMs(address: string): number {
    const fullAt = this.#fullAt.get(networkOf(address)) ?? 0;
    return Math.max(0, fullAt - this.#clock.monotonic() - this.#depthMs);
  }

  /** One connection, now or after its wait: those after it wait behind it. */
  take(address: string): void {
    const network = networkOf(address);
    const fullAt = Math.max(this.#fullAt.get(network) ?? 0, this.#clock.monotonic());
    this.#fullAt.delete(network);
    this.#fullAt.set(network, fullAt + this.#intervalMs);
    if (this.#fullAt.size <= this.#trackedMax) return;
    const [oldest = network] = this.#fullAt.keys();
    this.#fullAt.delete(oldest);
  }
}

/** One customer has a whole /64 of IPv6 (RFC 6177), so that is what counts; an IPv4 address, mapped or not, as it is. */
function networkOf(address: string): string {
  if (!address.includes(':') || address.includes('.')) return address.slice(address.lastIndexOf(':') + 1);
  const [head = '', tail] = address.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  const all = [...front, ...Array<string>(zeros).fill('0'), ...back];
  return all.slice(0, 4).join(':');
}
