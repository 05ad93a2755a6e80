import { COMMAND_SETTLE_MS } from '../../base/limits.ts';

interface Link {
  connections: number;
  /** Said what it wants to hear, on this connection. */
  hasSubscribed: boolean;
  since: number;
}

/**
 * Which devices can be spoken to: connected, and subscribed, or connected for long enough to have everything from a kept
 * session. Knows connections by what it is told; what it is not told makes it wait, never lose.
 */
export class Links {
  readonly #links = new Map<string, Link>();
  readonly #monotonic: () => number;

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  connected(device: string): void {
    const link = this.#links.get(device);
    if (link === undefined)
      this.#links.set(device, { connections: 1, hasSubscribed: false, since: this.#monotonic() });
    else link.connections += 1;
  }

  /** True when that was its last connection. */
  disconnected(device: string): boolean {
    const link = this.#links.get(device);
    if (link === undefined) return false;
    link.connections -= 1;
    if (link.connections > 0) return false;
    this.#links.delete(device);
    return true;
  }

  /** May come before the word of its connection. */
  subscribed(device: string): void {
    const link = this.#links.get(device);
    if (link === undefined)
      this.#links.set(device, { connections: 0, hasSubscribed: true, since: this.#monotonic() });
    else link.hasSubscribed = true;
  }

  forget(device: string): void {
    this.#links.delete(device);
  }

  isConnected(device: string): boolean {
    return this.#links.has(device);
  }

  /** 0: it listens. Else when it will be taken to listen; undefined: it is away. */
  listensIn(device: string): number | undefined {
    const link = this.#links.get(device);
    if (link === undefined) return undefined;
    if (link.hasSubscribed) return 0;
    return Math.max(0, link.since + COMMAND_SETTLE_MS - this.#monotonic());
  }
}
