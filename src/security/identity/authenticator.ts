import { createHash, timingSafeEqual } from 'node:crypto';
import { TOKEN_LIFETIME_S, TOKEN_MAX_CHARS } from '../../base/limits.ts';
import type { Random } from '../../base/random.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import { isDeviceId } from '../../model/ids.ts';
import type { Registry } from '../../model/ports/registry.ts';
import type {
  AuthExchange,
  Authenticator,
  ConnectCredentials,
  ExchangePeer,
  Principal,
} from '../../model/ports/security.ts';
import { SCRAM_METHOD, type ScramDirectory, ScramExchange } from '../scram/scram-exchange.ts';
import { deviceOfToken, looksLikeDeviceToken } from '../token/device-token.ts';
import type { JwtIssuer } from '../token/jwt.ts';
import type { DeviceCredentials } from './device-credentials.ts';
import type { Attempt, LoginGate } from './login-gate.ts';
import type { UserBook } from './user-book.ts';

interface TokenAuthenticatorOptions {
  readonly registry: Pick<Registry, 'get'>;
  readonly credentials: DeviceCredentials;
  readonly users: UserBook;
  readonly jwt: JwtIssuer;
  readonly gate: LoginGate;
  readonly localToken: string;
  readonly random: Random;
}

type Answer<T> = Result<T, SensoriumError>;

/**
 * Finds out who is on the other side. Promises the same answer for an unknown name and a wrong secret; every check
 * passes the gate, which counts, locks out and refuses in doubt.
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
    return this.#options.gate.run(attempt, claimed, () => this.#identify(credentials));
  }

  exchange(method: string, peer: ExchangePeer): AuthExchange | undefined {
    if (method !== SCRAM_METHOD) return undefined;
    const { gate, random } = this.#options;
    return new ScramExchange({ directory: this.#scramDirectory(peer), gate, peer, random });
  }

  bearer(token: string, address: string): Promise<Answer<Principal>> {
    const device = looksLikeDeviceToken(token) ? deviceOfToken(token) : undefined;
    // A token that names nobody counts, but locks nobody out: behind one address there may be a thousand honest ones.
    const attempt: Attempt = { protocol: 'http', action: 'bearer', address, subject: device };
    return this.#options.gate.run(attempt, device ?? '', async () => {
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
    return this.#options.gate.run(attempt, name, async () => {
      const user = await this.#options.users.check(name, password);
      if (!user.ok) return user;
      return ok(await this.#options.jwt.mint(user.value.name, user.value.role, TOKEN_LIFETIME_S));
    });
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

  /** Devices only: of people's passwords there is an argon2id hash, from which SCRAM keys cannot be made. */
  #scramDirectory(peer: ExchangePeer): ScramDirectory {
    const { registry, credentials } = this.#options;
    const { certificateName, clientId } = peer;
    return {
      salt: (user) => credentials.scramSalt(user),
      keys: (user) => credentials.scramKeys(registry.get(user)),
      hint: (user) => credentials.scramHint(registry.get(user)),
      principal: (user) => {
        const found =
          certificateName === undefined
            ? this.#named(user, clientId)
            : this.#certificate(certificateName, { username: user, clientId });
        return found.ok ? found.value : undefined;
      },
    };
  }

  /** The name in the certificate is the device; whatever else the client says must agree. */
  #certificate(
    name: string,
    { username, clientId }: Pick<ConnectCredentials, 'username' | 'clientId'>,
  ): Answer<Principal> {
    const agrees = (username ?? name) === name && (clientId === '' || clientId === name);
    if (!agrees || !isDeviceId(name) || this.#options.registry.get(name) === undefined) return err(refused());
    return ok({ kind: 'device', id: name });
  }

  #deviceConnect(username: string, token: string, clientId: string): Answer<Principal> {
    const device = this.#device(username, token);
    return device.ok ? this.#named(username, clientId) : device;
  }

  /** A registered device under a client id that may be its own. */
  #named(username: string, clientId: string): Answer<Principal> {
    const { registry } = this.#options;
    // The client id of another registered device would take over that device's session.
    const foreign = clientId !== username && registry.get(clientId) !== undefined;
    const device = registry.get(username);
    return foreign || device === undefined ? err(refused()) : ok({ kind: 'device', id: device.id });
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
