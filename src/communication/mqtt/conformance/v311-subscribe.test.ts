/** SUBSCRIBE, UNSUBSCRIBE and matching in MQTT 3.1.1: sections 3.8 to 3.11, 3.3.5, 4.5 and 4.7. */
import { expect } from 'vitest';
import { puback, publishPacket, subscribePacket, unsubscribePacket, until } from '../test-client.ts';
import { conformance } from './case.ts';
import {
  field,
  join,
  messages,
  pubcomp,
  publish,
  pubrec,
  raw,
  subscribe,
  texts,
  vanish,
} from './v311-steps.ts';

conformance(
  'v311',
  ['MQTT-3.8.4-1', 'MQTT-3.8.4-2', 'MQTT-2.3.1-7', 'MQTT-3.8.4-5', 'MQTT-2.2.2-1'],
  'SUBSCRIBE is answered by SUBACK with its id and a code for each filter',
  async (rig) => {
    const client = await join(rig, 'c');
    client.send(subscribePacket(0x1234, { a: 0, b: 1, c: 2 }));
    expect(await client.nextHex()).toBe('90051234000102');
  },
);

conformance(
  'v311',
  ['MQTT-3.8.4-6', 'MQTT-3.9.3-1', 'MQTT-3.9.3-2', 'MQTT-3.8.4-4'],
  'codes stand in the order of the filters, 0x80 where one is refused',
  async (rig) => {
    const device = await rig.client('d1');
    device.send(subscribePacket(1, { 'v1/d1/a': 1, 'v1/d2/a': 1, 'v1/d1/b': 2, '#': 0, 'v1/d1/c': 0 }));
    expect(await device.nextHex()).toBe('900700010180028000');
    await publish(await join(rig, 'p'), 'v1/d1/b', 'x', { qos: 2 });
    expect(await texts(device, 1)).toEqual(['v1/d1/b x 2']);
  },
);

conformance(
  'v311',
  ['MQTT-3.8.4-6'],
  'messages come at the granted QoS, or their own if that is lower',
  async (rig) => {
    const publisher = await join(rig, 'p');
    const seen: string[] = [];
    for (const granted of [0, 1, 2] as const) {
      const client = await join(rig, `c${granted}`);
      expect(await subscribe(client, { t: granted })).toEqual([granted]);
      for (const qos of [0, 1, 2] as const) await publish(publisher, 't', `${qos}`, { qos });
      seen.push(...(await texts(client, 3)));
    }
    expect(seen).toEqual(
      ['0 0', '1 0', '2 0', '0 0', '1 1', '2 1', '0 0', '1 1', '2 2'].map((end) => `t ${end}`),
    );
  },
);

conformance(
  'v311',
  ['MQTT-3.8.4-3'],
  'the same filter again replaces the subscription and its QoS',
  async (rig) => {
    const client = await join(rig, 'c');
    await subscribe(client, { 't/+': 2 });
    await subscribe(client, { 't/+': 0 }, 2);
    const publisher = await join(rig, 'p');
    await publish(publisher, 't/1', 'x', { qos: 2 });
    expect(await texts(client, 1)).toEqual(['t/1 x 0']);
    await subscribe(client, { 't/+': 1 }, 3);
    await publish(publisher, 't/1', 'y', { qos: 2 });
    expect(await texts(client, 1)).toEqual(['t/1 y 1']);
  },
);

conformance(
  'v311',
  ['MQTT-3.8.4-3'],
  'the flow of messages is not interrupted while a subscription is replaced',
  async (rig) => {
    const client = await join(rig, 'c');
    await subscribe(client, { t: 1 });
    const publisher = await join(rig, 'p');
    for (let i = 0; i < 50; i += 1) {
      publisher.send(publishPacket('t', `${i}`, { qos: 1, messageId: i + 1 }));
      client.send(subscribePacket(i + 2, { t: 1 }));
    }
    await until(() => client.waiting.length === 100);
    const got = client.waiting.filter(({ header }) => header >> 4 === 3);
    expect(got.map(({ body }) => body.toString('utf8', 5))).toEqual(
      Array.from({ length: 50 }, (_, i) => `${i}`),
    );
  },
);

conformance(
  'v311',
  ['MQTT-3.8.4-4', 'MQTT-3.8.4-5'],
  'one filter twice in a packet: two codes, and the last one holds',
  async (rig) => {
    const client = await join(rig, 'c');
    client.send(raw(0x82, `0001 ${field('t')} 02 ${field('t')} 00`));
    expect(await client.nextHex()).toBe('900400010200');
    await publish(await join(rig, 'p'), 't', 'x', { qos: 2 });
    expect(await texts(client, 1)).toEqual(['t x 0']);
  },
);

conformance(
  'v311',
  ['MQTT-3.3.5-1'],
  'overlapping filters deliver one copy at the highest matching QoS',
  async (rig) => {
    const client = await join(rig, 'c');
    await subscribe(client, { 'a/#': 0, 'a/+': 2, 'a/b': 1, '#': 0, 'x/#': 2 });
    const publisher = await join(rig, 'p');
    for (const qos of [2, 1, 0] as const) await publish(publisher, 'a/b', 'x', { qos });
    await publish(publisher, 'a/b/c', 'deep', { qos: 2 });
    expect(await texts(client, 4)).toEqual(['a/b x 2', 'a/b x 1', 'a/b x 0', 'a/b/c deep 0']);
  },
);

conformance(
  'v311',
  ['MQTT-3.3.5-1', 'MQTT-3.3.1-6'],
  'retained messages of overlapping filters come at their QoS',
  async (rig) => {
    await publish(await join(rig, 'p'), 'a/b', 'x', { qos: 2, retain: true });
    const client = await join(rig, 'c');
    await subscribe(client, { 'a/#': 1, 'a/b': 2 });
    const got = await messages(client, 2);
    expect(got.map(({ qos }) => qos).toSorted((a, b) => a - b)).toEqual([1, 2]);
  },
);

conformance(
  'v311',
  ['MQTT-4.5.0-1'],
  'a message goes to every session that matches, and to no other',
  async (rig) => {
    const [one, two, other] = [await join(rig, 'one'), await join(rig, 'two'), await join(rig, 'other')];
    const away = await join(rig, 'away', { clean: false });
    await subscribe(one, { 'a/b': 1 });
    await subscribe(two, { 'a/#': 1 });
    await subscribe(other, { 'a/c': 1 });
    await subscribe(away, { '+/b': 1 });
    await vanish(rig, away);
    const publisher = await join(rig, 'p');
    await subscribe(publisher, { 'a/b': 0 });
    publisher.send(publishPacket('a/b', 'x', { qos: 1, messageId: 1 }));
    // Its own messages come to the publisher, too.
    await until(() => publisher.waiting.length === 2);
    expect([await texts(one, 1), await texts(two, 1), await texts(other, 0)]).toEqual([
      ['a/b x 1'],
      ['a/b x 1'],
      [],
    ]);
    expect(await texts(await join(rig, 'away', { clean: false }), 1)).toEqual(['a/b x 1']);
  },
);

conformance(
  'v311',
  ['MQTT-3.10.4-4', 'MQTT-3.10.4-5', 'MQTT-2.3.1-7', 'MQTT-2.2.2-1'],
  'UNSUBSCRIBE is answered by UNSUBACK with its id, even if there was nothing',
  async (rig) => {
    const client = await join(rig, 'c');
    await subscribe(client, { a: 0 });
    client.send(unsubscribePacket(0x4321, 'a'), unsubscribePacket(2, 'a'), unsubscribePacket(3, 'never/+'));
    expect([await client.nextHex(), await client.nextHex(), await client.nextHex()]).toEqual([
      'b0024321',
      'b0020002',
      'b0020003',
    ]);
  },
);

conformance(
  'v311',
  ['MQTT-3.10.4-1', 'MQTT-3.10.4-2'],
  'UNSUBSCRIBE takes the filter that is equal, character by character, and nothing it matches',
  async (rig) => {
    const client = await join(rig, 'c');
    await subscribe(client, { 'a/b': 1 });
    client.send(unsubscribePacket(2, 'a/+', '#', 'A/b', 'a/b/', '/a/b', 'a/b/#'));
    expect(await client.nextHex()).toBe('b0020002');
    const publisher = await join(rig, 'p');
    await publish(publisher, 'a/b', 'still');
    expect(await texts(client, 1)).toEqual(['a/b still 1']);
    client.send(unsubscribePacket(3, 'a/b'));
    expect(await client.nextHex()).toBe('b0020003');
    await publish(publisher, 'a/b', 'gone');
    expect(await messages(client, 0)).toEqual([]);
  },
);

conformance(
  'v311',
  ['MQTT-3.10.4-6'],
  'many filters in one UNSUBSCRIBE all go, with one UNSUBACK',
  async (rig) => {
    const client = await join(rig, 'c');
    await subscribe(client, { a: 0, 'b/+': 0, 'c/#': 0, d: 0 });
    client.send(unsubscribePacket(2, 'a', 'c/#', 'b/+'));
    expect(await client.nextHex()).toBe('b0020002');
    const publisher = await join(rig, 'p');
    for (const topic of ['a', 'b/1', 'c/1/2', 'd']) await publish(publisher, topic, 'x');
    expect(await texts(client, 1)).toEqual(['d x 0']);
  },
);

conformance(
  'v311',
  ['MQTT-3.10.4-3'],
  'what was under way for a deleted subscription is completed, over a reconnect too',
  async (rig) => {
    const client = await join(rig, 'c', { clean: false });
    await subscribe(client, { t: 2 });
    const publisher = await join(rig, 'p');
    await publish(publisher, 't', 'one', { qos: 1 });
    await publish(publisher, 't', 'two', { qos: 2 });
    const sent = await messages(client, 2);
    client.send(unsubscribePacket(2, 't'));
    expect(await client.nextHex()).toBe('b0020002');
    await publish(publisher, 't', 'three', { qos: 2 });
    expect(await messages(client, 0)).toEqual([]);
    await vanish(rig, client);
    const back = await join(rig, 'c', { clean: false });
    expect(await messages(back, 2)).toEqual(sent.map((each) => ({ ...each, dup: true })));
    const [one, two] = sent.map(({ id }) => id);
    back.send(puback(one ?? 0), pubrec(two ?? 0));
    expect((await back.next()).header).toBe(0x62);
    back.send(pubcomp(two ?? 0));
    expect(await back.settled()).toEqual([]);
  },
);

/** Filter, topics that match it, topics that do not: the examples of section 4.7, and more of their kind. */
const MATCHES: readonly (readonly [
  filter: string,
  matching: readonly string[],
  others: readonly string[],
])[] = [
  [
    'sport/tennis/player1/#',
    ['sport/tennis/player1', 'sport/tennis/player1/ranking', 'sport/tennis/player1/score/wimbledon'],
    ['sport/tennis/player', 'sport/tennis/player10', 'sport/tennis'],
  ],
  ['sport/#', ['sport', 'sport/', 'sport/a/b'], ['sports', '/sport', 'Sport']],
  ['#', ['a', '/', '/finance', 'a//b', 'a/$x'], ['$x', '$SYS/a']],
  [
    'sport/tennis/+',
    ['sport/tennis/player1', 'sport/tennis/player2', 'sport/tennis/'],
    ['sport/tennis/player1/ranking', 'sport/tennis'],
  ],
  ['sport/+', ['sport/', 'sport/a'], ['sport', 'sport/a/b']],
  ['+', ['finance', 'a b'], ['/finance', 'a/', '$x', '/']],
  ['+/+', ['/finance', 'a/b', '/', 'a/'], ['finance', 'a/b/c', '$x/a']],
  ['/+', ['/finance', '/'], ['finance', '//', '/a/b']],
  ['+/', ['a/', '/'], ['a', 'a/b', '$x/']],
  ['+/tennis/#', ['sport/tennis', '/tennis/a/b'], ['tennis', 'a/b/tennis', '$x/tennis']],
  ['sport/+/player1', ['sport/tennis/player1', 'sport//player1'], ['sport/player1', 'sport/a/b/player1']],
  ['/', ['/'], ['a', '//', '/a']],
  ['//', ['//'], ['/', '///']],
  ['a//b', ['a//b'], ['a/b', 'a/x/b']],
  ['$x/#', ['$x/a', '$x'], ['x/a', 'a/$x']],
  ['$x/+', ['$x/a'], ['$x', '$y/a']],
];

conformance(
  'v311',
  ['MQTT-4.7.1-2', 'MQTT-4.7.1-3', 'MQTT-3.8.3-2', 'MQTT-3.3.2-3'],
  'wildcards match the topics that section 4.7 says, and no other',
  async (rig) => {
    const topics = [...new Set(MATCHES.flatMap(([, matching, others]) => [...matching, ...others]))].filter(
      (topic) => !topic.startsWith('$SYS'),
    );
    const publisher = await join(rig, 'p');
    for (const [filter, matching, others] of MATCHES) {
      const client = await join(rig, 'c');
      expect([filter, await subscribe(client, { [filter]: 0, end: 0 })]).toEqual([filter, [0, 0]]);
      for (const topic of topics) publisher.send(publishPacket(topic, 'x'));
      publisher.send(publishPacket('end', 'x'));
      await until(() => client.waiting.some(({ body }) => body.toString('utf8', 2) === 'endx'));
      const got = new Set((await messages(client, 1)).map(({ topic }) => topic));
      expect([filter, matching.filter((topic) => !got.has(topic))]).toEqual([filter, []]);
      expect([filter, others.filter((topic) => got.has(topic))]).toEqual([filter, []]);
    }
  },
);

conformance(
  'v311',
  ['MQTT-4.7.2-1'],
  'a wildcard at the start does not match topics with $, retained ones neither',
  async (rig) => {
    const publisher = await join(rig, 'p');
    await publish(publisher, '$own/a', 'retained', { retain: true });
    const [wild, exact] = [await join(rig, 'wild'), await join(rig, 'exact')];
    await subscribe(wild, { '#': 0, '+/a': 0, '+/#': 0 });
    await subscribe(exact, { '$own/#': 0 });
    await publish(publisher, '$own/a', 'live');
    expect(await texts(exact, 2)).toEqual(['$own/a retained 0', '$own/a live 0']);
    expect(await messages(wild, 0)).toEqual([]);
  },
);

conformance(
  'v311',
  ['MQTT-4.7.3-4', 'MQTT-3.3.2-3'],
  'topics are compared as they are: case, spaces, composition',
  async (rig) => {
    const client = await join(rig, 'c');
    const composed = '\u00C5';
    await subscribe(client, { ACCOUNTS: 0, 'a b': 0, [composed]: 0, 'x/%2F': 0, '\u{1F600}': 0, end: 0 });
    const publisher = await join(rig, 'p');
    const topics = [
      'Accounts',
      'ACCOUNTS',
      'a  b',
      'a b',
      ' a b',
      'A\u030A',
      composed,
      '\u212B',
      'x//',
      'x/%2F',
      '\u{1F600}',
    ];
    for (const topic of [...topics, 'end']) await publish(publisher, topic, 'x');
    expect((await messages(client, 6)).map(({ topic }) => topic)).toEqual([
      'ACCOUNTS',
      'a b',
      composed,
      'x/%2F',
      '\u{1F600}',
      'end',
    ]);
  },
);
