import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  DENIED_EVENTS_BURST,
  DEVICE_TOKENS_MAX,
  LOGIN_FAILURES_MAX,
  LOGIN_LOCKOUT_MS,
} from '../../base/limits.ts';
import { ADDRESS, codeOf, id, SecurityFixture } from '../security-fixture.case.ts';

describe('authentication', () => {
  let dataDir: string;
  let fx: SecurityFixture;
  // Keys are made once: the tests below do not change them.
  beforeAll(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'sensorium-security-'));
  });
  afterAll(() => rmSync(dataDir, { recursive: true }));
  beforeEach(async () => {
    fx = await SecurityFixture.started(dataDir);
  });

  describe('devices', () => {
    it('connect with their own token, which survives a restart and is stored as a keyed hash', async () => {
      const token = await fx.security.issue(id('a'));
      expect(await fx.connect('a', token)).toEqual({ ok: true, value: { kind: 'device', id: 'a' } });
      expect(JSON.stringify([...fx.state.table('credentials').entries()])).not.toContain(token.split('.')[2]);
      await fx.restart();
      expect(codeOf(await fx.connect('a', token))).toBe('ok');
      expect(await fx.security.bearer(token, ADDRESS)).toEqual({
        ok: true,
        value: { kind: 'device', id: 'a' },
      });
    });

    it('are refused without credentials, with those of another, or as nobody', async () => {
      const token = await fx.security.issue(id('a'));
      const stolen = await fx.security.issue(id('b'));
      expect(codeOf(await fx.connect(undefined, undefined))).toBe('auth.required');
      expect(codeOf(await fx.connect('a', undefined))).toBe('auth.required');
      expect(codeOf(await fx.connect('a', ''))).toBe('auth.required');
      expect(codeOf(await fx.connect(undefined, token))).toBe('auth.required');
      expect(codeOf(await fx.connect('a', stolen))).toBe('auth.invalid');
      expect(codeOf(await fx.connect('b', token))).toBe('auth.invalid');
      expect(codeOf(await fx.connect('nobody', token))).toBe('auth.invalid');
      expect(codeOf(await fx.connect('a', token.slice(0, -1)))).toBe('auth.invalid');
      expect(codeOf(await fx.connect('', token))).toBe('auth.invalid');
      expect(codeOf(await fx.connect('__proto__', token))).toBe('auth.invalid');
      expect(codeOf(await fx.connect('a', 'x'.repeat(65_535)))).toBe('auth.invalid');
    });

    it('get the same words for an unknown id and for a wrong token', async () => {
      const token = await fx.security.issue(id('a'));
      const [wrong, unknown] = [await fx.connect('b', token), await fx.connect('zzz', token)];
      expect(wrong.ok ? '' : wrong.error.message).toBe(unknown.ok ? '-' : unknown.error.message);
    });

    it('cannot take the client id of another registered device', async () => {
      const token = await fx.security.issue(id('a'));
      expect(codeOf(await fx.connect('a', token, { clientId: 'b' }))).toBe('auth.invalid');
      expect(codeOf(await fx.connect('a', token, { clientId: 'a' }))).toBe('ok');
      expect(codeOf(await fx.connect('a', token, { clientId: 'mqttjs_1' }))).toBe('ok');
    });

    it('with a certificate are who it names, and whatever else they say must agree', async () => {
      const cert = { certificateName: 'a', clientId: 'a' };
      expect(await fx.connect(undefined, undefined, cert)).toEqual({
        ok: true,
        value: { kind: 'device', id: 'a' },
      });
      expect(codeOf(await fx.connect('a', undefined, { ...cert, clientId: '' }))).toBe('ok');
      expect(codeOf(await fx.connect(undefined, undefined, { ...cert, clientId: 'other' }))).toBe(
        'auth.invalid',
      );
      expect(codeOf(await fx.connect('b', undefined, cert))).toBe('auth.invalid');
      expect(codeOf(await fx.connect('b', await fx.security.issue(id('b')), cert))).toBe('auth.invalid');
      for (const name of ['nobody', '', '#', '@admin', 'admin']) {
        expect(
          codeOf(await fx.connect(undefined, undefined, { certificateName: name, clientId: name })),
        ).toBe('auth.invalid');
      }
    });

    it('may have several tokens until they are revoked, and no more than a bound', async () => {
      const tokens = await Promise.all(
        Array.from({ length: DEVICE_TOKENS_MAX }, () => fx.security.issue(id('a'))),
      );
      for (const token of tokens) expect(codeOf(await fx.connect('a', token))).toBe('ok');
      await expect(fx.security.issue(id('a'))).rejects.toMatchObject({ code: 'device.too_many_tokens' });
      await fx.security.revoke(id('a'));
      for (const token of tokens)
        expect(codeOf(await fx.security.bearer(token, '192.0.2.9'))).toMatch(/invalid|locked/);
      expect(codeOf(await fx.connect('a', await fx.security.issue(id('a')), { address: '192.0.2.8' }))).toBe(
        'ok',
      );
    });

    it('get no more tokens than the bound when all are asked for at once', async () => {
      const asked = Array.from({ length: DEVICE_TOKENS_MAX + 3 }, () => fx.security.issue(id('a')));
      const tokens = (await Promise.allSettled(asked)).flatMap((one) =>
        one.status === 'fulfilled' ? [one.value] : [],
      );
      expect(tokens).toHaveLength(DEVICE_TOKENS_MAX);
      for (const token of tokens) expect(codeOf(await fx.connect('a', token))).toBe('ok');
    });

    it('get no token when they are not registered, or not any more when it is made', async () => {
      await expect(fx.security.issue(id('nobody'))).rejects.toMatchObject({ code: 'device.unknown' });
      const issuing = fx.security.issue(id('a'));
      fx.registry.drop('a');
      await expect(issuing).rejects.toMatchObject({ code: 'device.unknown' });
      await fx.security.stop();
      expect(fx.state.table('credentials').count).toBe(0);
    });
  });

  describe('people', () => {
    it('log in with name and password and use the token on both doors', async () => {
      const session = await fx.security.login('admin', fx.adminPassword, ADDRESS);
      if (!session.ok) throw session.error;
      const { token, expiresAt } = session.value;
      const admin = { ok: true, value: { kind: 'user', id: 'admin', role: 'admin', expiresAt } };
      expect(await fx.security.bearer(token, ADDRESS)).toEqual(admin);
      expect(await fx.connect('@admin', token)).toEqual(admin);
      expect(await fx.connect('anything', token)).toEqual(admin);
      expect(codeOf(await fx.connect('@mia', token))).toBe('auth.invalid');
      fx.clock.jump(3_600_000);
      expect(codeOf(await fx.security.bearer(token, ADDRESS))).toBe('auth.expired');
    });

    it('are refused with a wrong name or password, in the same words', async () => {
      const answers = [
        await fx.security.login('admin', 'wrong', '192.0.2.3'),
        await fx.security.login('nobody', fx.adminPassword, '192.0.2.3'),
        await fx.security.login('', '', '192.0.2.3'),
        await fx.security.login('__proto__', 'x', '192.0.2.3'),
        await fx.security.login('admin', `${fx.adminPassword}${'x'.repeat(1_000)}`, '192.0.2.3'),
        await fx.security.login('admin', 'x'.repeat(1_000_000), '192.0.2.3'),
      ];
      expect(new Set(answers.map((answer) => (answer.ok ? 'ok' : answer.error.message))).size).toBe(1);
      expect(answers.map(codeOf)).toEqual(Array(6).fill('auth.invalid'));
    });

    it('cannot make the server check more than a few passwords at once', async () => {
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, i) => fx.security.login(`user-${i}`, 'x', '192.0.2.4')),
      );
      const codes = answers.map(codeOf);
      expect(codes.filter((code) => code === 'request.busy')).toHaveLength(8);
    });

    it('are given tokens for the name, role and time asked, within bounds', async () => {
      const token = await fx.security.mint('grafana', 'viewer', 7_200);
      expect(await fx.security.bearer(token, ADDRESS)).toMatchObject({
        ok: true,
        value: { kind: 'user', id: 'grafana', role: 'viewer' },
      });
      await expect(fx.security.mint('@x', 'viewer')).rejects.toMatchObject({ code: 'request.invalid' });
      await expect(fx.security.mint('x', 'viewer', 0)).rejects.toMatchObject({ code: 'request.invalid' });
      await expect(fx.security.mint('x', 'viewer', 1e9)).rejects.toMatchObject({ code: 'request.invalid' });
      await expect(fx.security.mint('x', 'viewer', 1.5)).rejects.toMatchObject({ code: 'request.invalid' });
    });
  });

  it('takes the local token of this process and of no other', async () => {
    const { localToken } = fx.security;
    expect(await fx.security.bearer(localToken, '127.0.0.1')).toMatchObject({
      ok: true,
      value: { role: 'admin' },
    });
    expect(codeOf(await fx.security.bearer(fx.made().localToken, '127.0.0.1'))).toBe('auth.invalid');
    expect(codeOf(await fx.security.bearer(`${localToken}x`, '127.0.0.1'))).toBe('auth.invalid');
    expect(codeOf(await fx.security.bearer('', '127.0.0.1'))).toBe('auth.required');
    await fx.security.stop();
    await fx.security.start();
    expect(fx.security.localToken).toBe(localToken);
  });

  describe('lockout', () => {
    it('follows ten bad logins, with an audit event, and ends', async () => {
      for (let i = 0; i < LOGIN_FAILURES_MAX; i += 1) {
        expect(codeOf(await fx.security.login('admin', 'wrong', ADDRESS))).toBe('auth.invalid');
      }
      expect(codeOf(await fx.security.login('admin', fx.adminPassword, ADDRESS))).toBe('auth.locked');
      expect(fx.events.denied.at(-1)).toEqual({
        subject: 'admin',
        action: 'login',
        resource: 'auth.locked',
        address: ADDRESS,
      });
      expect(codeOf(await fx.security.login('admin', fx.adminPassword, '192.0.2.77'))).toBe('ok');
      fx.clock.advance(LOGIN_LOCKOUT_MS);
      expect(codeOf(await fx.security.login('admin', fx.adminPassword, ADDRESS))).toBe('ok');
    });

    it('covers MQTT and HTTP of a device together, and leaves its neighbour behind the same address alone', async () => {
      const [good, other] = [await fx.security.issue(id('a')), await fx.security.issue(id('b'))];
      const bad = good.slice(0, -2) + (good.endsWith('AA') ? 'BB' : 'AA');
      for (let i = 0; i < LOGIN_FAILURES_MAX / 2; i += 1) {
        await fx.connect('a', bad);
        await fx.security.bearer(bad, ADDRESS);
      }
      expect(codeOf(await fx.connect('a', good))).toBe('auth.locked');
      expect(codeOf(await fx.security.bearer(good, ADDRESS))).toBe('auth.locked');
      expect(codeOf(await fx.connect('b', other))).toBe('ok');
      expect(codeOf(await fx.connect('a', good, { address: '192.0.2.55' }))).toBe('ok');
    });

    it('is not caused by expired tokens or by bearers that name nobody', async () => {
      const old = await fx.security.mint('mia', 'viewer', 1);
      fx.clock.jump(5_000);
      const fresh = await fx.security.mint('mia', 'viewer');
      for (let i = 0; i < 2 * LOGIN_FAILURES_MAX; i += 1) {
        expect(codeOf(await fx.connect('@mia', old))).toBe('auth.expired');
        await fx.security.bearer('garbage', ADDRESS);
      }
      expect(codeOf(await fx.connect('@mia', fresh))).toBe('ok');
      expect(codeOf(await fx.security.bearer(fresh, ADDRESS))).toBe('ok');
    });

    it('tells no token that stood in the wrong field', async () => {
      const [token, jwt] = [await fx.security.issue(id('a')), await fx.security.mint('mia', 'viewer')];
      await fx.connect(token, 'x');
      await fx.connect(undefined, undefined, { clientId: `client ${jwt}` });
      await fx.security.login(fx.security.localToken, 'x', ADDRESS);
      const told = JSON.stringify(fx.events.denied);
      expect(fx.events.denied).toHaveLength(3);
      for (const secret of [token, jwt, fx.security.localToken]) {
        expect(told).not.toContain(secret.split('.').at(-1));
      }
    });

    it('does not let a flood of refusals become a flood of events', async () => {
      for (let i = 0; i < 500; i += 1) await fx.connect(`ghost-${i}\u001b[2J`, 'sdt.x');
      expect(fx.events.denied).toHaveLength(DENIED_EVENTS_BURST);
      expect(fx.events.denied[0]?.subject).toBe('ghost-0\uFFFD[2J');
      fx.clock.advance(1_000);
      for (let i = 0; i < 500; i += 1) await fx.connect('ghost', 'sdt.x');
      expect(fx.events.denied.length).toBeGreaterThan(DENIED_EVENTS_BURST);
      expect(fx.events.denied.length).toBeLessThan(2 * DENIED_EVENTS_BURST);
    });
  });
});
