/**
 * Messages just sent to a server that sends them back: 3.1.1 has no No Local. Promises that memory is bounded and that a
 * message is held for an echo once, and only for a while; one that slips through crosses once more and no further.
 */
import { hash } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { BRIDGE_ECHO_MAX_AGE_MS, BRIDGE_ECHOES_MAX } from '../../base/limits.ts';

interface Sent {
  count: number;
  readonly at: number;
}

const keyOf = (topic: string, payload: Uint8Array): string =>
  hash('sha1', Buffer.concat([Buffer.from(`${topic}\0`), payload]), 'base64');

export class EchoGuard {
  readonly #clock: Clock;
  /** Oldest first. */
  readonly #sent = new Map<string, Sent>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  sent(topic: string, payload: Uint8Array): void {
    const key = keyOf(topic, payload);
    const count = (this.#sent.get(key)?.count ?? 0) + 1;
    this.#sent.delete(key);
    this.#sent.set(key, { count, at: this.#clock.monotonic() });
    if (this.#sent.size <= BRIDGE_ECHOES_MAX) return;
    const oldest = this.#sent.keys().next();
    if (oldest.done !== true) this.#sent.delete(oldest.value);
  }

  isEcho(topic: string, payload: Uint8Array): boolean {
    if (this.#sent.size === 0) return false;
    const key = keyOf(topic, payload);
    const sent = this.#sent.get(key);
    if (sent === undefined) return false;
    sent.count -= 1;
    if (sent.count === 0) this.#sent.delete(key);
    return this.#clock.monotonic() - sent.at <= BRIDGE_ECHO_MAX_AGE_MS;
  }
}
