/** Section 3.1 and 3.2 of MQTT 3.1.1: who is let in, and what is said to who is not. */
import { expect } from 'vitest';
import { connectPacket, PING, publishPacket, pubrel, subscribePacket, until } from '../test-client.ts';
import { conformance } from './case.ts';
import {
  ADMIN,
  field,
  greet,
  hex,
  join,
  MQTT_4,
  messages,
  publish,
  raw,
  subscribe,
  toleratedFirst,
  toleratedLater,
} from './v311-steps.ts';

/** Wants a session to be kept, and does not say whose. */
const NAMELESS = raw(0x10, `${MQTT_4} c0 0000 0000 ${ADMIN}`);

conformance('v311', ['MQTT-3.1.0-1'], 'a first packet that is not CONNECT closes', async (rig) => {
  const tolerated = await toleratedFirst(rig, [
    ['PUBLISH', publishPacket('t', 'x')],
    ['PUBLISH at QoS 1', publishPacket('t', 'x', { qos: 1, messageId: 1 })],
    ['PUBREL', pubrel(1)],
    ['SUBSCRIBE', subscribePacket(1, { '#': 0 })],
    ['UNSUBSCRIBE', raw(0xa2, `0001 ${field('a')}`)],
    ['PINGREQ', PING],
    ['DISCONNECT', raw(0xe0)],
    ['CONNACK', raw(0x20, '0000')],
  ]);
  expect(tolerated).toEqual([]);
  expect(rig.log.next).toBe(0);
});

conformance(
  'v311',
  ['MQTT-3.1.0-2', 'MQTT-4.8.0-1'],
  'a second CONNECT closes, whoever it names',
  async (rig) => {
    const tolerated = await toleratedLater(rig, [
      ['the same', connectPacket('admin', { clientId: 'sender' })],
      ['another client id', connectPacket('admin', { clientId: 'other' })],
      ['another user', connectPacket('d1')],
    ]);
    expect(tolerated).toEqual([]);
  },
);

conformance('v311', ['MQTT-3.1.2-1'], 'a protocol name that is not MQTT is not served', async (rig) => {
  for (const name of ['MQTx', 'mqtt', 'MQTTT', 'MQT', '', 'MQIsdp']) {
    const client = await rig.dial();
    client.send(raw(0x10, `${field(name)} 04 c2 0000 ${field('c')} ${ADMIN}`), PING);
    await client.closed;
    expect([name, client.waiting.filter((each) => each.hex === '20020000')]).toEqual([name, []]);
  }
  expect(rig.security.asked).toEqual([]);
});

conformance('v311', ['MQTT-3.1.2-1'], 'MQIsdp at level 3 is served as MQTT 3.1', async (rig) => {
  const client = await rig.dial();
  client.send(raw(0x10, `${field('MQIsdp')} 03 c2 0000 ${field('old')} ${ADMIN}`));
  expect(await client.nextHex()).toBe('20020000');
  await subscribe(client, { 'a/+': 1 });
  client.send(publishPacket('a/b', 'x', { qos: 1, messageId: 9 }));
  await until(() => client.waiting.length === 2);
  expect(new Set(client.waiting.map(({ header }) => header))).toEqual(new Set([0x32, 0x40]));
});

conformance(
  'v311',
  ['MQTT-3.1.2-2', 'MQTT-3.2.2-5'],
  'a level that is not offered is answered 0x01 and closed',
  async (rig) => {
    for (const level of ['00', '02', '03', '84']) {
      const client = await rig.dial();
      client.send(raw(0x10, `0004 4d515454 ${level} c2 0000 ${field('c')} ${ADMIN}`), PING);
      await client.closed;
      expect([level, client.waiting.map((each) => each.hex)]).toEqual([level, ['20020001']]);
    }
  },
);

conformance(
  'v311',
  ['MQTT-3.1.2-3', 'MQTT-3.1.4-1'],
  'the reserved connect flag closes without CONNACK',
  async (rig) => {
    const flags = [0xc3, 0xc1, 0x03].map(
      (flag) =>
        [
          flag.toString(16),
          raw(0x10, `${MQTT_4} ${flag.toString(16).padStart(2, '0')} 0000 ${field('c')} ${ADMIN}`),
        ] as const,
    );
    expect(await toleratedFirst(rig, flags)).toEqual([]);
  },
);

conformance(
  'v311',
  ['MQTT-3.1.2-11', 'MQTT-3.1.2-13', 'MQTT-3.1.2-15'],
  'will flags or fields without a will close',
  async (rig) => {
    const connect = (flags: string, payload: string): Buffer =>
      raw(0x10, `${MQTT_4} ${flags} 0000 ${payload}`);
    const tolerated = await toleratedFirst(rig, [
      ['will QoS 1', connect('ca', field('c') + ADMIN)],
      ['will QoS 2', connect('d2', field('c') + ADMIN)],
      ['will retain', connect('e2', field('c') + ADMIN)],
      ['will fields', connect('02', field('c') + field('t') + field('m'))],
    ]);
    expect(tolerated).toEqual([]);
  },
);

conformance('v311', ['MQTT-3.1.2-14'], 'a will at QoS 3 closes', async (rig) => {
  const will = `${field('t')} ${field('m')}`;
  const tolerated = await toleratedFirst(rig, [
    ['QoS 3', raw(0x10, `${MQTT_4} de 0000 ${field('c')} ${will} ${ADMIN}`)],
    ['QoS 3, retained', raw(0x10, `${MQTT_4} fe 0000 ${field('c')} ${will} ${ADMIN}`)],
  ]);
  expect(tolerated).toEqual([]);
});

conformance('v311', ['MQTT-3.1.2-9'], 'a will flag without topic or message closes', async (rig) => {
  const tolerated = await toleratedFirst(rig, [
    ['neither', raw(0x10, `${MQTT_4} 06 0000 ${field('c')}`)],
    ['no message', raw(0x10, `${MQTT_4} 06 0000 ${field('c')} ${field('t')}`)],
    ['half a message', raw(0x10, `${MQTT_4} 06 0000 ${field('c')} ${field('t')} 0005 6d`)],
  ]);
  expect(tolerated).toEqual([]);
});

conformance(
  'v311',
  ['MQTT-3.1.2-18', 'MQTT-3.1.2-19', 'MQTT-3.1.2-20', 'MQTT-3.1.2-21'],
  'user name and password are there if their flags are set, and only then',
  async (rig) => {
    const connect = (flags: string, payload: string): Buffer =>
      raw(0x10, `${MQTT_4} ${flags} 0000 ${payload}`);
    const tolerated = await toleratedFirst(rig, [
      ['user name without flag', connect('02', field('c') + field('admin'))],
      ['user name flag, no user name', connect('82', field('c'))],
      ['password without flag', connect('82', field('c') + ADMIN)],
      ['password flag, no password', connect('c2', field('c') + field('admin'))],
      ['a password cut short', connect('c2', `${field('c') + field('admin')} 0005 72`)],
      ['half a length', connect('c2', `${field('c') + field('admin')} 00`)],
    ]);
    expect(tolerated).toEqual([]);
    expect(rig.security.asked).toEqual([]);
  },
);

conformance('v311', ['MQTT-3.1.2-22'], 'a password without user name closes', async (rig) => {
  expect(
    await toleratedFirst(rig, [['password', raw(0x10, `${MQTT_4} 42 0000 ${field('c')} ${field('right')}`)]]),
  ).toEqual([]);
});

conformance(
  'v311',
  ['MQTT-3.1.3-1', 'MQTT-3.1.3-3', 'MQTT-3.1.2-9'],
  'all five fields are read in their order',
  async (rig) => {
    const client = await rig.dial();
    client.send(raw(0x10, `${MQTT_4} ce 0000 ${field('c')} ${field('w/t')} ${field('last')} ${ADMIN}`));
    expect(await client.nextHex()).toBe('20020000');
    expect(rig.security.asked).toMatchObject([
      { clientId: 'c', username: 'admin', password: Buffer.from('right') },
    ]);
    client.destroy();
    await until(() => rig.log.next === 1);
    expect(rig.log.packets[0]).toMatchObject({ topic: 'w/t', qos: 1 });
    expect(rig.log.texts).toEqual(['last']);
  },
);

conformance(
  'v311',
  ['MQTT-3.1.3-3', 'MQTT-3.1.3-4'],
  'a client id that is absent or no UTF-8 string closes',
  async (rig) => {
    const tolerated = await toleratedFirst(rig, [
      ['absent', raw(0x10, `${MQTT_4} 02 0000`)],
      ['half a length', raw(0x10, `${MQTT_4} 02 0000 00`)],
      ['cut short', raw(0x10, `${MQTT_4} 02 0000 0005 61`)],
      ['not UTF-8', raw(0x10, `${MQTT_4} c2 0000 0001 ff ${ADMIN}`)],
      ['cut inside a character', raw(0x10, `${MQTT_4} c2 0000 0001 c3 ${ADMIN}`)],
    ]);
    expect(tolerated).toEqual([]);
  },
);

conformance(
  'v311',
  ['MQTT-3.1.3-5', 'MQTT-3.1.4-4'],
  'client ids of 1 to 23 letters and digits are accepted',
  async (rig) => {
    for (const id of ['0', 'Z', '0123456789abcdefghijklm', 'nopqrstuvwxyzABCDEFGHIJ', 'KLMNOPQRSTUVWXYZ'])
      expect([id, (await greet(rig, id)).connack]).toEqual([id, '20020000']);
  },
);

conformance(
  'v311',
  ['MQTT-3.1.3-6'],
  'clients without an id each get a session of their own',
  async (rig) => {
    const [one, two] = [await join(rig, ''), await join(rig, '')];
    await subscribe(one, { a: 0 });
    await subscribe(two, { b: 0 });
    await publish(await join(rig, 'p'), 'a', 'x');
    expect(await messages(one, 1)).toMatchObject([{ topic: 'a' }]);
    expect(await messages(two, 0)).toEqual([]);
  },
);

conformance(
  'v311',
  ['MQTT-3.1.3-7', 'MQTT-3.1.3-8', 'MQTT-3.1.3-9'],
  'no client id and CleanSession 0: 0x02, closed',
  async (rig) => {
    const client = await rig.dial();
    client.send(NAMELESS, PING);
    expect(await client.nextHex()).toBe('20020002');
    await client.closed;
    expect(client.waiting).toEqual([]);
  },
);

conformance(
  'v311',
  ['MQTT-3.1.3-10', 'MQTT-3.1.3-11', 'MQTT-1.5.3-1', 'MQTT-1.5.3-2'],
  'strings of CONNECT that are not UTF-8, or hold U+0000 or surrogates, close',
  async (rig) => {
    const rows = ['ff', 'c3', 'c0af', 'f5808080', 'e28082ff', 'eda080', 'edbfbf', '610062'].flatMap((bad) => {
      const text = `${(bad.length / 2).toString(16).padStart(4, '0')} ${bad}`;
      return [
        [`client id ${bad}`, raw(0x10, `${MQTT_4} c2 0000 ${text} ${ADMIN}`)],
        [`will topic ${bad}`, raw(0x10, `${MQTT_4} c6 0000 ${field('c')} ${text} ${field('m')} ${ADMIN}`)],
        [`user name ${bad}`, raw(0x10, `${MQTT_4} c2 0000 ${field('c')} ${text} ${field('right')}`)],
      ] as const;
    });
    expect(await toleratedFirst(rig, rows)).toEqual([]);
  },
);

conformance(
  'v311',
  ['MQTT-3.1.4-1'],
  'a CONNECT that is too short, too long or torn closes without CONNACK',
  async (rig) => {
    const tolerated = await toleratedFirst(rig, [
      ['empty', raw(0x10)],
      ['a name only', raw(0x10, '0004 4d515454')],
      ['half a name', raw(0x10, '0004 4d51')],
      ['no flags', raw(0x10, MQTT_4)],
      ['no keep-alive', raw(0x10, `${MQTT_4} c2`)],
      ['half a keep-alive', raw(0x10, `${MQTT_4} c2 00`)],
      ['bytes behind its end', raw(0x10, `${MQTT_4} c2 0000 ${field('c')} ${ADMIN} 00`)],
      ['a length of five bytes', hex('10 8080808001')],
    ]);
    expect(tolerated).toEqual([]);
  },
);

conformance(
  'v311',
  ['MQTT-3.1.4-2'],
  'a client id that connects again ends the connection it had',
  async (rig) => {
    const first = await join(rig, 'c');
    const second = await join(rig, 'c');
    await first.closed;
    expect(first.waiting).toEqual([]);
    expect(await second.settled()).toEqual([]);
  },
);

conformance(
  'v311',
  ['MQTT-3.1.4-2', 'MQTT-3.1.4-3', 'MQTT-3.2.2-2'],
  'a kept session goes on in the connection that takes over',
  async (rig) => {
    const first = await join(rig, 'c', { clean: false });
    await subscribe(first, { a: 1 });
    const { client: second, connack } = await greet(rig, 'c', { clean: false });
    await first.closed;
    expect(connack).toBe('20020100');
    await publish(await join(rig, 'p'), 'a', 'x');
    expect(await messages(second, 1)).toMatchObject([{ topic: 'a', payload: 'x', qos: 1, dup: false }]);
  },
);

conformance('v311', ['MQTT-3.1.4-5'], 'nothing behind a refused CONNECT is processed', async (rig) => {
  for (const [connect, code] of [
    [connectPacket('admin', { password: 'wrong' }), '20020004'],
    [NAMELESS, '20020002'],
  ] as const) {
    const client = await rig.dial();
    const later = publishPacket('t', 'x', { qos: 1, messageId: 1, retain: true });
    client.send(connect, later, PING);
    await client.closed;
    expect(client.waiting.map((each) => each.hex)).toEqual([code]);
  }
  expect(rig.log.next).toBe(0);
});
