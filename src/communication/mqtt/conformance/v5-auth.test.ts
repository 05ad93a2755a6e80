/** Enhanced authentication: sections 3.15 and 4.12, with a method that asks one question. */
import { expect } from 'vitest';
import { err, ok } from '../../../base/result.ts';
import { problem } from '../../../model/errors.ts';
import type { AuthExchange } from '../../../model/ports/security.ts';
import { FakeSecurity, type Rig } from '../test-support.ts';
import { conformance } from './case.ts';
import type { Answer } from './v5-answer.ts';
import { endOf, otherRefusals, refusalOf, V5Client } from './v5-client.ts';
import { auth, type ConnectFields, connect, type Properties, publish, subscribe } from './v5-packets.ts';

/** `start` is asked for an answer; `answer` and `at once` are right, everything else is wrong. */
const exchange = (method: string): AuthExchange | undefined =>
  method !== 'TEST'
    ? undefined
    : {
        async step(data) {
          const said = Buffer.from(data).toString();
          if (said === 'start') return ok({ data: Buffer.from('question'), principal: undefined });
          if (said !== 'answer' && said !== 'at once') return err(problem('auth.invalid', 'no'));
          return ok({
            data: Buffer.from('welcome'),
            principal: { kind: 'user', id: 'admin', role: 'admin' },
          });
        },
      };
const withMethod = (): { readonly security: FakeSecurity } => ({
  security: Object.assign(new FakeSecurity(), { exchange }),
});

const says = (data: string, method = 'TEST'): Properties => [
  ['authMethod', method],
  ['authData', data],
];
const asking = (data: string, method = 'TEST'): ConnectFields => ({
  clientId: 'c',
  username: undefined,
  password: undefined,
  properties: says(data, method),
});
const told = (answer: Answer): readonly unknown[] => [
  answer.command,
  answer.code,
  answer.get('authMethod'),
  answer.get('authData'),
];
const inHex = (text: string): string => Buffer.from(text).toString('hex');

/** A connection that was asked the question. */
async function asked(rig: Rig): Promise<V5Client> {
  const raw = await rig.dial();
  raw.send(connect(asking('start')));
  const client = V5Client.over(rig, raw);
  expect(told(await client.next())).toEqual(['auth', 0x18, 'TEST', inHex('question')]);
  return client;
}

async function admitted(rig: Rig): Promise<V5Client> {
  const client = await asked(rig);
  client.send(auth(0x18, says('answer')));
  expect(told(await client.next())).toEqual(['connack', 0, 'TEST', inHex('welcome')]);
  return client;
}

conformance(
  'v5',
  ['MQTT-4.12.0-2', 'MQTT-4.12.0-5', 'MQTT-3.15.2-1', 'MQTT-3.2.0-1', 'MQTT-4.12.0-3'],
  'the server asks on with AUTH 0x18, and each AUTH and the CONNACK name the method',
  async (rig) => {
    const client = await admitted(rig);
    expect((await client.publish({ qos: 1 })).code).toBe(0);
  },
  withMethod(),
);

conformance(
  'v5',
  ['MQTT-4.12.0-5', 'MQTT-3.1.4-5'],
  'a method that is content with the data of CONNECT ends in CONNACK at once',
  async (rig) => {
    const client = await V5Client.connect(rig, asking('at once'));
    expect(told(client.connack)).toEqual(['connack', 0, 'TEST', inHex('welcome')]);
  },
  withMethod(),
);

conformance(
  'v5',
  ['MQTT-4.12.0-1', 'MQTT-3.2.2-7'],
  'a method that is not offered is refused with 0x8C',
  async (rig) => {
    const methods = {
      other: asking('start', 'OTHER'),
      case: asking('start', 'test'),
      empty: asking('start', ''),
    };
    expect(await otherRefusals(rig, methods, [0x8c, 0x87])).toEqual([]);
  },
  withMethod(),
);

conformance(
  'v5',
  ['MQTT-4.12.0-4', 'MQTT-3.2.2-7'],
  'a wrong answer, at once or later, is refused with 0x86 or 0x87',
  async (rig) => {
    expect(await otherRefusals(rig, { wrong: asking('wrong') }, [0x86, 0x87])).toEqual([]);
    const client = await asked(rig);
    client.send(auth(0x18, says('wrong')));
    const connack = await client.take('connack');
    expect([0x86, 0x87]).toContain(connack.code);
    expect(connack.isSessionPresent).toBe(false);
    await client.raw.closed;
  },
  withMethod(),
);

conformance(
  'v5',
  ['MQTT-4.12.0-3', 'MQTT-4.12.0-5', 'MQTT-3.14.0-1', 'MQTT-4.13.1-1'],
  'an AUTH that does not go on with the exchange is refused, without a DISCONNECT',
  async (rig) => {
    const wrong = {
      success: auth(0x00, says('answer')),
      're-authenticate': auth(0x19, says('answer')),
      'another method': auth(0x18, says('answer', 'OTHER')),
      'no method': auth(0x18, [['authData', 'answer']]),
      nothing: auth(),
      'unknown code': auth(0x17, says('answer')),
    };
    for (const [name, bytes] of Object.entries(wrong)) {
      const client = await asked(rig);
      client.send(bytes);
      await client.raw.closed;
      const codes = client.left().map(({ command, code }) => [command, code >= 0x80]);
      expect([name, codes.every(([command, isRefusal]) => command === 'connack' && isRefusal)]).toEqual([
        name,
        true,
      ]);
    }
  },
  withMethod(),
);

conformance(
  'v5',
  ['MQTT-3.1.2-30', 'MQTT-3.14.0-1', 'MQTT-3.1.4-6'],
  'other packets before the CONNACK end the connection, are not processed, and get no DISCONNECT',
  async (rig) => {
    for (const bytes of [
      publish({ qos: 1 }),
      subscribe(1, [['a', 0]]),
      connect(asking('start')),
      Buffer.from([0xc0, 0]),
    ]) {
      const client = await asked(rig);
      client.send(bytes);
      await client.raw.closed;
      for (const { command, code } of client.left())
        expect([command, code >= 0x80]).toEqual(['connack', true]);
    }
    expect(rig.log.next).toBe(0);
  },
  withMethod(),
);

conformance(
  'v5',
  ['MQTT-4.12.0-6', 'MQTT-4.12.0-7'],
  'without a method there is no AUTH: the server sends none, and ends the connection with 0x82 for one',
  async (rig) => {
    for (const code of [0x00, 0x18, 0x19]) expect(await endOf(rig, auth(code, says('start')))).toBe(0x82);
    const { connack } = await V5Client.connect(rig);
    expect([connack.all('authMethod'), connack.all('authData')]).toEqual([[], []]);
  },
  withMethod(),
);

conformance(
  'v5',
  ['MQTT-4.12.1-1', 'MQTT-4.12.0-5', 'MQTT-4.12.0-2'],
  'a client can authenticate again, while its messages go on',
  async (rig) => {
    const client = await admitted(rig);
    for (let round = 0; round < 2; round += 1) {
      client.send(auth(0x19, says('start')));
      expect(told(await client.next())).toEqual(['auth', 0x18, 'TEST', inHex('question')]);
      expect((await client.publish({ qos: 1 })).code).toBe(0);
      client.send(auth(0x18, says('answer')));
      expect(told(await client.next())).toEqual(['auth', 0, 'TEST', inHex('welcome')]);
    }
  },
  withMethod(),
);

conformance(
  'v5',
  ['MQTT-4.12.1-1', 'MQTT-4.12.1-2', 'MQTT-4.13.1-1'],
  'a second authentication by another method, or out of its order, ends the connection with 0x82 or 0x8C',
  async (rig) => {
    const wrong = {
      'another method': auth(0x19, says('start', 'OTHER')),
      'no method': auth(0x19, [['authData', 'start']]),
      'continues nothing': auth(0x18, says('answer')),
      success: auth(0x00, says('answer')),
    };
    for (const [name, bytes] of Object.entries(wrong)) {
      const client = await admitted(rig);
      client.send(bytes);
      const reason = await client.end();
      expect([name, [0x82, 0x8c].includes(reason ?? 0), reason]).toEqual([name, true, reason]);
    }
  },
  withMethod(),
);

conformance(
  'v5',
  ['MQTT-4.12.1-2'],
  'a second authentication that fails ends the connection with 0x87',
  async (rig) => {
    const client = await admitted(rig);
    client.send(auth(0x19, says('start')));
    await client.take('auth');
    client.send(auth(0x18, says('wrong')));
    expect(await client.end()).toBe(0x87);
  },
  withMethod(),
);

conformance(
  'v5',
  ['MQTT-4.12.0-4', 'MQTT-3.1.4-1'],
  'an exchange that is left in the middle leaves nothing behind',
  async (rig) => {
    const client = await asked(rig);
    client.raw.destroy();
    await client.raw.closed;
    const refusal = await refusalOf(rig, connect({ ...asking('wrong'), clean: false }));
    expect(refusal?.isSessionPresent).toBe(false);
    expect(rig.events).toEqual([]);
  },
  withMethod(),
);
