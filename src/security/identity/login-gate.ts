import type { Logger } from '../../base/logger.ts';
import { err, type Result } from '../../base/result.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import type { Meter } from '../../model/ports/meter.ts';
import type { DenialLog } from '../audit/denial-log.ts';
import type { Lockout } from './lockout.ts';

/** One attempt to be somebody. `subject` is who it claims to be; without one there is nobody to lock out. */
export interface Attempt {
  readonly protocol: 'mqtt' | 'http';
  readonly action: 'connect' | 'bearer' | 'login';
  readonly address: string;
  readonly subject?: string | undefined;
  /** The first half of an exchange: to get through it is no reason to forgive earlier failures. */
  readonly provesNothing?: boolean;
  /** Why it failed, for the server's own log and nobody else. */
  readonly hint?: () => string | undefined;
}

interface LoginGateOptions {
  readonly lockout: Lockout;
  readonly denials: DenialLog;
  readonly meter: Meter;
  readonly logger: Logger;
  /** Told of each check that could (undefined) or could not be made. */
  readonly onStateFault: (fault: string | undefined) => void;
}

type Answer<T> = Result<T, SensoriumError>;

/**
 * Stands before every check of who somebody is. Promises a lockout after too many wrong secrets, a refusal whenever the
 * check itself fails, and that every refusal is counted and told.
 */
export class LoginGate {
  readonly #options: LoginGateOptions;

  constructor(options: LoginGateOptions) {
    this.#options = options;
  }

  /** `claimed`: who the audit says it was. */
  async run<T>(attempt: Attempt, claimed: string, check: () => Promise<Answer<T>>): Promise<Answer<T>> {
    const { address, subject, provesNothing = false } = attempt;
    const { lockout } = this.#options;
    const waitMs = subject === undefined ? 0 : lockout.lockedForMs(address, subject);
    if (waitMs > 0) {
      const seconds = Math.ceil(waitMs / 1_000);
      return this.#deny(attempt, claimed, problem('auth.locked', `locked for ${seconds} s more`));
    }
    const answer = await this.#checked(check);
    if (!answer.ok) return this.#deny(attempt, claimed, answer.error);
    if (subject !== undefined && !provesNothing) lockout.succeeded(address, subject);
    return answer;
  }

  /** An error on the way is a refusal. */
  async #checked<T>(check: () => Promise<Answer<T>>): Promise<Answer<T>> {
    try {
      const answer = await check();
      this.#options.onStateFault(undefined);
      return answer;
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      this.#options.onStateFault(message);
      this.#options.logger.error({ error: message }, 'credentials cannot be checked; refusing');
      return err(problem('auth.unavailable', 'credentials cannot be checked now', { cause }));
    }
  }

  #deny(attempt: Attempt, claimed: string, error: SensoriumError): { ok: false; error: SensoriumError } {
    const { protocol, action, address, subject, hint } = attempt;
    const { meter, lockout, denials, logger } = this.#options;
    meter.add('iot_auth_failures_total', 1, { protocol, code: error.code });
    // Only a wrong secret is held against the pair: an expired token is an honest client's.
    const counts = subject !== undefined && error.code === 'auth.invalid';
    if (counts && lockout.failed(address, subject) === 'locked') {
      logger.warn({ address, action }, 'locked out after too many failed logins');
    }
    denials.denied({ subject: claimed, action, resource: error.code, address }, hint?.());
    return { ok: false, error };
  }
}
