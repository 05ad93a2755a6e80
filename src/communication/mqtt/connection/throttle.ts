/**
 * How fast one client may send: a token bucket each for messages and bytes, one second deep. Owns the arithmetic only;
 * the connection stops reading for as long as it is told.
 */
import { MQTT_CLIENT_BYTES_PER_SECOND, MQTT_CLIENT_MESSAGES_PER_SECOND } from '../../../base/limits.ts';

export interface ThrottleLimits {
  readonly messagesPerSecond: number;
  readonly bytesPerSecond: number;
}

const DEFAULTS: ThrottleLimits = {
  messagesPerSecond: MQTT_CLIENT_MESSAGES_PER_SECOND,
  bytesPerSecond: MQTT_CLIENT_BYTES_PER_SECOND,
};

export class Throttle {
  readonly #limits: ThrottleLimits;
  #messages: number;
  #bytes: number;
  #at: number;

  constructor(now: number, limits: ThrottleLimits = DEFAULTS) {
    this.#limits = limits;
    this.#messages = limits.messagesPerSecond;
    this.#bytes = limits.bytesPerSecond;
    this.#at = now;
  }

  /** What was read; answers for how many milliseconds nothing more should be. `now` is monotonic. */
  take(messages: number, bytes: number, now: number): number {
    const { messagesPerSecond, bytesPerSecond } = this.#limits;
    const seconds = (now - this.#at) / 1_000;
    this.#at = now;
    this.#messages = Math.min(messagesPerSecond, this.#messages + seconds * messagesPerSecond) - messages;
    this.#bytes = Math.min(bytesPerSecond, this.#bytes + seconds * bytesPerSecond) - bytes;
    const debt = Math.max(-this.#messages / messagesPerSecond, -this.#bytes / bytesPerSecond);
    return debt <= 0 ? 0 : Math.ceil(debt * 1_000);
  }
}
