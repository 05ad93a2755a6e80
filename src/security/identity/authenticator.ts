import { createHash, timingSafeEqual } from 'node:crypto';
import { TOKEN_LIFETIME_S, TOKEN_MAX_CHARS } from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { problem, SensoriumError } from '../../model/errors.ts';
import { isDeviceId } from '../../model/ids.ts';
import type { Meter } from '../../model/ports/meter.ts';
import type { Registry } from '../../model/ports/registry.ts';
import type { Authenticator, ConnectCredentials, Principal } from '../../model/ports/security.ts';
import type { DenialLog } from '../audit/denial-log.ts';
import { deviceOfToken, looksLikeDeviceToken } from '../token/device-token.ts';
import type { JwtIssuer } from '../token/jwt.ts';
import type { DeviceCredentials } from './device-credentials.ts';
import type { Lockout } from './lockout.ts';
import type { UserBook } from './user-book.ts';

interface TokenAuthenticatorOptions {
  readonly registry: Pick<Registry, 'get'>;
  readonly credentials: DeviceCredentials;
  readonly users: UserBook;
  readonly jwt: JwtIssuer;
  readonly lockout: Lockout;
  readonly denials: DenialLog;
  readonly localToken: string;
  readonly meter: Meter;
  readonly logger: Logger;
  /** Told of each check that could (undefined) or could not be made. */
  readonly onStateFault: (fault: string | undefined) => void;
}

/** One attempt to be somebody. `subject` is who it claims to be; without one there is nobody to lock out. */
interface Attempt {
  readonly protocol: 'mqtt' | 'http';
  readonly action: 'connect' | 'bearer' | 'login';
  readonly address: string;
  readonly subject?: string | undefined;
}

type Answer<T> = Result<T, SensoriumError>;

/**
 * Finds out who is on the other side. Promises the same answer for an unknown name and a wrong secret, a lockout after
 * too many of them, and a refusal whenever the check itself fails.
 */
export class TokenAuthenticator implements Authenticator {
  readonly #options: TokenAuthenticatorOptions;
  readonly #localTokenHash: Buffer;

  constructor(options: TokenAuthenticatorOptions) {
    this.#options = options;
    this.#localTokenHash = sha256(options.localToken);
  }

  connect(credentials: ConnectCredentials): Promise<Answer<Principal>> {
    const { address, certificateName, username, clientId } = credentials;
    // A certificate cannot be guessed, so it is never locked out.
    const subject = certificateName === undefined ? username : undefined;
    const attempt: Attempt = { protocol: 'mqtt', action: 'connect', address, subject };
    const claimed = certificateName ?? username ?? clientId;
    return this.#attempt(attempt, claimed, () => this.#identify(credentials));
  }

  bearer(token: string, address: string): Promise<Answer<Principal>> {
    const device = looksLikeDeviceToken(token) ? deviceOfToken(token) : undefined;
    // A token that names nobody counts, but locks nobody out: behind one address there may be a thousand honest ones.
    const attempt: Attempt = { protocol: 'http', action: 'bearer', address, subject: device };
    return this.#attempt(attempt, device ?? '', async () => {
      if (token === '') return err(problem('auth.required', 'no bearer token'));
      if (token.length > TOKEN_MAX_CHARS) return err(refused());
      if (device !== undefined) return this.#device(device, token);
      if (timingSafeEqual(sha256(token), this.#localTokenHash)) {
        return ok({ kind: 'user', id: 'local', role: 'admin' });
      }
      return this.#user(token);
    });
  }

  login(
    name: string,
    password: string,
    address: string,
  ): Promise<Answer<{ readonly token: string; readonly expiresAt: number }>> {
    const attempt: Attempt = { protocol: 'http', action: 'login', address, subject: `@${name}` };
    return this.#attempt(attempt, name, async () => {
      const user = await this.#options.users.check(name, password);
      if (!user.ok) return user;
      return ok(await this.#options.jwt.mint(user.value.name, user.value.role, TOKEN_LIFETIME_S));
    });
  }

  async #attempt<T>(attempt: Attempt, claimed: string, check: () => Promise<Answer<T>>): Promise<Answer<T>> {
    const { address, subject } = attempt;
    const { lockout } = this.#options;
    const waitMs = subject === undefined ? 0 : lockout.lockedForMs(address, subject);
    if (waitMs > 0) {
      const seconds = Math.ceil(waitMs / 1_000);
      return this.#deny(attempt, claimed, problem('auth.locked', `locked for ${seconds} s more`));
    }
    const answer = await this.#checked(check);
    if (!answer.ok) return this.#deny(attempt, claimed, answer.error);
    if (subject !== undefined) lockout.succeeded(address, subject);
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
    const { protocol, action, address, subject } = attempt;
    const { meter, lockout, denials, logger } = this.#options;
    meter.add('iot_auth_failures_total', 1, { protocol, code: error.code });
    // Only a wrong secret is held against the pair: an expired token is an honest client's.
    const counts = subject !== undefined && error.code === 'auth.invalid';
    if (counts && lockout.failed(address, subject) === 'locked') {
      logger.warn({ address, action }, 'locked out after too many failed logins');
    }
    denials.denied({ subject: claimed, action, resource: error.code, address });
    return { ok: false, error };
  }

  async #identify(credentials: ConnectCredentials): Promise<Answer<Principal>> {
    const { username, password, certificateName } = credentials;
    if (certificateName !== undefined) return this.#certificate(certificateName, credentials);
    if (username === undefined || password === undefined || password.byteLength === 0) {
      return err(problem('auth.required', 'user name and password are needed'));
    }
    if (password.byteLength > TOKEN_MAX_CHARS) return err(refused());
    const secret = Buffer.from(password.buffer, password.byteOffset, password.byteLength).toString('utf8');
    if (looksLikeDeviceToken(secret)) return this.#deviceConnect(username, secret, credentials.clientId);
    const user = await this.#user(secret);
    if (user.ok && username.startsWith('@') && username !== `@${user.value.id}`) return err(refused());
    return user;
  }

  /** The name in the certificate is the device; whatever else the client says must agree. */
  #certificate(name: string, { username, clientId }: ConnectCredentials): Answer<Principal> {
    const agrees = (username ?? name) === name && (clientId === '' || clientId === name);
    if (!agrees || !isDeviceId(name) || this.#options.registry.get(name) === undefined) return err(refused());
    return ok({ kind: 'device', id: name });
  }

  #deviceConnect(username: string, token: string, clientId: string): Answer<Principal> {
    // The client id of another registered device would take over that device's session.
    const foreign = clientId !== username && this.#options.registry.get(clientId) !== undefined;
    return foreign ? err(refused()) : this.#device(username, token);
  }

  #device(id: string, token: string): Answer<Principal> {
    const device = this.#options.registry.get(id);
    const right = this.#options.credentials.verify(device, token);
    return right && device !== undefined ? ok({ kind: 'device', id: device.id }) : err(refused());
  }

  async #user(token: string): Promise<Answer<Principal>> {
    const claims = await this.#options.jwt.verify(token);
    if (!claims.ok) return claims;
    const { subject, role, expiresAt } = claims.value;
    return ok({ kind: 'user', id: subject, role, expiresAt });
  }
}

/** One sentence for every reason: it does not tell which part was wrong. */
const refused = (): SensoriumError => problem('auth.invalid', 'id or secret is wrong');

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();
