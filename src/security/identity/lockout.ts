import type { Clock } from '../../base/clock.ts';
import {
  LOGIN_FAILURES_MAX,
  LOGIN_LOCKOUT_MAX_MS,
  LOGIN_LOCKOUT_MS,
  LOGIN_TRACKED_MAX,
} from '../../base/limits.ts';

interface PairRecord {
  failures: number;
  lastFailureAt: number;
  lockedUntil: number;
  /** Lockouts in a row: each lasts twice as long as the one before. */
  lockouts: number;
}

/** What one more failure led to. */
type FailureOutcome = 'counted' | 'locked';

/**
 * Counts failed logins per address and subject and locks the pair out for a while. Keyed by both, so that nobody can
 * lock a device out from elsewhere; bounded, the one longest untouched goes first.
 */
export class Lockout {
  readonly #clock: Clock;
  readonly #records = new Map<string, PairRecord>();

  constructor({ clock }: { readonly clock: Clock }) {
    this.#clock = clock;
  }

  get tracked(): number {
    return this.#records.size;
  }

  /** Milliseconds until this pair may try again; 0 = now. */
  lockedForMs(address: string, subject: string): number {
    const record = this.#records.get(keyOf(address, subject));
    return record === undefined ? 0 : Math.max(0, record.lockedUntil - this.#clock.monotonic());
  }

  failed(address: string, subject: string): FailureOutcome {
    const key = keyOf(address, subject);
    const now = this.#clock.monotonic();
    const record = this.#fresh(key, now);
    record.failures += 1;
    record.lastFailureAt = now;
    this.#records.delete(key);
    this.#records.set(key, record);
    this.#evict();
    if (record.failures < LOGIN_FAILURES_MAX) return 'counted';
    record.lockedUntil = now + Math.min(LOGIN_LOCKOUT_MAX_MS, LOGIN_LOCKOUT_MS * 2 ** record.lockouts);
    record.lockouts += 1;
    record.failures = 0;
    return 'locked';
  }

  succeeded(address: string, subject: string): void {
    if (this.#records.size > 0) this.#records.delete(keyOf(address, subject));
  }

  #fresh(key: string, now: number): PairRecord {
    const record = this.#records.get(key);
    // Left alone for as long as the longest lockout, the past is forgiven.
    if (record !== undefined && now - record.lastFailureAt < 2 * LOGIN_LOCKOUT_MAX_MS) return record;
    return { failures: 0, lastFailureAt: now, lockedUntil: 0, lockouts: 0 };
  }

  #evict(): void {
    if (this.#records.size <= LOGIN_TRACKED_MAX) return;
    const oldest = this.#records.keys().next();
    if (oldest.done !== true) this.#records.delete(oldest.value);
  }
}

/** The subject is the peer's word: cut, so that a record stays small. NUL is in neither part of an honest pair. */
const keyOf = (address: string, subject: string): string =>
  `${address.slice(0, 64)}\0${subject.slice(0, 128)}`;
