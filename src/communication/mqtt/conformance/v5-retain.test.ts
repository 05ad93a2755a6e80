/** Retained messages, and what a subscription asks of them: section 3.3.1.3 and 3.8.3.1. */
import { expect } from 'vitest';
import type { Rig } from '../test-support.ts';
import { conformance } from './case.ts';
import { V5Client } from './v5-client.ts';
import { AS_PUBLISHED, publish, RETAINED_IF_NEW, RETAINED_NEVER } from './v5-packets.ts';

async function retained(rig: Rig, filter = '#'): Promise<readonly string[]> {
  const client = await V5Client.connect(rig);
  await client.subscribe({ [filter]: 0 });
  const messages = await client.waiting();
  expect(messages.every(({ retain }) => retain)).toBe(true);
  return messages.map(({ topic, payload }) => `${topic}=${payload}`).toSorted();
}

conformance(
  'v5',
  ['MQTT-3.3.1-5', 'MQTT-3.3.1-8'],
  'the last message with RETAIN of a topic is kept, whatever its QoS, one without leaves it alone',
  async (rig) => {
    const publisher = await V5Client.connect(rig);
    await publisher.publish({ topic: 'a', payload: '1', retain: true });
    await publisher.publish({ topic: 'b', payload: 'b', retain: true, qos: 2 });
    await publisher.publish({ topic: 'a', payload: 'live' });
    expect(await retained(rig)).toEqual(['a=1', 'b=b']);
    await publisher.publish({ topic: 'a', payload: '2', retain: true, qos: 2 });
    publisher.send(publish({ topic: 'b', payload: 'c', retain: true }));
    await publisher.publish({ topic: 'end' });
    expect(await retained(rig)).toEqual(['a=2', 'b=c']);
  },
);

conformance(
  'v5',
  ['MQTT-3.3.1-6', 'MQTT-3.3.1-7'],
  'an empty message with RETAIN is delivered, takes the kept one away and is not kept',
  async (rig) => {
    const publisher = await V5Client.connect(rig);
    const live = await V5Client.connect(rig);
    await publisher.publish({ topic: 'a', payload: '1', retain: true });
    await live.subscribe({ a: 1 | RETAINED_NEVER });
    await publisher.publish({ topic: 'a', payload: '', retain: true });
    expect((await live.receive(1)).map(({ topic, payload }) => [topic, payload])).toEqual([['a', '']]);
    await publisher.publish({ topic: 'never', payload: '', retain: true, qos: 2 });
    expect(await retained(rig)).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.3.1-9', 'MQTT-3.8.4-4'],
  'Retain Handling 0 sends kept messages at each SUBSCRIBE, after the SUBACK, at the lower QoS',
  async (rig) => {
    const publisher = await V5Client.connect(rig);
    await publisher.publish({ topic: 'r', payload: 'kept', retain: true, qos: 2 });
    const client = await V5Client.connect(rig);
    for (const qos of [0, 1, 2]) {
      expect((await client.subscribe({ r: qos })).codes).toEqual([qos]);
      const [message] = await client.receive(1);
      expect([message?.payload, message?.qos, message?.retain]).toEqual(['kept', qos, true]);
    }
  },
);

conformance(
  'v5',
  ['MQTT-3.3.1-10'],
  'Retain Handling 1 sends kept messages for a subscription that is new, only',
  async (rig) => {
    const client = await V5Client.connect(rig);
    await client.publish({ topic: 'r', payload: 'kept', retain: true });
    await client.subscribe({ r: 1 | RETAINED_IF_NEW });
    expect((await client.receive(1))[0]?.payload).toBe('kept');
    await client.subscribe({ r: 0 | RETAINED_IF_NEW });
    expect(await client.waiting()).toEqual([]);
    await client.subscribe({ '+': 1 | RETAINED_IF_NEW });
    expect(await client.receive(1)).toHaveLength(1);
  },
);

conformance(
  'v5',
  ['MQTT-3.3.1-10', 'MQTT-3.1.2-23'],
  'Retain Handling 1 knows the subscriptions of a resumed session',
  async (rig) => {
    const fields = { clientId: 'c', clean: false, properties: [['sessionExpiry', 100]] } as const;
    const first = await V5Client.connect(rig, fields);
    await first.subscribe({ r: 1 });
    await first.drop();
    const publisher = await V5Client.connect(rig);
    publisher.send(publish({ topic: 'r', payload: 'kept', retain: true }));
    await publisher.publish({ topic: 'end' });
    const second = await V5Client.connect(rig, fields);
    await second.subscribe({ r: 1 | RETAINED_IF_NEW });
    const messages = await second.waiting();
    expect(messages.filter(({ retain }) => retain)).toEqual([]);
  },
);

conformance('v5', ['MQTT-3.3.1-11'], 'Retain Handling 2 sends no kept messages', async (rig) => {
  const client = await V5Client.connect(rig);
  await client.publish({ topic: 'r', payload: 'kept', retain: true });
  for (let n = 0; n < 2; n += 1) await client.subscribe({ r: 1 | RETAINED_NEVER });
  expect(await client.waiting()).toEqual([]);
});

conformance(
  'v5',
  ['MQTT-3.3.1-12', 'MQTT-3.3.1-13'],
  'RETAIN of a live message is passed on only where it is asked for',
  async (rig) => {
    const plain = await V5Client.connect(rig);
    const faithful = await V5Client.connect(rig);
    await plain.subscribe({ t: 1 });
    await faithful.subscribe({ t: 1 | AS_PUBLISHED });
    const publisher = await V5Client.connect(rig);
    await publisher.publish({ topic: 't', retain: true });
    await publisher.publish({ topic: 't', retain: false });
    expect((await plain.receive(2)).map(({ retain }) => retain)).toEqual([false, false]);
    expect((await faithful.receive(2)).map(({ retain }) => retain)).toEqual([true, false]);
  },
);

conformance(
  'v5',
  ['MQTT-3.3.1-12', 'MQTT-3.3.1-13'],
  'RETAIN asked for is kept with what waits for a client that is away',
  async (rig) => {
    const fields = { clientId: 'c', clean: false, properties: [['sessionExpiry', 100]] } as const;
    const first = await V5Client.connect(rig, fields);
    await first.subscribe({ faithful: 1 | AS_PUBLISHED, plain: 1 });
    await first.drop();
    const publisher = await V5Client.connect(rig);
    for (const topic of ['faithful', 'plain']) await publisher.publish({ topic, retain: true });
    const second = await V5Client.connect(rig, fields);
    expect((await second.receive(2)).map(({ topic, retain }) => [topic, retain])).toEqual([
      ['faithful', true],
      ['plain', false],
    ]);
  },
);

conformance(
  'v5',
  ['MQTT-3.3.1-9', 'MQTT-3.3.2-17', 'MQTT-3.3.2-18'],
  'a kept message has the properties it came with',
  async (rig) => {
    const client = await V5Client.connect(rig);
    const pairs = [
      ['b', '1'],
      ['a', '2'],
    ] as const;
    const properties = [
      ['userProperty', pairs[0]],
      ['contentType', 'text/plain'],
      ['userProperty', pairs[1]],
      ['topicAlias', 3],
    ] as const;
    await client.publish({ topic: 'r', payload: 'kept', retain: true, properties });
    await client.subscribe({ r: 0 });
    const message = await client.take('publish');
    expect([message.get('contentType'), message.all('userProperty'), message.all('topicAlias')]).toEqual([
      'text/plain',
      pairs,
      [],
    ]);
  },
);

conformance(
  'v5',
  ['MQTT-3.3.1-9', 'MQTT-4.7.2-1'],
  'each of several filters gets its kept messages, wildcards do not reach into $ topics',
  async (rig) => {
    const client = await V5Client.connect(rig);
    for (const topic of ['a/1', 'a/2', 'b/1']) await client.publish({ topic, payload: topic, retain: true });
    await client.subscribe({ 'a/+': 1, 'b/#': 1, 'c/#': 1 });
    const messages = await client.receive(3);
    expect(messages.map(({ topic }) => topic).toSorted()).toEqual(['a/1', 'a/2', 'b/1']);
    expect(await client.waiting()).toEqual([]);
  },
);
