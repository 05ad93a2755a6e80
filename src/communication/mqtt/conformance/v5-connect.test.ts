/** Sections 3.1 and 3.2: who is let in, on what terms, and who is not. */
import { expect } from 'vitest';
import { MQTT_CONNECT_TIMEOUT_MS } from '../../../base/limits.ts';
import { PING } from '../test-client.ts';
import { conformance } from './case.ts';
import { Answer } from './v5-answer.ts';
import { endOf, otherRefusals, refusalOf, V5Client } from './v5-client.ts';
import {
  ack,
  auth,
  type ConnectFields,
  connect,
  cut,
  disconnect,
  extend,
  field,
  publish,
  subscribe,
  unsubscribe,
} from './v5-packets.ts';

conformance(
  'v5',
  ['MQTT-3.1.0-1', 'MQTT-3.14.0-1'],
  'a first packet that is no CONNECT closes the connection without a DISCONNECT',
  async (rig) => {
    const packets = [publish({}), subscribe(1, [['a', 0]]), unsubscribe(1, ['a']), ack('puback', 1), PING];
    for (const bytes of [
      ...packets,
      disconnect(),
      auth(0x18, [['authMethod', 'TEST']]),
      publish({ qos: 3 }),
    ]) {
      const raw = await rig.dial();
      raw.send(bytes);
      await raw.closed;
      expect(raw.waiting.filter(({ header }) => header !== 0x20)).toEqual([]);
    }
    expect(rig.log.next).toBe(0);
  },
);

conformance(
  'v5',
  ['MQTT-3.1.0-2', 'MQTT-3.2.0-2'],
  'a second CONNECT ends the connection with 0x82 and gets no second CONNACK',
  async (rig) => {
    expect(await endOf(rig, connect({ clientId: 'again' }), { clientId: 'again' })).toBe(0x82);
    expect(await endOf(rig, connect({ clientId: 'other' }), { clientId: 'again' })).toBe(0x82);
  },
);

conformance(
  'v5',
  ['MQTT-3.1.2-1'],
  'another protocol name closes the connection, told 0x84 at most',
  async (rig) => {
    for (const protocol of ['', 'mqtt', 'MQTX', 'MQT', 'MQTTT', 'HTTP/1.1']) {
      const answer = await refusalOf(rig, connect({ protocol }));
      expect([protocol, answer?.code ?? 0x84]).toEqual([protocol, 0x84]);
    }
  },
);

conformance(
  'v5',
  ['MQTT-3.1.2-2', 'MQTT-3.2.2-7'],
  'a version that is not known closes the connection, told 0x84 in the form of MQTT 5 or 0x01 in that of 3.1.1',
  async (rig) => {
    for (const version of [0, 1, 2, 6, 7, 0x84, 0x85, 0xff]) {
      const raw = await rig.dial();
      raw.send(connect({ version }));
      await raw.closed;
      for (const received of raw.waiting) {
        const told = received.hex === '20020001' ? 0x84 : new Answer(received).code;
        expect([version, told]).toEqual([version, 0x84]);
      }
    }
  },
);

conformance(
  'v5',
  ['MQTT-3.1.2-3', 'MQTT-3.1.2-11', 'MQTT-3.1.2-12', 'MQTT-3.1.2-13', 'MQTT-3.1.4-1'],
  'connect flags that contradict each other, or are reserved, are refused with 0x81',
  async (rig) => {
    const cases: Record<string, ConnectFields> = {
      'reserved flag': { flags: 0x01 },
      'will QoS 1 without will': { flags: 0x08 },
      'will QoS 2 without will': { flags: 0x10 },
      'will QoS 3 without will': { flags: 0x18 },
      'will QoS 3': { will: { qos: 3 } },
      'will retain without will': { flags: 0x20 },
    };
    expect(await otherRefusals(rig, cases, [0x81])).toEqual([]);
  },
);

conformance(
  'v5',
  [
    'MQTT-3.1.2-9',
    'MQTT-3.1.2-16',
    'MQTT-3.1.2-17',
    'MQTT-3.1.2-18',
    'MQTT-3.1.2-19',
    'MQTT-3.1.3-3',
    'MQTT-3.1.4-1',
  ],
  'a CONNECT without a field its flags announce, or with one they do not, is refused with 0x81',
  async (rig) => {
    const nobody = { clientId: 'c', username: undefined, password: undefined };
    const cases: Record<string, Buffer> = {
      'no client id': cut(connect({ ...nobody, clientId: '' }), 2),
      'half a client id': cut(connect(nobody), 1),
      'will flag without will': connect({ ...nobody, flags: 0x04 }),
      'will without payload': cut(connect({ ...nobody, will: { payload: '' } }), 2),
      'will without topic': cut(connect({ ...nobody, will: { topic: 't', payload: '' } }), 5),
      'user name flag without name': connect({ ...nobody, flags: 0x80 }),
      'password flag without password': connect({ ...nobody, username: 'admin', flags: 0x40 }),
      'name without flag': extend(connect(nobody), field('admin')),
      'password without flag': extend(connect({ ...nobody, username: 'admin' }), field('right')),
      'a byte left over': extend(connect({}), Buffer.from([0])),
      'no property length': cut(connect({ ...nobody, clientId: '' }), 3),
      'no keep alive': cut(connect({ ...nobody, clientId: '' }), 5),
    };
    expect(await otherRefusals(rig, cases, [0x81])).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.1.3-1', 'MQTT-3.1.3-3', 'MQTT-3.1.2-17', 'MQTT-3.1.2-19'],
  'the fields of the payload are read in their order',
  async (rig) => {
    const will = { topic: 'w/t', payload: 'will', qos: 2, properties: [['contentType', 'c']] } as const;
    await V5Client.connect(rig, { clientId: 'mine', username: 'admin', password: 'right', will });
    const [asked] = rig.security.asked;
    expect([asked?.clientId, asked?.username, Buffer.from(asked?.password ?? []).toString()]).toEqual([
      'mine',
      'admin',
      'right',
    ]);
  },
);

conformance(
  'v5',
  ['MQTT-3.1.2-19', 'MQTT-3.1.4-2', 'MQTT-3.2.2-6', 'MQTT-3.2.2-7', 'MQTT-3.2.2-8'],
  'wrong credentials are refused with 0x86 or 0x87, a password without a name is not malformed',
  async (rig) => {
    const cases: Record<string, ConnectFields> = {
      'wrong password': { password: 'wrong' },
      'no password': { password: undefined },
      'no name': { username: undefined },
      neither: { username: undefined, password: undefined },
    };
    expect(await otherRefusals(rig, cases, [0x86, 0x87])).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.1.4-2', 'MQTT-3.2.2-8'],
  'who is not authorized gets 0x87, and 0x80, 0x83, 0x88 or 0x89 where it cannot be found out',
  async (rig) => {
    rig.security.fault = 'auth.forbidden';
    expect(await otherRefusals(rig, { forbidden: {} }, [0x87])).toEqual([]);
    rig.security.fault = 'auth.unavailable';
    expect(await otherRefusals(rig, { unavailable: {} }, [0x80, 0x83, 0x88, 0x89])).toEqual([]);
    rig.security.fault = 'throws';
    expect(await otherRefusals(rig, { broken: {} }, [0x80, 0x83, 0x88, 0x89])).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.1.4-2'],
  'a will on a topic that is not allowed is refused with 0x87',
  async (rig) => {
    const fields = { username: 'd1', will: { topic: 'v1/d2/telemetry' } };
    expect(await otherRefusals(rig, { will: fields }, [0x87])).toEqual([]);
  },
);

conformance('v5', ['MQTT-3.1.4-6'], 'what follows a refused CONNECT is not processed', async (rig) => {
  const raw = await rig.dial();
  raw.send(connect({ password: 'wrong' }), publish({ qos: 1 }), subscribe(1, [['#', 0]]));
  await raw.closed;
  expect(raw.waiting.map(({ header }) => header)).toEqual([0x20]);
  expect(rig.log.next).toBe(0);
});

conformance(
  'v5',
  ['MQTT-3.1.4-5', 'MQTT-3.2.0-1', 'MQTT-3.2.2-1', 'MQTT-3.2.2-2', 'MQTT-3.2.2-18'],
  'CONNACK is the first packet, with flags 0 for a new session, and tells the limits of the server',
  async (rig) => {
    const raw = await rig.dial();
    raw.send(connect({ clientId: 'c' }), subscribe(1, [['a', 0]]), PING);
    const received = await raw.next();
    expect([received.header, received.body[0], received.body[1]]).toEqual([0x20, 0, 0]);
    const { connack } = await V5Client.connect(rig);
    expect(connack.get('receiveMaximum')).toBe(1000);
    expect(connack.get('topicAliasMaximum')).toBe(64);
    expect(Number(connack.get('maximumPacketSize'))).toBeGreaterThanOrEqual(1_048_576);
    // Available is what is not denied; a server of QoS 2 does not send Maximum QoS, whose values are 0 and 1.
    expect(connack.all('maximumQos')).toEqual([]);
    const names = [
      'retainAvailable',
      'wildcardAvailable',
      'subscriptionIdsAvailable',
      'sharedAvailable',
    ] as const;
    for (const name of names) expect([name, connack.get(name) ?? 1]).toEqual([name, 1]);
    expect(connack.all('assignedClientId')).toEqual([]);
    expect(connack.all('serverReference')).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.1.2-28', 'MQTT-4.12.0-6'],
  'without a request CONNACK has no response information, without a method no method',
  async (rig) => {
    for (const properties of [[], [['requestResponseInfo', 0]]] as const) {
      const { connack } = await V5Client.connect(rig, { properties });
      expect(connack.all('responseInfo')).toEqual([]);
      expect(connack.all('authMethod')).toEqual([]);
      expect(connack.all('authData')).toEqual([]);
    }
  },
);

conformance('v5', ['MQTT-3.1.3-5'], 'client ids of 1 to 23 letters and digits are taken', async (rig) => {
  for (const clientId of ['a', 'Z9', '0123456789abcdefghijklm', 'NOPQRSTUVWXYZnopqrstuvw']) {
    const { connack } = await V5Client.connect(rig, { clientId });
    expect(connack.all('assignedClientId')).toEqual([]);
  }
});

conformance(
  'v5',
  ['MQTT-3.1.3-6', 'MQTT-3.1.3-7', 'MQTT-3.2.2-16'],
  'each empty client id is replaced by one of its own, told in CONNACK, that names the session from then on',
  async (rig) => {
    const properties = [['sessionExpiry', 100]] as const;
    const first = await V5Client.connect(rig, { clientId: '', properties });
    const second = await V5Client.connect(rig, { clientId: '', properties });
    const ids = [first, second].map(({ connack }) => String(connack.get('assignedClientId')));
    expect(ids[0]).not.toBe(ids[1]);
    expect(ids.every((id) => id.length > 0 && id !== 'undefined')).toBe(true);
    await first.drop();
    const back = await V5Client.connect(rig, { clientId: ids[0] ?? '', clean: false, properties });
    expect(back.connack.isSessionPresent).toBe(true);
    expect(back.connack.all('assignedClientId')).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.1.3-8', 'MQTT-3.2.2-7'],
  'a client id is taken, or refused with 0x85',
  async (rig) => {
    for (const clientId of ['a/b', 'a+b#', ' ', 'ü', 'x'.repeat(1000), 'y'.repeat(60_000)]) {
      const raw = await rig.dial();
      raw.send(connect({ clientId }));
      const { body } = await raw.next();
      expect([clientId.slice(0, 9), [0, 0x85].includes(body[1] ?? -1)]).toEqual([clientId.slice(0, 9), true]);
      if (body[1] !== 0) await raw.closed;
    }
  },
);

conformance(
  'v5',
  ['MQTT-3.2.2-6', 'MQTT-3.2.2-7'],
  'a refusal says that no session is present, even where there is one',
  async (rig) => {
    const fields = { clientId: 'kept', clean: false, properties: [['sessionExpiry', 100]] } as const;
    await (await V5Client.connect(rig, fields)).drop();
    const refusal = await refusalOf(rig, connect({ ...fields, password: 'wrong' }));
    expect([
      refusal?.isSessionPresent,
      refusal?.properties.some(([name]) => name === 'sessionExpiry'),
    ]).toEqual([false, false]);
  },
);

conformance(
  'v5',
  ['MQTT-3.2.2-19', 'MQTT-3.1.2-24'],
  'no CONNACK is larger than the client can take',
  async (rig) => {
    for (const size of [5, 8, 16]) {
      for (const password of ['right', 'wrong']) {
        const raw = await rig.dial();
        raw.send(connect({ clientId: `c${size}`, password, properties: [['maximumPacketSize', size]] }));
        // Admitted or not, the connection says nothing more than this.
        if (password === 'wrong') await raw.closed;
        else {
          await Promise.race([
            raw.closed,
            raw.next().then(({ hex }) => expect(hex.length / 2).toBeLessThanOrEqual(size)),
          ]);
        }
        for (const { hex } of raw.waiting) expect(hex.length / 2).toBeLessThanOrEqual(size);
      }
    }
  },
);

conformance(
  'v5',
  ['MQTT-3.1.2-22', 'MQTT-3.2.2-22', 'MQTT-3.14.0-1'],
  'silence for one and a half times Keep Alive ends the connection with 0x8D, any packet begins anew, 0 never ends',
  async (rig) => {
    const short = await V5Client.connect(rig, { keepalive: 60 });
    const long = await V5Client.connect(rig, { keepalive: 120 });
    const never = await V5Client.connect(rig, { keepalive: 0 });
    const [brief, lasting] = [short, long].map(({ connack }, at) =>
      Number(connack.get('serverKeepAlive') ?? 60 * (at + 1)),
    );
    expect(lasting).toBeGreaterThan(brief ?? 0);
    rig.clock.advance(1.5 * (brief ?? 0) * 1000 - 1);
    expect((await short.waiting()).length).toBe(0);
    rig.clock.advance(2);
    expect(await long.waiting()).toEqual([]);
    rig.clock.advance(1.5 * (brief ?? 0) * 1000);
    expect(await short.end()).toBe(0x8d);
    expect(await long.waiting()).toEqual([]);
    if (never.connack.get('serverKeepAlive') === undefined) expect(await never.waiting()).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.1.4-3', 'MQTT-3.1.3-2'],
  'a second connection with the client id ends the first with 0x8E, one of another principal does not',
  async (rig) => {
    const first = await V5Client.connect(rig, { clientId: 'one' });
    const stranger = await V5Client.connect(rig, { clientId: 'one', username: 'd1' });
    const second = await V5Client.connect(rig, { clientId: 'one' });
    expect(await first.end()).toBe(0x8e);
    expect(await second.waiting()).toEqual([]);
    expect(await stranger.waiting()).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.1.4-1'],
  'a CONNECT that does not come in time closes the connection without a DISCONNECT',
  async (rig) => {
    const silent = await rig.dial();
    const slow = await rig.dial();
    slow.send(connect({}).subarray(0, 12));
    const probe = await V5Client.connect(rig);
    expect(await probe.waiting()).toEqual([]);
    rig.clock.advance(MQTT_CONNECT_TIMEOUT_MS + 1);
    await Promise.all([silent.closed, slow.closed]);
    expect([...silent.waiting, ...slow.waiting].filter(({ header }) => header !== 0x20)).toEqual([]);
  },
);
