/** Chapters 1 and 2: strings, integers, fixed header, packet ids, property lengths. */
import { expect } from 'vitest';
import { PING } from '../test-client.ts';
import { conformance } from './case.ts';
import { otherEnds, otherRefusals, V5Client } from './v5-client.ts';
import {
  ack,
  auth,
  cut,
  disconnect,
  extend,
  field,
  frame,
  type PropertyName,
  publish,
  subscribe,
  u16,
  unsubscribe,
} from './v5-packets.ts';

const ILL_FORMED = {
  'a surrogate': [0xed, 0xa0, 0x80],
  'a pair of surrogates': [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80],
  'an overlong slash': [0xc0, 0xaf],
  'a character cut short': [0x61, 0xe2, 0x82],
  'a lone continuation': [0x61, 0x80],
  'beyond U+10FFFF': [0xf4, 0x90, 0x80, 0x80],
  FF: [0xff],
};

/** Each packet of a connected client with each of its strings. */
function strings(text: Buffer): Record<string, Buffer> {
  const withText = (name: PropertyName): readonly [PropertyName, Buffer][] => [[name, text]];
  return {
    'topic name': publish({ topic: text }),
    'response topic': publish({ properties: withText('responseTopic') }),
    'content type': publish({ properties: withText('contentType') }),
    'topic filter': subscribe(1, [[text, 0]]),
    'second topic filter': subscribe(1, [
      ['a', 0],
      [text, 0],
    ]),
    'filter of UNSUBSCRIBE': unsubscribe(1, [text]),
    'reason of PUBACK': ack('puback', 1, 0, withText('reasonString')),
    'reason of PUBREL': ack('pubrel', 1, 0, withText('reasonString')),
    'reason of DISCONNECT': disconnect(0, withText('reasonString')),
  };
}

conformance(
  'v5',
  ['MQTT-1.5.4-1', 'MQTT-3.3.2-1', 'MQTT-3.3.2-13', 'MQTT-3.3.2-19', 'MQTT-3.8.3-1', 'MQTT-3.10.3-1'],
  'ill-formed UTF-8 in any string ends the connection with 0x81',
  async (rig) => {
    for (const [name, bytes] of Object.entries(ILL_FORMED))
      expect([name, await otherEnds(rig, strings(Buffer.from(bytes)), [0x81])]).toEqual([name, []]);
  },
);

conformance(
  'v5',
  ['MQTT-1.5.4-1', 'MQTT-1.5.4-2', 'MQTT-3.1.3-4', 'MQTT-3.1.3-11', 'MQTT-3.1.3-12'],
  'ill-formed UTF-8 and U+0000 in the strings of CONNECT are refused with 0x81',
  async (rig) => {
    for (const [name, bytes] of Object.entries({ ...ILL_FORMED, 'U+0000': [0x61, 0x00] })) {
      const text = Buffer.from(bytes);
      const cases = {
        'client id': { clientId: text },
        'user name': { username: text },
        'will topic': { will: { topic: text } },
        'content type of the will': { will: { properties: [['contentType', text]] } },
        'user property': { properties: [['userProperty', ['a', text]]] },
        method: { properties: [['authMethod', text]] },
      } as const;
      expect([name, await otherRefusals(rig, cases, [0x81])]).toEqual([name, []]);
    }
  },
);

conformance(
  'v5',
  ['MQTT-1.5.4-2', 'MQTT-4.7.3-2'],
  'U+0000 in any string ends the connection with 0x81',
  async (rig) => {
    expect(await otherEnds(rig, strings(Buffer.from('a\0b')), [0x81])).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-1.5.4-3', 'MQTT-4.7.3-4'],
  'the bytes EF BB BF are a character of topics and properties, and reach the subscriber',
  async (rig) => {
    const client = await V5Client.connect(rig);
    await client.subscribe({ '\u{feff}a': 0 });
    await client.publish({ topic: 'a', payload: 'without' });
    client.send(
      publish({
        topic: '\u{feff}a',
        payload: '\u{feff}',
        properties: [['userProperty', ['\u{feff}k', '\u{feff}v']]],
      }),
    );
    const message = await client.take('publish');
    expect(message.topic).toBe('\u{feff}a');
    expect(message.bytes).toEqual(Buffer.from([0xef, 0xbb, 0xbf]));
    expect(message.all('userProperty')).toEqual([['\u{feff}k', '\u{feff}v']]);
  },
);

conformance(
  'v5',
  ['MQTT-1.5.5-1'],
  'an integer that is longer than it need be, or than four bytes, ends the connection with 0x81',
  async (rig) => {
    const raw = (...bytes: readonly number[]): Buffer => Buffer.from(bytes);
    const cases = {
      'length 0 in two bytes': raw(0xc0, 0x80, 0x00),
      'length 0 in four bytes': raw(0xc0, 0x80, 0x80, 0x80, 0x00),
      'length in five bytes': raw(0x30, 0x80, 0x80, 0x80, 0x80, 0x01),
      'property length in two bytes': frame(0x30, field('a'), raw(0x80, 0x00)),
      'property length in five bytes': frame(0x30, field('a'), raw(0x80, 0x80, 0x80, 0x80, 0x01)),
      'subscription id in two bytes': frame(0x82, u16(1), raw(3, 0x0b, 0x81, 0x00), field('a'), raw(0)),
      'subscription id in five bytes': frame(
        0x82,
        u16(1),
        raw(6, 0x0b, 0x80, 0x80, 0x80, 0x80, 0x01),
        field('a'),
        raw(0),
      ),
    };
    expect(await otherEnds(rig, cases, [0x81])).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-1.5.7-1'],
  'either half of a user property that is no valid string ends the connection with 0x81',
  async (rig) => {
    const pairs = (bad: Buffer): Record<string, Buffer> => ({
      name: publish({ properties: [['userProperty', [bad, 'v']]] }),
      value: publish({ properties: [['userProperty', ['n', bad]]] }),
      'of SUBSCRIBE': subscribe(1, [['a', 0]], [['userProperty', ['n', bad]]]),
      'of UNSUBSCRIBE': unsubscribe(1, ['a'], [['userProperty', [bad, 'v']]]),
      'of PUBREL': ack('pubrel', 1, 0, [['userProperty', [bad, 'v']]]),
      'without value': publish({ properties: Buffer.from([0x26, 0, 1, 0x61]) }),
    });
    expect(await otherEnds(rig, pairs(Buffer.from([0xff])), [0x81])).toEqual([]);
    expect(await otherEnds(rig, pairs(Buffer.from([0])), [0x81])).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-2.1.3-1', 'MQTT-3.6.1-1', 'MQTT-3.8.1-1', 'MQTT-3.10.1-1', 'MQTT-3.14.1-1', 'MQTT-3.15.1-1'],
  'any other value of reserved header flags ends the connection with 0x81',
  async (rig) => {
    const packets = {
      puback: ack('puback', 1),
      pubrec: ack('pubrec', 1),
      pubrel: ack('pubrel', 1),
      pubcomp: ack('pubcomp', 1),
      subscribe: subscribe(1, [['a', 0]]),
      unsubscribe: unsubscribe(1, ['a']),
      pingreq: PING,
      disconnect: disconnect(),
      auth: auth(0x19, []),
    };
    for (const bit of [1, 2, 4, 8]) {
      const bent = Object.entries(packets).map(([name, bytes]) => {
        const copy = Buffer.from(bytes);
        copy[0] = (copy[0] ?? 0) ^ bit;
        return [name, copy] as const;
      });
      expect([bit, await otherEnds(rig, Object.fromEntries(bent), [0x81])]).toEqual([bit, []]);
    }
  },
);

conformance(
  'v5',
  ['MQTT-2.2.1-2', 'MQTT-2.2.2-1'],
  'a QoS 0 PUBLISH to a subscriber is topic, property length 0 and payload',
  async (rig) => {
    const client = await V5Client.connect(rig);
    await client.subscribe({ 'a/b': 0 });
    client.send(publish({ topic: 'a/b', payload: 'xy' }));
    expect((await client.take('publish')).hex).toBe('30080003612f62007879');
  },
);

conformance('v5', ['MQTT-2.2.1-3'], 'packet id 0 ends the connection with 0x81 or 0x82', async (rig) => {
  const cases = {
    'PUBLISH QoS 1': publish({ qos: 1, id: 0 }),
    'PUBLISH QoS 2': publish({ qos: 2, id: 0 }),
    SUBSCRIBE: subscribe(0, [['a', 0]]),
    UNSUBSCRIBE: unsubscribe(0, ['a']),
    PUBACK: ack('puback', 0),
    PUBREC: ack('pubrec', 0),
    PUBREL: ack('pubrel', 0),
    PUBCOMP: ack('pubcomp', 0),
  };
  expect(await otherEnds(rig, cases, [0x81, 0x82])).toEqual([]);
});

conformance(
  'v5',
  ['MQTT-2.2.1-4', 'MQTT-4.3.2-1', 'MQTT-4.3.3-1'],
  'messages under way to a subscriber have ids of their own, none of them 0, at QoS 1 and 2 together',
  async (rig) => {
    const client = await V5Client.connect(rig);
    const publisher = await V5Client.connect(rig);
    await client.subscribe({ 'q/1': 1, 'q/2': 2 });
    for (let n = 0; n < 20; n += 1) await publisher.publish({ topic: `q/${1 + (n % 2)}`, qos: 2 });
    const ids = new Set<number>();
    for (let n = 0; n < 20; n += 1) ids.add((await client.take('publish')).id);
    expect(ids.size).toBe(20);
    expect(ids.has(0)).toBe(false);
  },
);

conformance(
  'v5',
  ['MQTT-2.2.1-5', 'MQTT-4.3.2-4', 'MQTT-4.3.3-8', 'MQTT-4.3.3-11', 'MQTT-3.3.4-1'],
  'PUBACK, PUBREC and PUBCOMP have the id of their PUBLISH',
  async (rig) => {
    const client = await V5Client.connect(rig);
    for (const id of [1, 0x0100, 0xffff]) {
      client.send(publish({ qos: 1, id }));
      expect((await client.take('puback')).id).toBe(id);
      client.send(publish({ qos: 2, id }));
      expect((await client.take('pubrec')).id).toBe(id);
      client.send(ack('pubrel', id));
      expect((await client.take('pubcomp')).id).toBe(id);
    }
  },
);

conformance(
  'v5',
  ['MQTT-2.2.1-6', 'MQTT-3.8.4-1', 'MQTT-3.8.4-2', 'MQTT-3.10.4-4', 'MQTT-3.10.4-5'],
  'SUBACK and UNSUBACK have the id of their request',
  async (rig) => {
    const client = await V5Client.connect(rig);
    for (const id of [1, 0x0100, 0xffff]) {
      client.send(subscribe(id, [['a', 0]]));
      expect((await client.take('suback')).id).toBe(id);
      client.send(unsubscribe(id, ['a', 'never']));
      expect((await client.take('unsuback')).id).toBe(id);
    }
  },
);

conformance(
  'v5',
  ['MQTT-4.13.1-1'],
  'a packet cut short, or with bytes left over, ends the connection with 0x81',
  async (rig) => {
    const whole = {
      'PUBLISH QoS 1': publish({ qos: 1, payload: '' }),
      SUBSCRIBE: subscribe(1, [['a', 0]]),
      UNSUBSCRIBE: unsubscribe(1, ['a']),
      PUBACK: ack('puback', 1, 0, []),
      PUBREC: ack('pubrec', 1, 0, []),
      PUBREL: ack('pubrel', 1, 0, []),
      PUBCOMP: ack('pubcomp', 1, 0, []),
      DISCONNECT: disconnect(0, []),
      AUTH: auth(0x19, []),
      PINGREQ: PING,
    };
    const longer = Object.entries(whole).filter(([name]) => !name.startsWith('PUBLISH'));
    const byOne = Object.fromEntries(longer.map(([name, bytes]) => [name, extend(bytes, Buffer.from([0]))]));
    expect(await otherEnds(rig, byOne, [0x81])).toEqual([]);
    const shorter = {
      'PUBLISH QoS 1': cut(whole['PUBLISH QoS 1'], 1),
      'PUBLISH QoS 1 without id': cut(whole['PUBLISH QoS 1'], 3),
      'PUBLISH with half a topic': cut(whole['PUBLISH QoS 1'], 4),
      'PUBLISH with nothing': frame(0x30),
      'SUBSCRIBE without options': cut(whole.SUBSCRIBE, 1),
      'SUBSCRIBE with half an id': frame(0x82, Buffer.from([0])),
      'UNSUBSCRIBE with half a filter': cut(whole.UNSUBSCRIBE, 1),
      'PUBACK with half an id': frame(0x40, Buffer.from([1])),
      'PUBREL with nothing': frame(0x62),
      'PUBREC whose properties are missing': frame(0x50, u16(1), Buffer.from([0, 5])),
      'DISCONNECT whose properties are missing': frame(0xe0, Buffer.from([0, 5])),
    };
    expect(await otherEnds(rig, shorter, [0x81])).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-4.13.1-1', 'MQTT-4.13.2-1'],
  'a packet that no client may send ends the connection with 0x81 or 0x82',
  async (rig) => {
    const cases = {
      reserved: frame(0x00),
      CONNACK: frame(0x20, Buffer.from([0, 0, 0])),
      SUBACK: frame(0x90, u16(1), Buffer.from([0, 0])),
      UNSUBACK: frame(0xb0, u16(1), Buffer.from([0, 0])),
      PINGRESP: frame(0xd0),
    };
    expect(await otherEnds(rig, cases, [0x81, 0x82])).toEqual([]);
  },
);
