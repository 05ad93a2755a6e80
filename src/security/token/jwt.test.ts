import { createHmac, generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../base/clock.ts';
import { TOKEN_LIFETIME_S, VERIFIED_TOKENS_MAX } from '../../base/limits.ts';
import { JwtIssuer } from './jwt.ts';

const START_S = 1_800_000_000;
const KEY = Buffer.alloc(32, 42);

describe('JSON Web Tokens', () => {
  let clock: ManualClock;
  let issuer: JwtIssuer;
  beforeEach(() => {
    clock = new ManualClock(START_S * 1_000);
    issuer = new JwtIssuer({ key: KEY, clock });
  });

  const verdict = async (token: string): Promise<string> => {
    const claims = await issuer.verify(token);
    return claims.ok ? 'ok' : claims.error.code;
  };
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const GOOD = {
    role: 'admin',
    iss: 'iot-system',
    aud: 'sensorium',
    sub: 'mia',
    iat: START_S,
    exp: START_S + 60,
  };
  /** A token with any header and claims, signed with our key. */
  const signed = (header: object, claims: object, key: Uint8Array = KEY): string => {
    const head = `${part(header)}.${part(claims)}`;
    return `${head}.${createHmac('sha256', key).update(head).digest('base64url')}`;
  };
  const HEADER = { alg: 'HS256', typ: 'JWT' };

  it('are HS256, of iot-system, for an hour, and come back with their claims', async () => {
    const { token, expiresAt } = await issuer.mint('mia', 'operator', TOKEN_LIFETIME_S);
    const [header, payload] = token.split('.').map((text) => Buffer.from(text, 'base64url').toString());
    expect(JSON.parse(header ?? '')).toEqual(HEADER);
    expect(JSON.parse(payload ?? '')).toEqual({
      role: 'operator',
      iss: 'iot-system',
      aud: 'sensorium',
      sub: 'mia',
      iat: START_S,
      exp: START_S + 3_600,
    });
    expect(expiresAt).toBe((START_S + 3_600) * 1_000);
    expect(await issuer.verify(token)).toMatchObject({
      ok: true,
      value: { subject: 'mia', role: 'operator', expiresAt },
    });
  });

  it('made by hand pass, so that the refusals below are for their one difference', async () => {
    expect(await verdict(signed(HEADER, GOOD))).toBe('ok');
  });

  it.each<[string, object, object]>([
    ['alg none', { alg: 'none', typ: 'JWT' }, GOOD],
    ['alg None', { alg: 'None', typ: 'JWT' }, GOOD],
    ['another HMAC', { alg: 'HS512', typ: 'JWT' }, GOOD],
    ['an asymmetric alg', { alg: 'RS256', typ: 'JWT' }, GOOD],
    ['no alg', { typ: 'JWT' }, GOOD],
    ['another typ', { alg: 'HS256', typ: 'at+jwt' }, GOOD],
    ['no typ', { alg: 'HS256' }, GOOD],
    ['jku', { ...HEADER, jku: 'https://evil.example/keys' }, GOOD],
    ['x5u', { ...HEADER, x5u: 'https://evil.example/cert' }, GOOD],
    ['jwk', { ...HEADER, jwk: { kty: 'oct', k: 'AAAA' } }, GOOD],
    ['kid', { ...HEADER, kid: '../../dev/null' }, GOOD],
    ['an unknown crit', { ...HEADER, crit: ['x'], x: 1 }, GOOD],
    ['an unencoded payload', { ...HEADER, b64: false, crit: ['b64'] }, GOOD],
    ['another issuer', HEADER, { ...GOOD, iss: 'other' }],
    ['no issuer', HEADER, { ...GOOD, iss: undefined }],
    ['another audience', HEADER, { ...GOOD, aud: 'other' }],
    ['no audience', HEADER, { ...GOOD, aud: undefined }],
    ['no subject', HEADER, { ...GOOD, sub: undefined }],
    ['a subject that is no name', HEADER, { ...GOOD, sub: '@admin' }],
    ['a subject with a wildcard', HEADER, { ...GOOD, sub: 'a/#' }],
    ['no expiry', HEADER, { ...GOOD, exp: undefined }],
    ['no time of issue', HEADER, { ...GOOD, iat: undefined }],
    ['an unknown role', HEADER, { ...GOOD, role: 'root' }],
    ['a role of Object', HEADER, { ...GOOD, role: 'constructor' }],
    ['no role', HEADER, { ...GOOD, role: undefined }],
    ['text as expiry', HEADER, { ...GOOD, exp: '9999999999' }],
    ['issued in the future', HEADER, { ...GOOD, iat: START_S + 1 }],
    ['not valid yet', HEADER, { ...GOOD, nbf: START_S + 1 }],
  ])('are refused with %s', async (_what, header, claims) => {
    expect(await verdict(signed(header, claims))).toBe('auth.invalid');
  });

  it('without a signature are refused', async () => {
    expect(await verdict(`${part({ alg: 'none', typ: 'JWT' })}.${part(GOOD)}.`)).toBe('auth.invalid');
    expect(await verdict(`${part(HEADER)}.${part(GOOD)}.`)).toBe('auth.invalid');
    expect(await verdict(`${part(HEADER)}.${part(GOOD)}`)).toBe('auth.invalid');
  });

  it('signed with a public key as the secret, or with another key, are refused', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString();
    expect(await verdict(signed(HEADER, GOOD, Buffer.from(pem)))).toBe('auth.invalid');
    expect(await verdict(signed(HEADER, GOOD, Buffer.alloc(32, 1)))).toBe('auth.invalid');
    const rsa = await new SignJWT(GOOD).setProtectedHeader({ alg: 'RS256', typ: 'JWT' }).sign(privateKey);
    expect(await verdict(rsa)).toBe('auth.invalid');
  });

  it('with one character changed anywhere are refused', async () => {
    const { token } = await issuer.mint('mia', 'viewer', 60);
    for (let i = 0; i < token.length; i += 7) {
      const other = token[i] === 'A' ? 'B' : 'A';
      expect(await verdict(token.slice(0, i) + other + token.slice(i + 1))).toBe('auth.invalid');
    }
  });

  it.each(['', '.', '..', 'a.b.c', 'eyJ', '{}', 'x'.repeat(5_000), '\0.\0.\0', '💥'])(
    'that are %j are refused',
    async (token) => {
      expect(await verdict(token)).toBe('auth.invalid');
    },
  );

  it('hold to the second: good while now < exp and from nbf on, seen before or not', async () => {
    const token = signed(HEADER, { ...GOOD, nbf: START_S + 10, iat: START_S + 10, exp: START_S + 20 });
    clock.jump(9_999);
    expect(await verdict(token)).toBe('auth.invalid');
    clock.jump(1);
    expect(await verdict(token)).toBe('ok');
    clock.jump(9_999);
    expect(await verdict(token)).toBe('ok');
    expect(await new JwtIssuer({ key: KEY, clock }).verify(token)).toMatchObject({ ok: true });
    clock.jump(1);
    expect(await verdict(token)).toBe('auth.expired');
    expect(await new JwtIssuer({ key: KEY, clock }).verify(token)).toMatchObject({ ok: false });
  });

  it('are remembered up to a bound, and judged the same after it', async () => {
    const tokens = Array.from({ length: VERIFIED_TOKENS_MAX + 10 }, (_, i) =>
      signed(HEADER, { ...GOOD, jti: i }),
    );
    for (const token of tokens) expect(await verdict(token)).toBe('ok');
    expect(await verdict(tokens[0] ?? '')).toBe('ok');
    clock.jump(60_000);
    for (const token of [tokens[0], tokens.at(-1)]) expect(await verdict(token ?? '')).toBe('auth.expired');
  });
});
