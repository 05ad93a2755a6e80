import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ScramClient } from '../../../../test/support/scram-client.ts';
import type { Principal } from '../../../model/ports/security.ts';
import { id, SecurityFixture } from '../../../security/security-fixture.case.ts';
import type { ConnectPacket } from '../codec/connect.ts';
import { type Fault, isFault, REASON } from '../codec/reason.ts';
import { SILENT } from '../codec/test-packets.ts';
import { FakeSecurity } from '../test-support.ts';
import { Handshake, type Step } from './handshake.ts';

const SCRAM = 'SCRAM-SHA-256';
const PEER = { address: '192.0.2.9', certificateName: undefined };
const DEVICE: Principal = { kind: 'device', id: id('d1') };

const packet = (more: Partial<ConnectPacket> = {}): ConnectPacket => ({
  version: 5,
  clientId: 'c',
  clean: true,
  keepAliveS: 0,
  username: undefined,
  password: undefined,
  will: undefined,
  ...SILENT,
  ...more,
});
const bytes = (text: string): Buffer => Buffer.from(text);
const verdict = (step: Step | Fault): string =>
  isFault(step) ? step.fault.toString(16) : (step.principal?.id ?? 'goes on');
const dataOf = (step: Step | Fault): Uint8Array => {
  if (isFault(step) || step.data === undefined) throw new Error('nothing for the client');
  return step.data;
};

describe('by user name and password', () => {
  const begin = async (security: FakeSecurity, password: string): Promise<string> =>
    verdict(await new Handshake(security, PEER).begin(packet({ username: 'd1', password: bytes(password) })));

  it('hands on all that is known, and takes the answer', async () => {
    const security = new FakeSecurity();
    expect(await begin(security, 'right')).toBe('d1');
    expect(await begin(security, 'wrong')).toBe('86');
    const asked = { username: 'd1', password: bytes('right'), clientId: 'c', ...PEER };
    expect(security.asked[0]).toEqual(asked);
  });

  it.each([
    ['auth.unavailable', '88'],
    ['throws', '88'],
    ['auth.forbidden', '87'],
  ] as const)('is refused with its own reason when security says %s', async (fault, reason) => {
    const security = new FakeSecurity();
    security.fault = fault;
    expect(await begin(security, 'right')).toBe(reason);
  });

  it('is no ground for AUTH packets later [MQTT-4.12.0-6]', async () => {
    const handshake = new Handshake(new FakeSecurity(), PEER);
    await handshake.begin(packet({ username: 'd1', password: bytes('right') }));
    const again = { reason: REASON.reAuthenticate, method: SCRAM, data: undefined };
    expect(verdict(await handshake.go(again))).toBe('82');
  });
});

describe('by an exchange', () => {
  /** Asks for "one", then for "two"; proves `principal`. */
  const withExchange = (principal: Principal = DEVICE): FakeSecurity => {
    const security = new FakeSecurity();
    security.exchanges.set('X', () => {
      let step = 0;
      return {
        step: (data) => {
          step += 1;
          const isDone = step === 2;
          if (Buffer.from(data).toString() === 'break') return Promise.reject(new Error('broken'));
          const value = { data: bytes(`answer ${step}`), principal: isDone ? principal : undefined };
          return Promise.resolve({ ok: true, value });
        },
      };
    });
    return security;
  };
  const start = packet({ authenticationMethod: 'X', authenticationData: bytes('one') });
  const go = (reason: number, method = 'X', data = bytes('two')) => ({ reason, method, data });

  it('takes a round per packet and tells the client what it is told', async () => {
    const handshake = new Handshake(withExchange(), PEER);
    const first = await handshake.begin(start);
    expect([verdict(first), Buffer.from(dataOf(first)).toString()]).toEqual(['goes on', 'answer 1']);
    const last = await handshake.go(go(REASON.continueAuthentication));
    expect([verdict(last), Buffer.from(dataOf(last)).toString()]).toEqual(['d1', 'answer 2']);
    expect(handshake.method).toBe('X');
  });

  it('of a method that is not offered is refused [MQTT-4.12.0-1]', async () => {
    const other = packet({ authenticationMethod: 'Y' });
    expect(verdict(await new Handshake(withExchange(), PEER).begin(other))).toBe('8c');
  });

  it('keeps its method [MQTT-4.12.0-5] and its turn: none is begun within one, none goes on without', async () => {
    const handshake = new Handshake(withExchange(), PEER);
    await handshake.begin(start);
    expect(verdict(await handshake.go(go(REASON.continueAuthentication, 'Y')))).toBe('82');
    expect(verdict(await handshake.go(go(REASON.reAuthenticate)))).toBe('82');
    expect(verdict(await handshake.go(go(REASON.continueAuthentication)))).toBe('d1');
    expect(verdict(await handshake.go(go(REASON.continueAuthentication)))).toBe('82');
  });

  it('may be repeated, by the same principal only [MQTT-4.12.1-1]', async () => {
    const proven: { who: Principal } = { who: DEVICE };
    const security = new FakeSecurity();
    security.exchanges.set('X', () => ({
      step: () => Promise.resolve({ ok: true, value: { data: bytes('.'), principal: proven.who } }),
    }));
    const handshake = new Handshake(security, PEER);
    expect(verdict(await handshake.begin(start))).toBe('d1');
    expect(verdict(await handshake.go(go(REASON.reAuthenticate)))).toBe('d1');
    proven.who = { kind: 'user', id: 'd1', role: 'viewer' };
    expect(verdict(await handshake.go(go(REASON.reAuthenticate)))).toBe('87');
  });

  it('must prove whom the user name names', async () => {
    const of = async (username: string): Promise<string> => {
      const handshake = new Handshake(withExchange(), PEER);
      await handshake.begin({ ...start, username });
      return verdict(await handshake.go(go(REASON.continueAuthentication)));
    };
    expect([await of('d1'), await of('d2')]).toEqual(['d1', '87']);
  });

  it('that breaks is over: the next word finds none', async () => {
    const handshake = new Handshake(withExchange(), PEER);
    await handshake.begin(start);
    expect(verdict(await handshake.go(go(REASON.continueAuthentication, 'X', bytes('break'))))).toBe('88');
    expect(verdict(await handshake.go(go(REASON.continueAuthentication)))).toBe('82');
  });
});

describe('by SCRAM-SHA-256, with the real security', () => {
  let dataDir: string;
  let fixture: SecurityFixture;
  let token: string;
  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'sensorium-handshake-'));
    fixture = await SecurityFixture.started(dataDir);
    token = await fixture.security.issue(id('a'));
  });
  afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

  /** Both rounds; `begins` with CONNECT, or again. */
  async function exchange(handshake: Handshake, secret: string, isAgain = false): Promise<string> {
    const client = new ScramClient('a', secret);
    const first = bytes(client.first());
    const asked = isAgain
      ? await handshake.go({ reason: REASON.reAuthenticate, method: SCRAM, data: first })
      : await handshake.begin(packet({ authenticationMethod: SCRAM, authenticationData: first }));
    if (isFault(asked)) return verdict(asked);
    const data = bytes(client.final(dataOf(asked)));
    const step = await handshake.go({ reason: REASON.continueAuthentication, method: SCRAM, data });
    if (!isFault(step)) expect(client.trusts(dataOf(step))).toBe(true);
    return verdict(step);
  }

  it('lets a device in by its token, and again on the open connection', async () => {
    const handshake = new Handshake(fixture.security, PEER);
    expect(await exchange(handshake, token)).toBe('a');
    expect(await exchange(handshake, token, true)).toBe('a');
    expect(await exchange(handshake, 'wrong', true)).toBe('86');
  });

  it('refuses a wrong secret', async () => {
    expect(await exchange(new Handshake(fixture.security, PEER), 'wrong')).toBe('86');
  });
});
