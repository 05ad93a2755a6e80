/** Sessions of MQTT 3.1.1: what is kept while a client is away, and for how long. */
import { expect } from 'vitest';
import { DISCONNECT, puback, publishPacket, pubrel } from '../test-client.ts';
import { startRig } from '../test-support.ts';
import { conformance } from './case.ts';
import { greet, join, messages, publish, pubrec, subscribe, texts, vanish } from './v311-steps.ts';

const DAY_MS = 86_400_000;

conformance(
  'v311',
  ['MQTT-3.1.2-4', 'MQTT-4.1.0-1'],
  'CleanSession 0 resumes the subscriptions, however the client left',
  async (rig) => {
    const publisher = await join(rig, 'p');
    const first = await join(rig, 'c', { clean: false });
    await subscribe(first, { 'a/+': 1 });
    await vanish(rig, first);
    const { client: second, connack } = await greet(rig, 'c', { clean: false });
    expect(connack).toBe('20020100');
    await publish(publisher, 'a/1', 'one');
    expect(await texts(second, 1)).toEqual(['a/1 one 1']);
    second.send(puback(1), DISCONNECT);
    await second.closed;
    const { client: third, connack: again } = await greet(rig, 'c', { clean: false });
    expect(again).toBe('20020100');
    await publish(publisher, 'a/2', 'two');
    expect((await texts(third, 1)).at(-1)).toBe('a/2 two 1');
  },
);

conformance(
  'v311',
  ['MQTT-3.1.2-4', 'MQTT-3.2.2-3'],
  'CleanSession 0 makes a session where there is none',
  async (rig) => {
    const { client, connack } = await greet(rig, 'c', { clean: false });
    expect(connack).toBe('20020000');
    await publish(await join(rig, 'p'), 'a', 'x');
    expect(await messages(client, 0)).toEqual([]);
  },
);

conformance(
  'v311',
  ['MQTT-3.1.2-5', 'MQTT-4.5.0-1', 'MQTT-4.6.0-6'],
  'QoS 1 and 2 wait for a client that is away, in order, and are told once',
  async (rig) => {
    const client = await join(rig, 'c', { clean: false });
    await subscribe(client, { 'a/#': 2 });
    client.send(DISCONNECT);
    await client.closed;
    const publisher = await join(rig, 'p');
    for (let i = 1; i <= 5; i += 1) {
      await publish(publisher, 'a/1', `${i}`, { qos: 1 });
      await publish(publisher, 'a/2', `${i}`, { qos: 2 });
    }
    const { client: back, connack } = await greet(rig, 'c', { clean: false });
    expect(connack).toBe('20020100');
    const got = await messages(back, 10);
    const seen = got.map(({ topic, payload, qos }) => `${topic} ${payload} ${qos}`);
    expect(seen.filter((text) => text.startsWith('a/1'))).toEqual([1, 2, 3, 4, 5].map((i) => `a/1 ${i} 1`));
    expect(seen.filter((text) => text.startsWith('a/2'))).toEqual([1, 2, 3, 4, 5].map((i) => `a/2 ${i} 2`));
    // They were never sent before, so they are no repetition [MQTT-4.3.2-1].
    expect(got.filter(({ dup }) => dup)).toEqual([]);
  },
);

conformance('v311', ['MQTT-3.1.2-5'], 'what waits is bound by the granted QoS', async (rig) => {
  const client = await join(rig, 'c', { clean: false });
  await subscribe(client, { a: 1 });
  await vanish(rig, client);
  await publish(await join(rig, 'p'), 'a', 'x', { qos: 2 });
  expect(await texts(await join(rig, 'c', { clean: false }), 1)).toEqual(['a x 1']);
});

conformance(
  'v311',
  ['MQTT-3.1.2-6', 'MQTT-3.1.4-3'],
  'CleanSession 1 discards what was kept, for good',
  async (rig) => {
    const kept = await join(rig, 'c', { clean: false });
    await subscribe(kept, { a: 1 });
    await vanish(rig, kept);
    const publisher = await join(rig, 'p');
    await publish(publisher, 'a', 'waits');
    const { client: clean, connack } = await greet(rig, 'c', { clean: true });
    expect(connack).toBe('20020000');
    await publish(publisher, 'a', 'later');
    expect(await messages(clean, 0)).toEqual([]);
    await vanish(rig, clean);
    const { client: last, connack: fresh } = await greet(rig, 'c', { clean: false });
    expect(fresh).toBe('20020000');
    await publish(publisher, 'a', 'last');
    expect(await messages(last, 0)).toEqual([]);
  },
);

conformance(
  'v311',
  ['MQTT-3.1.2-6'],
  'a session with CleanSession 1 ends with its connection',
  async (rig) => {
    const clean = await join(rig, 'c', { clean: true });
    await subscribe(clean, { a: 1 });
    await vanish(rig, clean);
    const publisher = await join(rig, 'p');
    await publish(publisher, 'a', 'x');
    const { client, connack } = await greet(rig, 'c', { clean: false });
    expect(connack).toBe('20020000');
    await publish(publisher, 'a', 'y');
    expect(await messages(client, 0)).toEqual([]);
  },
);

conformance(
  'v311',
  ['MQTT-3.1.2-6', 'MQTT-4.3.3-2'],
  'the QoS 2 ids of a publisher go with its session',
  async (rig) => {
    const first = await join(rig, 'p', { clean: false });
    first.send(publishPacket('t', 'one', { qos: 2, messageId: 7 }));
    expect(await first.nextHex()).toBe('50020007');
    await vanish(rig, first);
    const second = await join(rig, 'p', { clean: true });
    second.send(publishPacket('t', 'two', { qos: 2, messageId: 7 }));
    expect(await second.nextHex()).toBe('50020007');
    expect(rig.log.texts).toEqual(['one', 'two']);
  },
);

conformance('v311', ['MQTT-3.1.3-2'], 'state belongs to a client id', async (rig) => {
  for (const id of ['one', 'two']) {
    const client = await join(rig, id, { clean: false });
    await subscribe(client, { [id]: 1 });
    await vanish(rig, client);
  }
  await publish(await join(rig, 'p'), 'two', 'x');
  expect((await greet(rig, 'One', { clean: false })).connack).toBe('20020000');
  expect(await messages(await join(rig, 'one', { clean: false }), 0)).toEqual([]);
  expect(await texts(await join(rig, 'two', { clean: false }), 1)).toEqual(['two x 1']);
});

conformance(
  'v311',
  ['MQTT-4.1.0-1', 'MQTT-4.4.0-1'],
  'a kept session outlives the server: subscriptions, what waits, and what is under way',
  async (rig) => {
    const client = await join(rig, 'c', { clean: false });
    await subscribe(client, { 'a/#': 2 });
    const publisher = await join(rig, 'p', { clean: false });
    await publish(publisher, 'a/1', 'under way', { qos: 1 });
    await publish(publisher, 'a/2', 'released', { qos: 2, id: 2 });
    const sent = await messages(client, 2);
    const released = sent.find(({ qos }) => qos === 2)?.id ?? 0;
    client.send(pubrec(released));
    expect((await client.next()).header).toBe(0x62);
    await vanish(rig, client);
    await publish(publisher, 'a/3', 'waits', { qos: 1, id: 3 });
    publisher.send(publishPacket('a/4', 'once', { qos: 2, messageId: 4 }));
    expect(await publisher.nextHex()).toBe('50020004');
    await rig.server.stop();

    await using next = await startRig({ log: rig.log, state: rig.state });
    const { client: back, connack } = await greet(next, 'c', { clean: false });
    expect(connack).toBe('20020100');
    const packets = [await back.next(), await back.next(), await back.next(), await back.next()];
    expect(packets.map(({ header }) => header >> 4).toSorted((a, b) => a - b)).toEqual([3, 3, 3, 6]);
    expect(packets.find(({ header }) => header >> 4 === 6)?.body.readUInt16BE(0)).toBe(released);
    const { client: again, connack: known } = await greet(next, 'p', { clean: false });
    expect(known).toBe('20020100');
    again.send(publishPacket('a/4', 'once', { qos: 2, messageId: 4, dup: true }), pubrel(4));
    expect([await again.nextHex(), await again.nextHex()]).toEqual(['50020004', '70020004']);
    expect(next.log.texts.filter((text) => text === 'once')).toHaveLength(1);
  },
);

conformance(
  'v311',
  ['MQTT-4.1.0-2'],
  'no session ends while its client is connected, however long',
  async (rig) => {
    const client = await join(rig, 'c', { clean: false });
    await subscribe(client, { a: 1 });
    const publisher = await join(rig, 'p');
    for (let day = 0; day < 30; day += 1) rig.clock.advance(DAY_MS);
    await publish(publisher, 'a', 'x');
    expect(await texts(client, 1)).toEqual(['a x 1']);
    await vanish(rig, client);
    expect((await greet(rig, 'c', { clean: false })).connack).toBe('20020100');
  },
);
