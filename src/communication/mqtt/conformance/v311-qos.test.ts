/** Delivery at QoS 0, 1 and 2 in MQTT 3.1.1, both ways: sections 2.3.1, 3.3.1, 4.3, 4.4 and 4.6. */
import { expect } from 'vitest';
import { puback, publishPacket, pubrel, type RawClient, readPublish, until } from '../test-client.ts';
import { FakeLog } from '../test-support.ts';
import { conformance } from './case.ts';
import {
  field,
  greet,
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

/** The packets of `client` as `header:id`. */
const answers = (client: RawClient): readonly string[] =>
  client.waiting.map(({ header, body }) => `${header.toString(16)}:${body.readUInt16BE(0)}`);

conformance(
  'v311',
  ['MQTT-3.3.4-1', 'MQTT-2.3.1-6', 'MQTT-4.3.2-2', 'MQTT-4.3.3-2'],
  'PUBLISH is answered as its QoS asks, with its id',
  async (rig) => {
    const client = await join(rig, 'c');
    client.send(publishPacket('t', '0'));
    expect(await client.settled()).toEqual([]);
    client.send(publishPacket('t', '1', { qos: 1, messageId: 65_535 }));
    expect(await client.nextHex()).toBe('4002ffff');
    client.send(publishPacket('t', '2', { qos: 2, messageId: 258 }));
    expect(await client.nextHex()).toBe('50020102');
    client.send(pubrel(258));
    expect(await client.nextHex()).toBe('70020102');
    expect(rig.log.texts).toEqual(['0', '1', '2']);
  },
);

conformance(
  'v311',
  ['MQTT-4.3.2-2'],
  'after PUBACK the same id is a new message, DUP or not',
  async (rig) => {
    const client = await join(rig, 'c');
    for (const [payload, dup] of [
      ['one', false],
      ['two', false],
      ['three', true],
    ] as const)
      await publish(client, 't', payload, { id: 9, dup });
    expect(rig.log.texts).toEqual(['one', 'two', 'three']);
  },
);

conformance(
  'v311',
  ['MQTT-4.3.3-2'],
  'a QoS 2 id gets PUBREC again and no second delivery until its PUBREL',
  async (rig) => {
    const watcher = await join(rig, 'watcher');
    await subscribe(watcher, { t: 2 });
    const client = await join(rig, 'c');
    for (const dup of [false, true, true]) {
      client.send(publishPacket('t', 'once', { qos: 2, messageId: 7, dup }));
      expect(await client.nextHex()).toBe('50020007');
    }
    client.send(pubrel(7));
    expect(await client.nextHex()).toBe('70020007');
    expect(await texts(watcher, 1)).toEqual(['t once 2']);
    await publish(client, 't', 'again', { qos: 2, id: 7 });
    expect(await texts(watcher, 1)).toEqual(['t again 2']);
  },
);

conformance(
  'v311',
  ['MQTT-4.3.3-2', 'MQTT-4.1.0-1'],
  'a QoS 2 id is known again after the publisher has reconnected',
  async (rig) => {
    const first = await join(rig, 'c', { clean: false });
    first.send(publishPacket('t', 'once', { qos: 2, messageId: 7 }));
    expect(await first.nextHex()).toBe('50020007');
    await vanish(rig, first);
    const second = await join(rig, 'c', { clean: false });
    second.send(publishPacket('t', 'once', { qos: 2, messageId: 7, dup: true }));
    expect(await second.nextHex()).toBe('50020007');
    second.send(pubrel(7));
    expect(await second.nextHex()).toBe('70020007');
    expect(rig.log.texts).toEqual(['once']);
  },
);

conformance('v311', ['MQTT-4.3.3-2'], 'PUBREL of an id that is not held is answered PUBCOMP', async (rig) => {
  const client = await join(rig, 'c');
  client.send(pubrel(99));
  expect(await client.nextHex()).toBe('70020063');
});

conformance(
  'v311',
  ['MQTT-4.6.0-2', 'MQTT-4.6.0-3'],
  'PUBACKs and PUBRECs come in the order of the PUBLISHes',
  async (rig) => {
    const client = await join(rig, 'c');
    const ids = Array.from({ length: 200 }, (_, i) => ((i * 37) % 211) + 1);
    client.send(
      ...ids.map((id, i) => publishPacket(`t/${i % 7}`, 'x', { qos: i % 2 === 0 ? 1 : 2, messageId: id })),
    );
    await until(() => client.waiting.length === ids.length);
    const of = (header: number): readonly number[] =>
      client.waiting.filter((each) => each.header === header).map(({ body }) => body.readUInt16BE(0));
    expect(of(0x40)).toEqual(ids.filter((_, i) => i % 2 === 0));
    expect(of(0x50)).toEqual(ids.filter((_, i) => i % 2 === 1));
  },
);

conformance(
  'v311',
  ['MQTT-4.3.2-2', 'MQTT-4.3.3-2'],
  'PUBACK and PUBREC wait until the message is owned',
  async (rig) => {
    const client = await join(rig, 'c');
    client.send(
      publishPacket('t', '1', { qos: 1, messageId: 1 }),
      publishPacket('t', '2', { qos: 2, messageId: 2 }),
    );
    expect(await client.settled()).toEqual([]);
    rig.log.commit();
    await until(() => client.waiting.length === 2);
    expect(answers(client)).toEqual(['40:1', '50:2']);
  },
  { log: new FakeLog(false) },
);

conformance(
  'v311',
  ['MQTT-4.3.1-1', 'MQTT-2.3.1-5', 'MQTT-3.3.1-2'],
  'QoS 0 is delivered with QoS 0, DUP 0 and no packet id',
  async (rig) => {
    const client = await join(rig, 'c');
    await subscribe(client, { t: 0 });
    const publisher = await join(rig, 'p');
    for (const qos of [0, 1, 2] as const) await publish(publisher, 't', 'x', { qos });
    for (let i = 0; i < 3; i += 1)
      expect(await client.nextHex()).toBe(raw(0x30, `${field('t')} 78`).toString('hex'));
  },
);

conformance(
  'v311',
  ['MQTT-4.3.2-1', 'MQTT-2.3.1-4'],
  'QoS 1 is delivered with DUP 0 and an id that nothing else has',
  async (rig) => {
    const client = await join(rig, 'c');
    await subscribe(client, { t: 2 });
    const publisher = await join(rig, 'p');
    for (let i = 0; i < 20; i += 1) await publish(publisher, 't', `${i}`, { qos: i % 2 === 0 ? 1 : 2 });
    const got = await messages(client, 20);
    const ids = got.map(({ id }) => id);
    expect(got.filter(({ dup }) => dup)).toEqual([]);
    expect(new Set(ids).size).toBe(20);
    expect(ids).not.toContain(0);
  },
);

conformance(
  'v311',
  ['MQTT-2.3.1-4', 'MQTT-4.3.2-1'],
  'ids are used again after PUBACK, never 0, never one still under way',
  async (rig) => {
    const client = await join(rig, 'c');
    await subscribe(client, { t: 1 });
    const publisher = await join(rig, 'p');
    await publish(publisher, 't', 'held');
    const [held] = await messages(client, 1);
    const batch = Array.from({ length: 500 }, (_, i) => publishPacket('t', '', { qos: 1, messageId: i + 1 }));
    const seen = new Set<number>();
    for (let round = 0; round < 140; round += 1) {
      publisher.send(...batch);
      await until(() => publisher.waiting.length === 500 && client.waiting.length === 500);
      const ids: number[] = [];
      for (let i = 0; i < 500; i += 1) {
        await publisher.next();
        ids.push(readPublish(await client.next()).id);
      }
      expect(new Set(ids).size).toBe(500);
      for (const id of ids) seen.add(id);
      client.send(...ids.map(puback));
    }
    expect(seen.has(0)).toBe(false);
    expect(seen.has(held?.id ?? 0)).toBe(false);
  },
);

conformance('v311', ['MQTT-3.3.1-3'], 'DUP of a publisher is not passed on', async (rig) => {
  const client = await join(rig, 'c');
  await subscribe(client, { t: 2 });
  const publisher = await join(rig, 'p');
  for (const qos of [1, 2] as const) await publish(publisher, 't', 'x', { qos, dup: true });
  expect((await messages(client, 2)).map(({ dup }) => dup)).toEqual([false, false]);
});

conformance(
  'v311',
  ['MQTT-4.3.3-1', 'MQTT-2.3.1-6', 'MQTT-2.2.2-1'],
  'QoS 2 is delivered as PUBLISH, PUBREL after PUBREC, and ended by PUBCOMP',
  async (rig) => {
    const client = await join(rig, 'c', { clean: false });
    await subscribe(client, { t: 2 });
    await publish(await join(rig, 'p'), 't', 'x', { qos: 2 });
    const [sent] = await messages(client, 1);
    expect(sent).toMatchObject({ qos: 2, dup: false, payload: 'x' });
    const id = sent?.id ?? 0;
    client.send(pubrec(id));
    expect(await client.nextHex()).toBe(pubrel(id).toString('hex'));
    client.send(pubcomp(id));
    expect(await client.settled()).toEqual([]);
    await vanish(rig, client);
    expect(await messages(await join(rig, 'c', { clean: false }), 0)).toEqual([]);
  },
);

conformance(
  'v311',
  ['MQTT-4.4.0-1', 'MQTT-3.3.1-1', 'MQTT-4.3.2-1', 'MQTT-4.3.3-1', 'MQTT-4.6.0-1'],
  'what was not acknowledged comes again on reconnect: DUP, same ids, same order',
  async (rig) => {
    const client = await join(rig, 'c', { clean: false });
    await subscribe(client, { t: 2 });
    const publisher = await join(rig, 'p');
    for (let i = 1; i <= 6; i += 1) await publish(publisher, 't', `${i}`, { qos: i % 2 === 0 ? 2 : 1 });
    const sent = await messages(client, 6);
    expect(sent.map(({ payload }) => payload)).toEqual(['1', '2', '3', '4', '5', '6']);
    client.send(puback(sent[2]?.id ?? 0));
    await client.settled();
    await vanish(rig, client);
    for (let turn = 0; turn < 2; turn += 1) {
      const next = await join(rig, 'c', { clean: false });
      expect(await messages(next, 5)).toEqual(
        sent.filter((_, i) => i !== 2).map((each) => ({ ...each, dup: true })),
      );
      await vanish(rig, next);
    }
  },
);

conformance(
  'v311',
  ['MQTT-4.4.0-1', 'MQTT-4.3.3-1'],
  'after PUBREC a reconnect brings PUBREL, and the PUBLISH never again',
  async (rig) => {
    const client = await join(rig, 'c', { clean: false });
    await subscribe(client, { t: 2 });
    await publish(await join(rig, 'p'), 't', 'x', { qos: 2 });
    const id = (await messages(client, 1))[0]?.id ?? 0;
    client.send(pubrec(id));
    expect((await client.next()).header).toBe(0x62);
    for (let turn = 0; turn < 2; turn += 1) {
      const again = await join(rig, 'c', { clean: false });
      expect(await again.nextHex()).toBe(pubrel(id).toString('hex'));
      expect(await again.settled()).toEqual([]);
    }
    const last = await join(rig, 'c', { clean: false });
    expect(await last.nextHex()).toBe(pubrel(id).toString('hex'));
    last.send(pubcomp(id));
    await last.settled();
    const done = await join(rig, 'c', { clean: false });
    expect(await done.settled()).toEqual([]);
  },
);

conformance('v311', ['MQTT-4.4.0-1'], 'nothing comes again while the connection stands', async (rig) => {
  const client = await join(rig, 'c', { clean: false });
  await subscribe(client, { t: 2 });
  const publisher = await join(rig, 'p');
  await publish(publisher, 't', '1', { qos: 1 });
  await publish(publisher, 't', '2', { qos: 2 });
  expect(await messages(client, 2)).toHaveLength(2);
  for (let i = 0; i < 10; i += 1) {
    rig.clock.advance(60_000);
    expect(await client.settled()).toEqual([]);
  }
});

conformance(
  'v311',
  ['MQTT-4.3.2-1', 'MQTT-4.4.0-1'],
  'what was acknowledged does not come again',
  async (rig) => {
    const client = await join(rig, 'c', { clean: false });
    await subscribe(client, { t: 1 });
    await publish(await join(rig, 'p'), 't', 'x');
    const [sent] = await messages(client, 1);
    client.send(puback(sent?.id ?? 0));
    await client.settled();
    await vanish(rig, client);
    expect(await messages(await join(rig, 'c', { clean: false }), 0)).toEqual([]);
  },
);

conformance(
  'v311',
  ['MQTT-2.3.1-4', 'MQTT-4.4.0-1'],
  'new messages do not take an id that comes again',
  async (rig) => {
    const client = await join(rig, 'c', { clean: false });
    await subscribe(client, { t: 1 });
    const publisher = await join(rig, 'p');
    for (const payload of ['1', '2']) await publish(publisher, 't', payload);
    const before = await messages(client, 2);
    await vanish(rig, client);
    for (const payload of ['3', '4']) await publish(publisher, 't', payload);
    const after = await messages(await join(rig, 'c', { clean: false }), 4);
    expect(after.map(({ payload, dup }) => [payload, dup])).toEqual([
      ['1', true],
      ['2', true],
      ['3', false],
      ['4', false],
    ]);
    expect(after.slice(0, 2).map(({ id }) => id)).toEqual(before.map(({ id }) => id));
    expect(new Set(after.map(({ id }) => id)).size).toBe(4);
  },
);

conformance('v311', ['MQTT-4.6.0-4'], 'PUBRELs come in the order of the PUBRECs', async (rig) => {
  const client = await join(rig, 'c');
  await subscribe(client, { t: 2 });
  const publisher = await join(rig, 'p');
  for (let i = 0; i < 10; i += 1) await publish(publisher, 't', `${i}`, { qos: 2 });
  const ids = (await messages(client, 10)).map(({ id }) => id);
  const order = ids.toReversed();
  client.send(...order.map(pubrec));
  await until(() => client.waiting.length === 10);
  expect(answers(client)).toEqual(order.map((id) => `62:${id}`));
});

conformance(
  'v311',
  ['MQTT-4.6.0-5', 'MQTT-4.6.0-6'],
  'messages of each topic and QoS come in the order they were published',
  async (rig) => {
    const client = await join(rig, 'c');
    await subscribe(client, { 't/#': 2 });
    const publisher = await join(rig, 'p');
    const all = Array.from({ length: 300 }, (_, i) =>
      publishPacket(`t/${i % 2}`, `${i}`, {
        qos: ([0, 1, 2] as const)[i % 3] ?? 0,
        ...(i % 3 === 0 ? {} : { messageId: i }),
      }),
    );
    publisher.send(...all);
    const got = await messages(client, 300);
    for (const topic of ['t/0', 't/1'])
      for (const qos of [0, 1, 2]) {
        const own = got
          .filter((each) => each.topic === topic && each.qos === qos)
          .map(({ payload }) => Number(payload));
        expect(own).toHaveLength(50);
        expect(own).toEqual(own.toSorted((a, b) => a - b));
      }
  },
);

conformance(
  'v311',
  ['MQTT-4.6.0-2', 'MQTT-4.6.0-6'],
  'a client that acknowledges in another order is served on',
  async (rig) => {
    const { client } = await greet(rig, 'c');
    await subscribe(client, { t: 1 });
    const publisher = await join(rig, 'p');
    for (let i = 0; i < 5; i += 1) await publish(publisher, 't', `${i}`);
    const sent = await messages(client, 5);
    client.send(...sent.toReversed().map(({ id }) => puback(id)));
    await publish(publisher, 't', 'next');
    expect(await texts(client, 1)).toEqual(['t next 1']);
  },
);
