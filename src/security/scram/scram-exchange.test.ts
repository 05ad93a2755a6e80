import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ScramClient } from '../../../test/support/scram-client.ts';
import { LOGIN_FAILURES_MAX, LOGIN_LOCKOUT_MS } from '../../base/limits.ts';
import type { Result } from '../../base/result.ts';
import type { SensoriumError } from '../../model/errors.ts';
import type { AuthExchange, AuthStep, ExchangePeer } from '../../model/ports/security.ts';
import type { StoredCredentials } from '../identity/device-credentials.ts';
import { ADDRESS, codeOf, id, SecurityFixture } from '../security-fixture.case.ts';

type Answer = Result<AuthStep, SensoriumError>;

describe('an exchange by SCRAM-SHA-256', () => {
  let dataDir: string;
  let fx: SecurityFixture;
  // Keys are made once: the tests below do not change them.
  beforeAll(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'sensorium-scram-'));
  });
  afterAll(() => rmSync(dataDir, { recursive: true }));
  beforeEach(async () => {
    fx = await SecurityFixture.started(dataDir);
  });

  function begin(more: Partial<ExchangePeer> = {}): AuthExchange {
    const exchange = fx.security.exchange('SCRAM-SHA-256', { clientId: 'c-1', address: ADDRESS, ...more });
    if (exchange === undefined) throw new Error('the method is not offered');
    return exchange;
  }

  async function serverFirst(exchange: AuthExchange, client: ScramClient): Promise<string> {
    const answer = await exchange.step(Buffer.from(client.first()));
    if (!answer.ok) throw answer.error;
    expect(answer.value.principal).toBeUndefined();
    return Buffer.from(answer.value.data).toString();
  }

  /** Both messages; `change` stands on the way of the last one. */
  async function exchanged(
    user: string,
    secret: string,
    more: Partial<ExchangePeer> & { readonly change?: (final: string) => string } = {},
  ): Promise<Answer> {
    const { change = (final) => final, ...peer } = more;
    const [exchange, client] = [begin(peer), new ScramClient(user, secret)];
    const final = client.final(await serverFirst(exchange, client));
    const answer = await exchange.step(Buffer.from(change(final)));
    if (answer.ok) expect(client.trusts(answer.value.data)).toBe(true);
    return answer;
  }

  it('proves a device by its token, which never travels, and the server to the device', async () => {
    const token = await fx.security.issue(id('a'));
    const answer = await exchanged('a', token);
    expect(answer).toMatchObject({ ok: true, value: { principal: { kind: 'device', id: 'a' } } });
    await fx.restart();
    expect(codeOf(await exchanged('a', token))).toBe('ok');
    expect(codeOf(await fx.connect('a', token))).toBe('ok');
    expect(JSON.stringify([...fx.state.table('credentials').entries()])).not.toContain(token.split('.')[2]);
  });

  it('is offered under its own name only', () => {
    const peer = { clientId: 'c', address: ADDRESS };
    for (const method of ['', 'scram-sha-256', 'SCRAM-SHA-1', 'SCRAM-SHA-256-PLUS', 'PLAIN', '__proto__']) {
      expect(fx.security.exchange(method, peer)).toBeUndefined();
    }
  });

  it('takes any valid token of the device, until they are revoked', async () => {
    const tokens = await Promise.all([fx.security.issue(id('a')), fx.security.issue(id('a'))]);
    for (const token of tokens) expect(codeOf(await exchanged('a', token))).toBe('ok');
    await fx.security.revoke(id('a'));
    for (const token of tokens) expect(codeOf(await exchanged('a', token))).toBe('auth.invalid');
    expect(codeOf(await exchanged('a', await fx.security.issue(id('a'))))).toBe('ok');
  });

  it('refuses a token that is revoked, or a device that is removed, between the two messages', async () => {
    const token = await fx.security.issue(id('a'));
    const [exchange, client] = [begin(), new ScramClient('a', token)];
    const final = client.final(await serverFirst(exchange, client));
    await fx.security.revoke(id('a'));
    expect(codeOf(await exchange.step(Buffer.from(final)))).toBe('auth.invalid');

    const [later, other] = [begin(), new ScramClient('b', await fx.security.issue(id('b')))];
    const last = other.final(await serverFirst(later, other));
    fx.registry.drop('b');
    expect(codeOf(await later.step(Buffer.from(last)))).toBe('auth.invalid');
  });

  it('refuses wrong secrets, the tokens of others, and people', async () => {
    const [token, foreign] = [await fx.security.issue(id('a')), await fx.security.issue(id('b'))];
    const jwt = await fx.security.mint('mia', 'admin');
    for (const [user, secret] of [
      ['a', foreign],
      ['a', token.slice(0, -1)],
      ['a', ''],
      ['b', token],
      ['A', token],
      ['admin', fx.adminPassword],
      ['@admin', fx.adminPassword],
      ['mia', jwt],
      ['__proto__', token],
    ] as const) {
      expect(codeOf(await exchanged(user, secret))).toBe('auth.invalid');
    }
  });

  it('refuses a last message that belongs to another exchange or was changed on the way', async () => {
    const token = await fx.security.issue(id('a'));
    let seen = '';
    await exchanged('a', token, { change: (final) => (seen = final) });
    for (const change of [
      (): string => seen,
      (final: string): string => final.replace('c=biws', 'c=eSws'),
      (final: string): string => final.replace(/r=./, 'r=~'),
      (final: string): string => final.replace(',p=', 'x,p='),
      (final: string): string => final.replace(',p=', ',x=1,p='),
      (final: string): string => final.replace(/r=[^,]*/, 'r=short'),
      (): string => 'n,,n=a,r=abc',
      (): string => '',
    ]) {
      const address = `192.0.2.${change.toString().length}`;
      expect(codeOf(await exchanged('a', token, { change, address }))).toBe('auth.invalid');
    }
  });

  it('holds the client to its header and to the nonce of both, however well it signs something else', async () => {
    const token = await fx.security.issue(id('a'));
    for (const [lies, expected] of [
      [{}, 'ok'],
      [{ header: 'y,,' }, 'auth.invalid'],
      [{ nonce: 'another' }, 'auth.invalid'],
    ] as const) {
      const [exchange, client] = [begin(), new ScramClient('a', token)];
      const final = client.final(await serverFirst(exchange, client), lies);
      expect(codeOf(await exchange.step(Buffer.from(final)))).toBe(expected);
    }
  });

  it('takes a client that could bind channels, and signs what it said of that', async () => {
    const token = await fx.security.issue(id('a'));
    for (const header of ['y,,', 'n,a=a,']) {
      const [exchange, client] = [begin(), new ScramClient('a', token, { header })];
      const final = client.final(await serverFirst(exchange, client));
      expect(codeOf(await exchange.step(Buffer.from(final)))).toBe('ok');
    }
    const client = new ScramClient('a', token, { header: 'p=tls-exporter,,' });
    expect(codeOf(await begin().step(Buffer.from(client.first())))).toBe('auth.invalid');
  });

  it('is over after its end and after the first refusal', async () => {
    const token = await fx.security.issue(id('a'));
    const [exchange, client] = [begin(), new ScramClient('a', token)];
    const final = Buffer.from(client.final(await serverFirst(exchange, client)));
    expect(codeOf(await exchange.step(final))).toBe('ok');
    expect(codeOf(await exchange.step(final))).toBe('auth.invalid');
    const spoiled = begin();
    expect(codeOf(await spoiled.step(Buffer.from('nonsense')))).toBe('auth.invalid');
    expect(codeOf(await spoiled.step(Buffer.from(client.first())))).toBe('auth.invalid');
  });

  it('takes one message at a time: of two last ones only the first is looked at', async () => {
    const [exchange, client] = [begin(), new ScramClient('a', await fx.security.issue(id('a')))];
    const final = client.final(await serverFirst(exchange, client));
    const wrong = final.replace(/p=./, (start) => (start === 'p=A' ? 'p=B' : 'p=A'));
    const answers = await Promise.all([wrong, final].map((text) => exchange.step(Buffer.from(text))));
    expect(answers.map(codeOf)).toEqual(['auth.invalid', 'auth.invalid']);
  });

  describe('does not tell who exists', () => {
    const saltOf = async (user: string): Promise<string> => {
      const client = new ScramClient(user, 'x');
      return /s=([^,]+)/.exec(await serverFirst(begin(), client))?.[1] ?? '';
    };

    it('by the salt, which is each name’s own, the same each time, and outlives tokens and restarts', async () => {
      await fx.security.issue(id('a'));
      const salts = await Promise.all(['a', 'b', 'ghost', 'ghost2'].map(saltOf));
      expect(new Set(salts).size).toBe(4);
      expect(new Set(salts.map((salt) => Buffer.from(salt, 'base64').byteLength))).toEqual(new Set([16]));
      await fx.security.issue(id('a'));
      await fx.security.issue(id('b'));
      fx.registry.put('ghost');
      await fx.restart();
      expect(await Promise.all(['a', 'b', 'ghost', 'ghost2'].map(saltOf))).toEqual(salts);
    });

    it('by the words of the refusal', async () => {
      await fx.security.issue(id('a'));
      const answers = [await exchanged('a', 'x'), await exchanged('b', 'x'), await exchanged('ghost', 'x')];
      const words = answers.map((answer) => (answer.ok ? 'ok' : answer.error.message));
      expect(words).toEqual(Array(3).fill('id or secret is wrong'));
    });
  });

  it('needs a new token where the old one is from before SCRAM', async () => {
    const old = await fx.security.issue(id('a'));
    const table = fx.state.table<StoredCredentials>('credentials');
    const stored = table.get('a');
    if (stored === undefined) throw new Error('nothing stored');
    const tokens = stored.tokens.map(({ hash, createdAt }) => ({ hash, createdAt }));
    await table.put('a', { ...stored, tokens });
    const refusal = await exchanged('a', old);
    expect(refusal.ok ? '' : refusal.error.cure).toContain('sensorium devices credentials');
    expect(codeOf(refusal)).toBe('auth.invalid');
    expect(fx.logged.at(-1)).toContain('token from before SCRAM-SHA-256');
    expect(JSON.stringify(fx.events.denied)).not.toContain('SCRAM');
    expect(codeOf(await fx.connect('a', old))).toBe('ok');
    const fresh = await fx.security.issue(id('a'));
    expect(codeOf(await exchanged('a', fresh))).toBe('ok');
    expect(codeOf(await fx.connect('a', old))).toBe('ok');
  });

  it('holds the client id and the certificate against the name that was proven', async () => {
    const token = await fx.security.issue(id('a'));
    expect(codeOf(await exchanged('a', token, { clientId: 'a' }))).toBe('ok');
    expect(codeOf(await exchanged('a', token, { clientId: 'b' }))).toBe('auth.invalid');
    expect(codeOf(await exchanged('a', token, { clientId: 'a', certificateName: 'a' }))).toBe('ok');
    expect(codeOf(await exchanged('a', token, { clientId: '', certificateName: 'a' }))).toBe('ok');
    expect(codeOf(await exchanged('a', token, { clientId: 'b', certificateName: 'b' }))).toBe('auth.invalid');
    expect(codeOf(await exchanged('a', token, { clientId: '', certificateName: 'ghost' }))).toBe(
      'auth.invalid',
    );
  });

  describe('and lockout', () => {
    it('counts wrong proofs with wrong passwords, and an opened exchange forgives nothing', async () => {
      const token = await fx.security.issue(id('a'));
      for (let i = 0; i < LOGIN_FAILURES_MAX; i += 1) {
        if (i % 2 === 0) await exchanged('a', 'wrong');
        else await fx.connect('a', 'sdt.wrong');
      }
      const first = Buffer.from(new ScramClient('a', token).first());
      expect(codeOf(await begin().step(first))).toBe('auth.locked');
      expect(codeOf(await fx.connect('a', token))).toBe('auth.locked');
      expect(fx.events.denied.at(-1)).toEqual({
        subject: 'a',
        action: 'connect',
        resource: 'auth.locked',
        address: ADDRESS,
      });
      expect(codeOf(await exchanged('a', token, { address: '192.0.2.99' }))).toBe('ok');
      fx.clock.advance(LOGIN_LOCKOUT_MS);
      expect(codeOf(await exchanged('a', token))).toBe('ok');
    });

    it('holds exchanges that were opened before it', async () => {
      const token = await fx.security.issue(id('a'));
      const [exchange, client] = [begin(), new ScramClient('a', token)];
      const final = client.final(await serverFirst(exchange, client));
      for (let i = 0; i < LOGIN_FAILURES_MAX; i += 1) await exchanged('a', 'wrong');
      expect(codeOf(await exchange.step(Buffer.from(final)))).toBe('auth.locked');
    });

    it('does not come from messages that name nobody', async () => {
      for (let i = 0; i < 2 * LOGIN_FAILURES_MAX; i += 1) {
        expect(codeOf(await begin().step(Buffer.from('garbage')))).toBe('auth.invalid');
      }
      expect(codeOf(await exchanged('a', await fx.security.issue(id('a'))))).toBe('ok');
    });
  });

  it('is a no in doubt: the state cannot be read, or security is down or was restarted since', async () => {
    const token = await fx.security.issue(id('a'));
    const [exchange, client] = [begin(), new ScramClient('a', token)];
    const final = Buffer.from(client.final(await serverFirst(exchange, client)));
    fx.state.readFault = new Error('EIO');
    expect(codeOf(await exchange.step(final))).toBe('auth.unavailable');
    fx.state.readFault = undefined;

    const opened = begin();
    await fx.security.stop();
    const first = Buffer.from(new ScramClient('a', token).first());
    expect(codeOf(await opened.step(first))).toBe('auth.unavailable');
    const down = begin();
    expect(codeOf(await down.step(first))).toBe('auth.unavailable');
    await fx.security.start();
    expect(codeOf(await opened.step(first))).toBe('auth.unavailable');
    expect(codeOf(await down.step(first))).toBe('auth.unavailable');
    expect(codeOf(await exchanged('a', token))).toBe('ok');
  });
});
