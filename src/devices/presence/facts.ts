/**
 * What is known of one device, and what its presence is by that: the rules, as a function of facts and monotonic time.
 * Owns no state and knows no clock; wall time has no place here, so that a clock that jumps changes nothing.
 */
import { PRESENCE_LAG_MS, PRESENCE_OVERDUE_FACTOR, PRESENCE_SILENCE_MS } from '../../base/limits.ts';
import type { PresenceReason, PresenceState } from '../../model/presence.ts';

export const NEVER = Number.NEGATIVE_INFINITY;
const NOT_DUE = Number.POSITIVE_INFINITY;

/** All times are monotonic milliseconds; NEVER = not in the life of this process. */
export interface Facts {
  /** Open connections, and those being made ready. */
  readonly links: number;
  readonly handshakes: number;
  readonly linkedAt: number;
  readonly dataAt: number;
  /** Data came since it has a connection. */
  readonly hasReported: boolean;
  /** Why and when its last connection ended. */
  readonly ended: PresenceReason | undefined;
  readonly endedAt: number;
  readonly isRevoked: boolean;
  /** The state of before a restart, which nothing has confirmed yet. */
  readonly kept: Kept | undefined;
  /** 0 = nothing declared. */
  readonly everyMs: number;
  readonly sleeps: boolean;
}

export interface Kept {
  readonly state: PresenceState;
  readonly reason: PresenceReason;
  readonly until: number;
}

export interface Judgement {
  readonly state: PresenceState;
  readonly reason: PresenceReason;
  /** When time alone may change it. */
  readonly dueAt: number;
}

const is = (state: PresenceState, reason: PresenceReason, dueAt = NOT_DUE): Judgement => ({
  state,
  reason,
  dueAt,
});

/** `carrierEndedAt`: when the gateway it hangs on went; undefined = it is there, or there is none. */
export function judge(facts: Facts, now: number, carrierEndedAt: number | undefined): Judgement {
  const { links, isRevoked, handshakes, kept } = facts;
  if (links > 0) return linked(facts, now);
  if (isRevoked) return is('blocked', 'revoked');
  if (handshakes > 0) return is('connecting', 'handshake');
  if (kept !== undefined && now < kept.until) return is(kept.state, kept.reason, kept.until);
  return away(facts, now, carrierEndedAt);
}

function linked(facts: Facts, now: number): Judgement {
  const { hasReported, linkedAt, dataAt } = facts;
  const dueAt = silentFrom(facts, Math.max(linkedAt, dataAt));
  if (now >= dueAt) return is('overdue', 'silent');
  return hasReported ? is('reporting', 'data', dueAt) : is('connected', 'link', dueAt);
}

function away(facts: Facts, now: number, carrierEndedAt: number | undefined): Judgement {
  const { everyMs, sleeps, dataAt, ended, endedAt } = facts;
  const dueAt = silentFrom(facts, Math.max(endedAt, dataAt));
  if (sleeps && everyMs > 0) return now < dueAt ? is('sleeping', 'declared', dueAt) : is('overdue', 'silent');
  if (carrierEndedAt !== undefined && dataAt <= carrierEndedAt) return is('disconnected', 'gateway');
  // What came after its last connection came another way: over HTTP, or through a gateway.
  if (dataAt > endedAt) {
    const until = everyMs > 0 ? dueAt : dataAt + PRESENCE_SILENCE_MS;
    if (now < until) return is('reporting', 'data', until);
    return everyMs > 0 ? is('overdue', 'silent') : is('unknown', 'silent');
  }
  if (ended !== undefined) return is('disconnected', ended);
  return everyMs > 0 ? is('overdue', 'silent') : is('unknown', 'silent');
}

/** From when on a device that was last heard of at `heardAt` is silent for longer than it declared. */
function silentFrom({ everyMs }: Facts, heardAt: number): number {
  return everyMs > 0 ? heardAt + everyMs * PRESENCE_OVERDUE_FACTOR + PRESENCE_LAG_MS : NOT_DUE;
}
