import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MemoryStateStore } from '../../test/support/memory-state.ts';
import { API_ACTIONS, type Principal, ROLES } from '../model/ports/security.ts';
import { ADDRESS, codeOf, id, SecurityFixture } from './security-fixture.case.ts';

describe('the security manager', () => {
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

  describe('first start', () => {
    it('makes an admin with a random password, tells it once, and keeps only an argon2id hash', async () => {
      expect(fx.adminPassword).toMatch(/^([a-z2-9]{5}-){4}[a-z2-9]{5}$/);
      const stored = JSON.stringify([...fx.state.table('users').entries()]);
      expect(stored).toContain('$argon2id$v=19$m=19456,t=2,p=1$');
      expect(stored).not.toContain(fx.adminPassword);
      const again = fx.made();
      await again.start();
      expect(again.firstStart).toBeUndefined();
      expect(codeOf(await again.login('admin', fx.adminPassword, ADDRESS))).toBe('ok');
      fx.state = new MemoryStateStore();
      const other = fx.made();
      await other.start();
      expect(other.firstStart?.adminPassword).not.toBe(fx.adminPassword);
    });
  });

  describe('revocation', () => {
    it('refuses from its first moment, ends sessions once it is on disk, and lasts over a restart', async () => {
      const told: string[] = [];
      const off = fx.security.onRevoked((principal) => told.push(principal));
      const token = await fx.security.issue(id('a'));
      const revoking = fx.security.revoke(id('a'));
      expect(codeOf(await fx.connect('a', token))).toBe('auth.invalid');
      expect(told).toEqual([]);
      await revoking;
      expect(told).toEqual(['device:a']);
      expect(fx.events.types).toContain('security.revoked a');
      await fx.restart();
      expect(codeOf(await fx.security.bearer(token, ADDRESS))).toBe('auth.invalid');
      off();
    });

    it('is not claimed when the disk refuses it', async () => {
      const told: string[] = [];
      fx.security.onRevoked((principal) => told.push(principal));
      const token = await fx.security.issue(id('a'));
      fx.state.writeFault = new Error('EIO');
      await expect(fx.security.revoke(id('a'))).rejects.toThrow('EIO');
      await expect(fx.security.issue(id('a'))).rejects.toThrow('EIO');
      expect(told).toEqual([]);
      fx.state.writeFault = undefined;
      expect(codeOf(await fx.connect('a', token))).toBe('ok');
    });

    it('comes with the removal of the device, and its tokens do not come back with its id', async () => {
      const told: string[] = [];
      fx.security.onRevoked((principal) => told.push(principal));
      const token = await fx.security.issue(id('a'));
      fx.state.writeFault = new Error('crash before the credentials are gone');
      fx.registry.drop('a');
      expect(told).toEqual(['device:a']);
      expect(codeOf(await fx.connect('a', token))).toBe('auth.invalid');
      await fx.security.stop();
      fx.state.writeFault = undefined;
      fx.registry.put('a', { createdAt: 2 });
      await fx.restart();
      expect(codeOf(await fx.connect('a', token))).toBe('auth.invalid');
      expect(codeOf(await fx.connect('a', await fx.security.issue(id('a'))))).toBe('ok');
      expect(codeOf(await fx.connect('a', token))).toBe('auth.invalid');
    });

    it('forgets the credentials of a removed device', async () => {
      await fx.security.issue(id('a'));
      fx.registry.drop('a');
      await fx.security.stop();
      expect(fx.state.table('credentials').count).toBe(0);
    });

    it('reaches sessions whose device was removed or changed while fx.security was down', async () => {
      const told: string[] = [];
      fx.security.onRevoked((principal) => told.push(`revoked ${principal}`));
      fx.security.onPolicyChanged((principal) => told.push(`changed ${principal}`));
      for (const name of ['a', 'b']) fx.security.topics({ kind: 'device', id: id(name) });
      await fx.security.stop();
      fx.registry.drop('a');
      fx.registry.put('b', { gateway: true });
      await fx.security.start();
      expect(told).toEqual(['revoked device:a', 'changed device:b']);
    });
  });

  describe('rights', () => {
    const user = (role: (typeof ROLES)[number]): Principal => ({ kind: 'user', id: 'mia', role });

    it('of roles: admins everything, operators all but tokens, viewers what reads', () => {
      for (const action of API_ACTIONS) {
        expect(fx.security.allows(user('admin'), action, 'a')).toBe(true);
        expect(fx.security.allows(user('operator'), action)).toBe(action !== 'tokens.write');
        expect(fx.security.allows(user('viewer'), action)).toBe(action.endsWith('.read'));
      }
      const loose: { allows(principal: unknown, action: string): boolean } = fx.security;
      expect(loose.allows({ kind: 'user', id: 'x', role: 'root' }, 'devices.read')).toBe(false);
      expect(loose.allows({ kind: 'user', id: 'x', role: 'constructor' }, 'devices.read')).toBe(false);
      expect(loose.allows(user('admin'), 'everything')).toBe(false);
    });

    it('of a device: itself and its children, telemetry, what it reports and reading, nothing else', () => {
      fx.registry.put('gw', { gateway: true });
      fx.registry.put('child', { parent: id('gw') });
      fx.registry.put('grandchild', { parent: id('child') });
      const gateway: Principal = { kind: 'device', id: id('gw') };
      const mine = API_ACTIONS.filter((action) => fx.security.allows(gateway, action, 'gw'));
      expect(mine).toEqual(['devices.read', 'telemetry.read', 'telemetry.write', 'twin.read', 'twin.report']);
      expect(fx.security.allows(gateway, 'telemetry.write', 'child')).toBe(true);
      expect(fx.security.allows(gateway, 'telemetry.write', 'grandchild')).toBe(false);
      expect(fx.security.allows(gateway, 'telemetry.write', 'a')).toBe(false);
      expect(fx.security.allows(gateway, 'telemetry.read')).toBe(false);
      expect(fx.security.allows({ kind: 'device', id: id('child') }, 'telemetry.read', 'gw')).toBe(false);
      expect(fx.security.allows({ kind: 'device', id: id('ghost') }, 'telemetry.read', 'ghost')).toBe(false);
    });

    it('are compiled from the fx.registry and told when they change, and only then', () => {
      const told: string[] = [];
      fx.security.onPolicyChanged((principal) => told.push(principal));
      const principal: Principal = { kind: 'device', id: id('a') };
      expect(fx.security.topics(principal).mayPublish('v1/a/children/x/telemetry')).toBe(false);
      fx.registry.put('a', { attributes: { fw: '2' }, name: 'other', version: 2 });
      expect(told).toEqual([]);
      fx.registry.put('a', { gateway: true, version: 3 });
      expect(told).toEqual(['device:a']);
      expect(fx.security.topics(principal).mayPublish('v1/a/children/x/telemetry')).toBe(true);
      fx.registry.put('a', { gateway: true, version: 4 });
      expect(told).toEqual(['device:a']);
    });

    it('refuse and tell what a device asks for on topics of others', () => {
      const policy = fx.security.topics({ kind: 'device', id: id('a') }, ADDRESS);
      expect(policy.mayPublish('v1/b/telemetry')).toBe(false);
      expect(policy.maySubscribe('#')).toBe(false);
      expect(policy.mayReceive('v1/b/telemetry')).toBe(false);
      expect(fx.events.denied).toEqual([
        { subject: 'a', action: 'publish', resource: 'v1/b/telemetry', address: ADDRESS },
        { subject: 'a', action: 'subscribe', resource: '#', address: ADDRESS },
      ]);
      expect(fx.security.topics({ kind: 'device', id: id('ghost') }).mayPublish('v1/ghost/telemetry')).toBe(
        false,
      );
    });
  });

  describe('doubt is a no', () => {
    it('when the fx.state cannot be read', async () => {
      const token = await fx.security.issue(id('a'));
      fx.state.readFault = new Error('EIO');
      expect(codeOf(await fx.connect('a', token))).toBe('auth.unavailable');
      expect(codeOf(await fx.security.bearer(token, ADDRESS))).toBe('auth.unavailable');
      expect(codeOf(await fx.security.login('admin', fx.adminPassword, ADDRESS))).toBe('auth.unavailable');
      expect(fx.security.health()).toMatchObject({ status: 'degraded' });
      fx.state.readFault = undefined;
      expect(codeOf(await fx.connect('a', token))).toBe('ok');
      expect(fx.security.health().status).toBe('up');
    });

    it('when the fx.registry throws', () => {
      const policy = (): boolean =>
        fx.security.topics({ kind: 'device', id: id('a') }).mayPublish('v1/a/telemetry');
      expect(policy()).toBe(true);
      fx.registry.get = () => {
        throw new Error('bug');
      };
      expect(policy()).toBe(false);
      expect(fx.security.allows({ kind: 'device', id: id('a') }, 'telemetry.write', 'a')).toBe(false);
    });

    it('while it is stopped, for policies compiled before, too', async () => {
      const token = await fx.security.issue(id('a'));
      const principal: Principal = { kind: 'device', id: id('a') };
      const policy = fx.security.topics(principal);
      expect(policy.mayPublish('v1/a/telemetry')).toBe(true);
      await fx.security.stop();
      await fx.security.stop();
      expect(fx.security.health().status).toBe('down');
      expect(policy.mayPublish('v1/a/telemetry')).toBe(false);
      expect(policy.maySubscribe('v1/a/commands/#')).toBe(false);
      expect(policy.mayReceive('v1/a/commands/x/1')).toBe(false);
      expect(fx.security.allows({ kind: 'user', id: 'x', role: 'admin' }, 'devices.read')).toBe(false);
      expect(codeOf(await fx.connect('a', token))).toBe('auth.unavailable');
      expect(codeOf(await fx.security.bearer(fx.security.localToken, ADDRESS))).toBe('auth.unavailable');
      expect(codeOf(await fx.security.login('admin', fx.adminPassword, ADDRESS))).toBe('auth.unavailable');
      await expect(fx.security.issue(id('a'))).rejects.toMatchObject({ code: 'auth.unavailable' });
      await expect(fx.security.mint('x', 'admin')).rejects.toMatchObject({ code: 'auth.unavailable' });
      await fx.security.start();
      expect(policy.mayPublish('v1/a/telemetry')).toBe(true);
      expect(codeOf(await fx.connect('a', token))).toBe('ok');
    });
  });

  it('says in its health when certificates are about to expire', () => {
    expect(fx.security.health().status).toBe('up');
    fx.clock.jump(390 * 86_400_000);
    expect(fx.security.health()).toMatchObject({ status: 'degraded' });
    expect(fx.security.health().reasons.join()).toContain('certificate');
  });

  it('goes on telling when one listener throws', async () => {
    const told: string[] = [];
    fx.security.onRevoked(() => {
      throw new Error('listener bug');
    });
    fx.security.onRevoked((principal) => told.push(principal));
    await fx.security.revoke(id('a'));
    expect(told).toEqual(['device:a']);
  });
});
