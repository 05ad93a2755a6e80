import type { Clock } from '../../base/clock.ts';
import { DENIED_EVENTS_BURST, DENIED_EVENTS_PER_SECOND, TOKEN_MAX_CHARS } from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import type { EventMap } from '../../model/events.ts';
import type { EventPublisher } from '../../model/ports/events.ts';

type Denial = EventMap['security.denied'];

const FIELD_MAX_CHARS = 128;

/**
 * Tells the platform about refusals, and never more of them than it can take: a token bucket stands between an
 * attacker and the event bus. What the bucket holds back is summed up in the log.
 */
export class DenialLog {
  readonly #events: EventPublisher;
  readonly #logger: Logger;
  readonly #clock: Clock;
  #tokens = DENIED_EVENTS_BURST;
  #refilledAt: number;
  #heldBack = 0;

  constructor(options: { readonly events: EventPublisher; readonly logger: Logger; readonly clock: Clock }) {
    this.#events = options.events;
    this.#logger = options.logger;
    this.#clock = options.clock;
    this.#refilledAt = options.clock.monotonic();
  }

  /** `hint`: what would help an honest one, for the log of the server only. */
  denied({ subject, action, resource, address }: Denial, hint?: string): void {
    this.#refill();
    if (this.#tokens < 1) {
      this.#heldBack += 1;
      return;
    }
    this.#tokens -= 1;
    if (this.#heldBack > 0) {
      this.#logger.warn({ count: this.#heldBack }, 'refusals not told one by one');
      this.#heldBack = 0;
    }
    const safeSubject = shortened(subject);
    const denial = { subject: safeSubject, action, resource: shortened(resource), address };
    this.#logger.warn(hint === undefined ? denial : { ...denial, hint }, 'refused');
    this.#events.publish('security.denied', safeSubject, denial);
  }

  #refill(): void {
    const now = this.#clock.monotonic();
    const earned = ((now - this.#refilledAt) / 1_000) * DENIED_EVENTS_PER_SECOND;
    this.#tokens = Math.min(DENIED_EVENTS_BURST, this.#tokens + earned);
    this.#refilledAt = now;
  }
}

/** Tokens end up in the wrong field (as user name, as client id); from there they must not reach log or bus. */
const TOKENS = /(?:sdt|slt)\.[\w.-]*|eyJ[\w-]*\.[\w.-]*/g;

/** The peer chose these words: short, without secrets, and without what would break a log line or a terminal. */
const shortened = (text: string): string =>
  text
    .slice(0, TOKEN_MAX_CHARS)
    .replaceAll(TOKENS, '[token]')
    .slice(0, FIELD_MAX_CHARS)
    .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '\uFFFD');
