import { createHash, createSecretKey, type KeyObject } from 'node:crypto';
import type { JWTPayload, JWTVerifyResult } from 'jose';
import type { Clock } from '../../base/clock.ts';
import { TOKEN_CLOCK_SKEW_S, TOKEN_MAX_CHARS, VERIFIED_TOKENS_MAX } from '../../base/limits.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import { ROLES, type Role } from '../../model/ports/security.ts';

const ISSUER = 'iot-system';
const AUDIENCE = 'sensorium';
const TYPE = 'JWT';
const ALGORITHM = 'HS256';
/** A header of ours has these and nothing else; jwk, jku, x5u, x5c, kid and crit are somebody's try [RFC 8725, 3.10]. */
const HEADER_FIELDS: ReadonlySet<string> = new Set(['alg', 'typ']);

const USER_NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
/** User names are written like device ids; on topics and in logs they get an `@` in front. */
export const isUserName = (name: string): boolean => USER_NAME.test(name);

interface Claims {
  readonly subject: string;
  readonly role: Role;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Claims whose signature was checked before. Their times are checked each time. */
interface Verified extends Claims {
  readonly notBefore: number;
}

/** jose takes 30 ms and 16 MB to load; a server that only sees device tokens never does. */
const loadJose = (): Promise<typeof import('jose')> => import('jose');

/**
 * JSON Web Tokens of people and services, signed and read with one symmetric key. The algorithm belongs to the key: the
 * token's header is compared with it and never chooses it [RFC 8725, 3.1].
 */
export class JwtIssuer {
  readonly #key: KeyObject;
  readonly #clock: Clock;
  /** By hash of the token: a signature check takes 100 µs and a thread that the log's commits need, too. */
  readonly #verified = new Map<string, Verified>();

  constructor({ key, clock }: { readonly key: Uint8Array; readonly clock: Clock }) {
    this.#key = createSecretKey(key);
    this.#clock = clock;
  }

  async mint(
    subject: string,
    role: Role,
    lifetimeS: number,
  ): Promise<{ readonly token: string; readonly expiresAt: number }> {
    const { SignJWT } = await loadJose();
    const issuedAt = Math.floor(this.#clock.now() / 1_000);
    const expiresAt = issuedAt + lifetimeS;
    const token = await new SignJWT({ role })
      .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(subject)
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt)
      .sign(this.#key);
    return { token, expiresAt: expiresAt * 1_000 };
  }

  /**
   * The claims of a token of ours, else auth.invalid or auth.expired. A token is good from `nbf` (and `iat`) on and
   * while now < `exp`, in whole seconds of the server's clock, without tolerance: who issues also reads.
   */
  async verify(token: string): Promise<Result<Claims, SensoriumError>> {
    if (token.length > TOKEN_MAX_CHARS) return err(invalid('it is too long'));
    const id = createHash('sha256').update(token).digest('base64');
    const known = this.#verified.get(id);
    if (known !== undefined) return this.#inTime(known);
    const { errors, jwtVerify } = await loadJose();
    try {
      const verified = await jwtVerify(token, this.#key, {
        algorithms: [ALGORITHM],
        issuer: ISSUER,
        audience: AUDIENCE,
        typ: TYPE,
        requiredClaims: ['sub', 'iat', 'exp'],
        clockTolerance: TOKEN_CLOCK_SKEW_S,
        currentDate: new Date(this.#clock.now()),
      });
      return this.#accepted(id, verified);
    } catch (cause) {
      if (cause instanceof errors.JWTExpired) return err(expired());
      return err(invalid('it is not one of ours'));
    }
  }

  #accepted(id: string, { protectedHeader, payload }: JWTVerifyResult): Result<Claims, SensoriumError> {
    if (Object.keys(protectedHeader).some((field) => !HEADER_FIELDS.has(field))) {
      return err(invalid('its header has a field that we do not use'));
    }
    const claims = readClaims(payload);
    if (claims === undefined) return err(invalid('a claim is missing or wrong'));
    const answer = this.#inTime(claims);
    if (answer.ok) this.#remember(id, claims);
    return answer;
  }

  #inTime(claims: Verified): Result<Claims, SensoriumError> {
    const now = Math.floor(this.#clock.now() / 1_000) * 1_000;
    const skew = TOKEN_CLOCK_SKEW_S * 1_000;
    if (now >= claims.expiresAt + skew) return err(expired());
    return now + skew < claims.notBefore ? err(invalid('it is not valid yet')) : ok(claims);
  }

  #remember(id: string, claims: Verified): void {
    this.#verified.set(id, claims);
    if (this.#verified.size <= VERIFIED_TOKENS_MAX) return;
    const oldest = this.#verified.keys().next();
    if (oldest.done !== true) this.#verified.delete(oldest.value);
  }
}

const invalid = (why: string): SensoriumError => problem('auth.invalid', `the token is not valid: ${why}`);
const expired = (): SensoriumError => problem('auth.expired', 'the token has expired');

function readClaims({ sub, iat, exp, nbf, role }: JWTPayload): Verified | undefined {
  const known = ROLES.find((candidate) => candidate === role);
  if (known === undefined || sub === undefined || !isUserName(sub)) return undefined;
  if (exp === undefined || iat === undefined) return undefined;
  const notBefore = Math.max(iat, nbf ?? iat) * 1_000;
  return { subject: sub, role: known, expiresAt: exp * 1_000, notBefore };
}
