/** SUBSCRIBE and UNSUBSCRIBE: sections 3.8 to 3.11, and topic filters of section 4.7. */
import { expect } from 'vitest';
import { MQTT_SUBSCRIPTIONS_PER_CLIENT_MAX } from '../../../base/limits.ts';
import { naivelyMatches, type Rig } from '../test-support.ts';
import { conformance } from './case.ts';
import { type End, endOf, messagesUntil, otherEnds, V5Client } from './v5-client.ts';
import {
  AS_PUBLISHED,
  ack,
  type ConnectFields,
  NO_LOCAL,
  publish,
  subscribe,
  unsubscribe,
} from './v5-packets.ts';

const kept = (clientId: string): ConnectFields => ({
  clientId,
  clean: false,
  properties: [['sessionExpiry', 100]],
});

/** What a filter that is no filter gets: its code in the SUBACK, or the end of the connection. */
async function verdict(rig: Rig, filter: string, fields: ConnectFields = {}): Promise<End> {
  const client = await V5Client.connect(rig, fields);
  client.send(subscribe(1, [[filter, 0]]));
  const answer = await client.next();
  if (answer.command === 'suback') return answer.codes[0] ?? 'open';
  await client.raw.closed;
  return answer.code;
}

conformance(
  'v5',
  ['MQTT-3.8.3-2', 'MQTT-3.10.3-2'],
  'SUBSCRIBE and UNSUBSCRIBE without a filter end the connection with 0x82',
  async (rig) => {
    expect(
      await otherEnds(rig, { subscribe: subscribe(1, []), unsubscribe: unsubscribe(1, []) }, [0x82]),
    ).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.8.3-5'],
  'reserved bits of the options end the connection with 0x81',
  async (rig) => {
    const cases = [0x40, 0x80, 0xc0].map((bits) => [String(bits), subscribe(1, [['a', bits | 1]])]);
    expect(await otherEnds(rig, Object.fromEntries(cases), [0x81])).toEqual([]);
    const second = {
      second: subscribe(1, [
        ['a', 0],
        ['b', 0x80],
      ]),
    };
    expect(await otherEnds(rig, second, [0x81])).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-4.13.1-1'],
  'QoS 3 and Retain Handling 3 end the connection with 0x82',
  async (rig) => {
    const cases = { 'QoS 3': subscribe(1, [['a', 3]]), 'Retain Handling 3': subscribe(1, [['a', 0x30]]) };
    expect(await otherEnds(rig, cases, [0x81, 0x82])).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.8.3-3'],
  'No Local keeps a client’s own messages from it, on any of its connections, and no others',
  async (rig) => {
    const client = await V5Client.connect(rig, kept('c'));
    const other = await V5Client.connect(rig, kept('d'));
    await client.subscribe({ t: 1 | NO_LOCAL, u: 1 });
    await other.subscribe({ t: 1 });
    await client.publish({ topic: 't', payload: 'own' });
    await other.publish({ topic: 't', payload: 'others' });
    expect((await client.receive(1)).map(({ payload }) => payload)).toEqual(['others']);
    expect((await other.receive(2)).map(({ payload }) => payload)).toEqual(['own', 'others']);
    client.send(publish({ topic: 't', qos: 1, id: 50, payload: 'own' }));
    await client.take('puback');
    await client.drop();
    const back = await V5Client.connect(rig, kept('c'));
    expect(await back.waiting()).toEqual([]);
    back.send(publish({ topic: 'u', payload: 'heard' }));
    expect((await back.receive(1))[0]?.payload).toBe('heard');
  },
);

conformance(
  'v5',
  ['MQTT-3.8.3-4'],
  'No Local on a shared subscription ends the connection with 0x82',
  async (rig) => {
    expect(await endOf(rig, subscribe(1, [['$share/g/t', NO_LOCAL]]))).toBe(0x82);
  },
);

conformance(
  'v5',
  ['MQTT-3.8.4-3', 'MQTT-3.8.4-4'],
  'the same filter again replaces the options, and loses nothing on the way',
  async (rig) => {
    const client = await V5Client.connect(rig, { properties: [['receiveMaximum', 1]] });
    await client.subscribe({ t: 2 });
    const publisher = await V5Client.connect(rig);
    for (const payload of ['1', '2', '3']) await publisher.publish({ topic: 't', payload });
    const first = await client.take('publish');
    client.send(subscribe(70, [['t', 1 | AS_PUBLISHED]]));
    expect((await client.take('suback')).codes).toEqual([1]);
    client.send(ack('puback', first.id));
    await publisher.publish({ topic: 't', payload: '4', qos: 2, retain: true });
    const rest = await client.receive(3);
    expect(rest.map(({ payload }) => payload)).toEqual(['2', '3', '4']);
    expect([rest[2]?.qos, rest[2]?.retain]).toEqual([1, true]);
    expect(await client.waiting()).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.8.4-5', 'MQTT-3.8.4-6', 'MQTT-3.8.4-7', 'MQTT-3.9.3-1', 'MQTT-3.9.3-2'],
  'SUBACK has a code for each filter, in their order: the QoS, or why not',
  async (rig) => {
    const client = await V5Client.connect(rig, { username: 'd1' });
    const filters = { 'v1/d1/a': 2, 'v1/d2/a': 1, 'v1/d1/b': 0, '#': 2, 'v1/d1/+': 1 };
    expect((await client.subscribe(filters)).codes).toEqual([2, 0x87, 0, 0x87, 1]);
    await client.publish({ topic: 'v1/d1/a', qos: 2 });
    expect((await client.receive(1))[0]?.qos).toBe(2);
  },
);

conformance(
  'v5',
  ['MQTT-3.8.4-7', 'MQTT-3.9.3-2'],
  'a filter too many gets 0x97, and the others stay',
  async (rig) => {
    const client = await V5Client.connect(rig);
    const names = Array.from({ length: MQTT_SUBSCRIPTIONS_PER_CLIENT_MAX }, (_, n) => [`t/${n}`, 0] as const);
    expect(new Set((await client.subscribe(Object.fromEntries(names))).codes)).toEqual(new Set([0]));
    expect((await client.subscribe({ more: 0, 't/0': 1 })).codes).toEqual([0x97, 1]);
    await client.publish({ topic: 't/0' });
    expect(await client.receive(1)).toHaveLength(1);
  },
);

conformance(
  'v5',
  ['MQTT-3.10.4-1', 'MQTT-3.10.4-6', 'MQTT-3.11.3-1', 'MQTT-3.11.3-2'],
  'UNSUBACK tells for each filter whether there was a subscription of just these characters',
  async (rig) => {
    const client = await V5Client.connect(rig);
    await client.subscribe({ 'a/b': 1, 'a/+': 1, '/a/b': 1 });
    client.send(unsubscribe(9, ['A/b', 'a/b', 'a/b', 'a/#', 'a/b/', '/a/b']));
    expect((await client.take('unsuback')).codes).toEqual([0x11, 0, 0x11, 0x11, 0x11, 0]);
    await client.publish({ topic: '/a/b', payload: 'gone' });
    await client.publish({ topic: 'a/b', payload: 'by wildcard' });
    expect((await client.receive(1))[0]?.payload).toBe('by wildcard');
  },
);

conformance(
  'v5',
  ['MQTT-3.10.4-2', 'MQTT-3.10.4-3'],
  'after UNSUBSCRIBE nothing new is sent, what is under way is completed',
  async (rig) => {
    const fields = kept('c');
    const client = await V5Client.connect(rig, fields);
    await client.subscribe({ t: 2 });
    const publisher = await V5Client.connect(rig);
    await publisher.publish({ topic: 't', qos: 2, payload: 'before' });
    const { id } = await client.take('publish');
    client.send(unsubscribe(9, ['t']));
    await client.take('unsuback');
    await publisher.publish({ topic: 't', qos: 2, payload: 'after' });
    expect(await client.waiting()).toEqual([]);
    await client.drop();
    const back = await V5Client.connect(rig, fields);
    const again = await back.take('publish');
    expect([again.id, again.payload, again.dup]).toEqual([id, 'before', true]);
    back.send(ack('pubrec', id));
    await back.take('pubrel');
    back.send(ack('pubcomp', id));
    expect(await back.waiting()).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-4.7.1-1', 'MQTT-4.7.1-2', 'MQTT-4.7.3-1'],
  'a filter with a wildcard out of its place, or empty, gets 0x8F in SUBACK or ends the connection',
  async (rig) => {
    const filters = ['', 'a#', '#/a', 'a/#/b', 'a/b#', '##', '+a', 'a+', 'a/b+/c', '++', 'a/+#', '+#'];
    for (const filter of filters) {
      const code = await verdict(rig, filter);
      expect([filter, [0x8f, 0x81, 0x82].includes(Number(code)), code]).toEqual([filter, true, code]);
    }
  },
);

conformance(
  'v5',
  ['MQTT-4.7.1-1', 'MQTT-4.7.1-2', 'MQTT-4.7.2-1', 'MQTT-4.7.3-4', 'MQTT-3.3.2-3', 'MQTT-4.5.0-1'],
  'filters match what section 4.7 says, to the character',
  async (rig) => {
    const topics = [
      'a',
      'a/',
      '/',
      '//',
      '/a',
      'a/b',
      'a//b',
      'A/b',
      'a/b/c',
      'a b',
      'ä',
      '$x',
      '$x/y',
      'a/$x',
    ];
    const filters = [
      '#',
      '+',
      '+/+',
      '/+',
      '+/',
      '/#',
      '//',
      'a/#',
      'a/+',
      'a/+/b',
      '+/+/+',
      'A/b',
      'ä',
      '$x/#',
      '$x/+',
      '$x',
    ];
    const publisher = await V5Client.connect(rig);
    for (const filter of filters) {
      const client = await V5Client.connect(rig);
      await client.subscribe({ [filter]: 0, end: 0 });
      for (const topic of topics.filter((name) => !name.startsWith('$')))
        publisher.send(publish({ topic, payload: topic }));
      publisher.send(publish({ topic: 'end', payload: 'end' }));
      const expected = topics.filter((topic) => !topic.startsWith('$') && naivelyMatches(filter, topic));
      const heard = (await messagesUntil(client, 'end'))
        .map(({ topic }) => topic)
        .filter((topic) => topic !== 'end');
      expect([filter, heard]).toEqual([filter, expected]);
      await client.leave();
    }
  },
);

conformance(
  'v5',
  ['MQTT-4.7.2-1'],
  'a leading wildcard does not match a topic that begins with $',
  async (rig) => {
    const client = await V5Client.connect(rig);
    await client.subscribe({ '#': 0, '+/x': 0, '+/+': 0 });
    const publisher = await V5Client.connect(rig);
    for (const topic of ['$x', '$x/x', '$SYS/x', '$y/x/z']) publisher.send(publish({ topic }));
    await publisher.publish({ topic: 'end', payload: 'end' });
    expect(await messagesUntil(client, 'end')).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-4.7.3-3', 'MQTT-4.7.3-4'],
  'the longest topic name there can be is taken, or refused with a reason, and case and spaces count',
  async (rig) => {
    const client = await V5Client.connect(rig);
    const longest = 'x'.repeat(65_535);
    const suback = await client.subscribe({ [longest]: 0, 'Ab c': 0 });
    expect([0, 0x8f, 0x97, 0x83]).toContain(suback.codes[0]);
    client.send(publish({ topic: longest, qos: 1, id: 99 }));
    const answer = await client.next();
    expect(['publish', 'puback', 'disconnect']).toContain(answer.command);
    if (answer.command === 'puback') expect([0, 0x10, 0x90, 0x83, 0x97]).toContain(answer.code);
    const other = await V5Client.connect(rig);
    await other.subscribe({ 'Ab c': 0 });
    for (const topic of ['ab c', 'Abc', 'AB C', 'Ab  c']) other.send(publish({ topic }));
    other.send(publish({ topic: 'Ab c', payload: 'this' }));
    expect((await other.receive(1))[0]?.payload).toBe('this');
  },
);

conformance(
  'v5',
  ['MQTT-4.7.1-1', 'MQTT-4.7.1-2', 'MQTT-4.7.3-1', 'MQTT-3.11.3-2'],
  'a filter of UNSUBSCRIBE with a wildcard out of its place gets 0x8F or 0x11, or ends the connection',
  async (rig) => {
    for (const filter of ['', 'a#', '#/a', 'a+', '+a', '$share/g', '$share//t']) {
      const client = await V5Client.connect(rig);
      client.send(unsubscribe(1, [filter]));
      const answer = await client.next();
      const code = answer.codes[0] ?? answer.code;
      expect([filter, [0x8f, 0x11, 0x81, 0x82].includes(code), code]).toEqual([filter, true, code]);
    }
  },
);
