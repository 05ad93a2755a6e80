/**
 * Clients that connect again and again without a pause: over a bound they are refused for a while, before anything is
 * set up for them. Owns the counts, which are bounded in number; it must not know why connections end.
 */
import type { Clock } from '../../base/clock.ts';
import {
  MQTT_FLAPPING_BAN_MS,
  MQTT_FLAPPING_CONNECTS_MAX,
  MQTT_FLAPPING_WINDOW_MS,
  MQTT_SESSIONS_MAX,
} from '../../base/limits.ts';

interface Count {
  connects: number;
  readonly since: number;
  bannedUntil: number;
}

export class Flapping {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #counts = new Map<string, Count>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Counts a connect; false while the client is banned. */
  admits(key: string): boolean {
    const now = this.#clock.monotonic();
    const known = this.#counts.get(key);
    if (known !== undefined && now < known.bannedUntil) return false;
    if (known === undefined || now - known.since > MQTT_FLAPPING_WINDOW_MS) {
      this.#counts.delete(key);
      if (this.#counts.size >= MQTT_SESSIONS_MAX) this.#forget(now);
      // More at once than there may be sessions: the newest go uncounted.
      if (this.#counts.size < MQTT_SESSIONS_MAX)
        this.#counts.set(key, { connects: 1, since: now, bannedUntil: 0 });
      return true;
    }
    known.connects += 1;
    if (known.connects <= MQTT_FLAPPING_CONNECTS_MAX) return true;
    known.bannedUntil = now + MQTT_FLAPPING_BAN_MS;
    return false;
  }

  /** Those whose window and ban are over; in the order they came, so that it ends at the first that is not. */
  sweep(): void {
    this.#forget(this.#clock.monotonic());
  }

  #forget(now: number): void {
    for (const [key, { since, bannedUntil }] of this.#counts) {
      if (now - since <= MQTT_FLAPPING_WINDOW_MS || now < bannedUntil) return;
      this.#counts.delete(key);
    }
  }
}
