/** When a connection is late: with its CONNECT, with a sign of life, with the end of its link. Monotonic milliseconds. */
import { MQTT_CONNECT_TIMEOUT_MS, MQTT_LINGER_MS } from '../../../base/limits.ts';

export class Deadlines {
  readonly #acceptedAt: number;
  #aliveAt: number;
  #closedAt = 0;
  /** Seconds, as CONNECT said; 0 = silence is allowed for ever [3.1.2.10]. */
  keepAliveS = 0;

  constructor(now: number) {
    this.#acceptedAt = now;
    this.#aliveAt = now;
  }

  alive(now: number): void {
    this.#aliveAt = now;
  }

  closed(now: number): void {
    this.#closedAt = now;
  }

  isConnectLate(now: number): boolean {
    return now - this.#acceptedAt > MQTT_CONNECT_TIMEOUT_MS;
  }

  /** One and a half times the keep-alive [MQTT-3.1.2-22]. */
  isSilent(now: number): boolean {
    return this.keepAliveS > 0 && now - this.#aliveAt > this.keepAliveS * 1_500;
  }

  isLinkLate(now: number): boolean {
    return now - this.#closedAt > MQTT_LINGER_MS;
  }
}
