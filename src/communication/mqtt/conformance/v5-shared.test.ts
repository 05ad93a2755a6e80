/** Shared subscriptions: section 4.8.2. */
import { expect } from 'vitest';
import type { Rig } from '../test-support.ts';
import { conformance } from './case.ts';
import { messagesUntil, V5Client } from './v5-client.ts';
import { ack, type ConnectFields, publish, subscribe, unsubscribe } from './v5-packets.ts';

const GROUP = '$share/g/s/#';

const kept = (clientId: string, receiveMaximum = 1000): ConnectFields => ({
  clientId,
  clean: false,
  properties: [
    ['sessionExpiry', 100],
    ['receiveMaximum', receiveMaximum],
  ],
});

async function member(rig: Rig, options: number, fields: ConnectFields = {}): Promise<V5Client> {
  const client = await V5Client.connect(rig, fields);
  expect((await client.subscribe({ [GROUP]: options, end: 1 })).codes).toEqual([options, 1]);
  return client;
}

conformance(
  'v5',
  ['MQTT-4.8.2-1', 'MQTT-4.8.2-2'],
  'a shared filter without name, with a wildcard in it or without a filter gets 0x8F or ends the connection',
  async (rig) => {
    const filters = [
      '$share/',
      '$share/g',
      '$share/g/',
      '$share//t',
      '$share/g+/t',
      '$share/g#/t',
      '$share/+/t',
      '$share/#',
      '$share/g/a#',
    ];
    for (const filter of filters) {
      const client = await V5Client.connect(rig);
      client.send(subscribe(1, [[filter, 0]]));
      const answer = await client.next();
      const code = answer.codes[0] ?? answer.code;
      expect([filter, [0x8f, 0x81, 0x82].includes(code), code]).toEqual([filter, true, code]);
    }
  },
);

conformance(
  'v5',
  ['MQTT-4.8.2-1', 'MQTT-4.8.2-2'],
  'each message goes to one member of a group, to each group, and to those who do not share',
  async (rig) => {
    const members = [await member(rig, 1), await member(rig, 1)];
    const other = await V5Client.connect(rig);
    await other.subscribe({ '$share/h/s/#': 1, end: 1 });
    const alone = await V5Client.connect(rig);
    await alone.subscribe({ 's/#': 1, end: 1 });
    const publisher = await V5Client.connect(rig);
    const sent = Array.from({ length: 20 }, (_, n) => String(n));
    for (const payload of sent) await publisher.publish({ topic: `s/${payload}`, payload });
    await publisher.publish({ topic: 'end', payload: 'end' });
    const shares: string[][] = [];
    for (const client of members)
      shares.push((await messagesUntil(client, 'end')).map(({ payload }) => payload));
    expect(shares.flat().toSorted()).toEqual(sent.toSorted());
    expect(shares.every((share) => share.length > 0)).toBe(true);
    for (const client of [other, alone])
      expect((await messagesUntil(client, 'end')).map(({ payload }) => payload)).toEqual(sent);
  },
);

conformance('v5', ['MQTT-4.8.2-3'], 'each member gets messages at its own QoS', async (rig) => {
  const members = [await member(rig, 0), await member(rig, 1), await member(rig, 2)];
  const publisher = await V5Client.connect(rig);
  for (let n = 0; n < 12; n += 1) await publisher.publish({ topic: 's/t', qos: 2 });
  await publisher.publish({ topic: 'end', payload: 'end' });
  let count = 0;
  for (const [granted, client] of members.entries()) {
    const messages = await messagesUntil(client, 'end');
    expect(messages.every(({ qos }) => qos === granted)).toBe(true);
    count += messages.length;
  }
  expect(count).toBe(12);
});

conformance(
  'v5',
  ['MQTT-4.8.2-4', 'MQTT-4.8.2-5'],
  'a QoS 2 delivery under way waits for its member, and ends with its session',
  async (rig) => {
    const first = await member(rig, 2, kept('first'));
    const publisher = await V5Client.connect(rig);
    await publisher.publish({ topic: 's/1', payload: 'one', qos: 2 });
    const { id } = await first.take('publish');
    const second = await member(rig, 2, kept('second'));
    await first.drop();
    expect(await second.waiting()).toEqual([]);
    const back = await V5Client.connect(rig, kept('first'));
    const again = await back.take('publish');
    expect([again.id, again.dup, again.payload]).toEqual([id, true, 'one']);
    back.send(ack('pubrec', id));
    await back.take('pubrel');
    await back.drop();
    const third = await V5Client.connect(rig, kept('first'));
    expect((await third.take('pubrel')).id).toBe(id);
    third.send(ack('pubcomp', id));
    expect(await third.waiting()).toEqual([]);
    await third.leave(0, [['sessionExpiry', 0]]);
    expect(await second.waiting()).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-4.8.2-5'],
  'a QoS 2 delivery whose session ends before it is complete goes to nobody else',
  async (rig) => {
    const first = await member(rig, 2, kept('first'));
    const publisher = await V5Client.connect(rig);
    await publisher.publish({ topic: 's/1', payload: 'one', qos: 2 });
    await first.take('publish');
    const second = await member(rig, 2, kept('second'));
    await first.leave(0, [['sessionExpiry', 0]]);
    await publisher.publish({ topic: 'end', payload: 'end' });
    expect(await messagesUntil(second, 'end')).toEqual([]);
  },
);

conformance('v5', ['MQTT-4.8.2-6'], 'a message that a member refuses goes to nobody else', async (rig) => {
  const first = await member(rig, 2);
  const publisher = await V5Client.connect(rig);
  for (const qos of [1, 2]) {
    await publisher.publish({ topic: 's/t', qos });
    const { id } = await first.take('publish');
    const second = await member(rig, 2);
    first.send(ack(qos === 1 ? 'puback' : 'pubrec', id, 0x80));
    expect(await first.waiting()).toEqual([]);
    await publisher.publish({ topic: 'end', payload: 'end' });
    expect(await messagesUntil(second, 'end')).toEqual([]);
    expect(await messagesUntil(first, 'end')).toEqual([]);
    await second.leave();
  }
});

conformance(
  'v5',
  ['MQTT-4.8.2-3', 'MQTT-4.5.0-1'],
  'messages for a group go to the members that are left when one leaves or unsubscribes',
  async (rig) => {
    const stays = await member(rig, 1);
    const leaves = await member(rig, 1);
    const unsubscribes = await member(rig, 1);
    await leaves.leave();
    unsubscribes.send(unsubscribe(77, [GROUP]));
    expect((await unsubscribes.take('unsuback')).codes).toEqual([0]);
    const publisher = await V5Client.connect(rig);
    for (let n = 0; n < 6; n += 1) await publisher.publish({ topic: 's/t', payload: String(n) });
    await publisher.publish({ topic: 'end', payload: 'end' });
    expect((await messagesUntil(stays, 'end')).map(({ payload }) => payload)).toEqual([
      '0',
      '1',
      '2',
      '3',
      '4',
      '5',
    ]);
    expect(await messagesUntil(unsubscribes, 'end')).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-4.5.0-1', 'MQTT-4.8.2-4'],
  'a member that is away with a kept session is not the one to wait for while another is there',
  async (rig) => {
    const away = await member(rig, 1, kept('away'));
    const here = await member(rig, 1, kept('here'));
    await away.drop();
    const publisher = await V5Client.connect(rig);
    for (let n = 0; n < 6; n += 1) await publisher.publish({ topic: 's/t', payload: String(n) });
    await publisher.publish({ topic: 'end', payload: 'end' });
    const heard = (await messagesUntil(here, 'end')).map(({ payload }) => payload);
    const back = await V5Client.connect(rig, kept('away'));
    const rest = (await messagesUntil(back, 'end')).map(({ payload }) => payload);
    expect([...heard, ...rest].toSorted()).toEqual(['0', '1', '2', '3', '4', '5']);
  },
);

conformance(
  'v5',
  ['MQTT-3.3.1-9', 'MQTT-3.3.4-3'],
  'a shared subscription gets no retained messages, and its identifier with the live ones',
  async (rig) => {
    const publisher = await V5Client.connect(rig);
    await publisher.publish({ topic: 's/t', payload: 'kept', retain: true });
    const client = await V5Client.connect(rig);
    await client.subscribe({ [GROUP]: 1 }, [['subscriptionId', 9]]);
    expect(await client.waiting()).toEqual([]);
    publisher.send(publish({ topic: 's/t', payload: 'live' }));
    const [message] = await client.receive(1);
    expect([message?.payload, message?.all('subscriptionId')]).toEqual(['live', [9]]);
  },
);
