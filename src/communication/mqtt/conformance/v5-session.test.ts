/** Sessions: begun, resumed, expired; sections 3.1.2.4, 3.1.2.11.2, 4.1 and 4.4. */
import { expect } from 'vitest';
import { conformance } from './case.ts';
import { endOf, V5Client } from './v5-client.ts';
import { ack, type ConnectFields, disconnect } from './v5-packets.ts';

const WEEK_S = 7 * 86_400;

const kept = (clientId: string, expiryS = 100, clean = false): ConnectFields => ({
  clientId,
  clean,
  properties: [['sessionExpiry', expiryS]],
});

conformance(
  'v5',
  ['MQTT-3.1.2-4', 'MQTT-3.2.2-2', 'MQTT-3.1.4-4'],
  'Clean Start discards the session: no session present, no subscriptions, no messages',
  async (rig) => {
    const first = await V5Client.connect(rig, kept('c'));
    await first.subscribe({ t: 1 });
    await first.drop();
    const publisher = await V5Client.connect(rig);
    await publisher.publish({ topic: 't', payload: 'old' });
    const second = await V5Client.connect(rig, kept('c', 100, true));
    expect(second.connack.isSessionPresent).toBe(false);
    await publisher.publish({ topic: 't', payload: 'new' });
    expect(await second.waiting()).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.1.2-5', 'MQTT-3.1.2-6', 'MQTT-3.2.2-3', 'MQTT-3.1.2-23', 'MQTT-4.5.0-1', 'MQTT-3.2.0-1'],
  'without Clean Start a session begins once and is resumed from then on, with its subscriptions and messages',
  async (rig) => {
    const first = await V5Client.connect(rig, kept('c'));
    expect(first.connack.isSessionPresent).toBe(false);
    await first.subscribe({ 't/+': 1 });
    await first.drop();
    const publisher = await V5Client.connect(rig);
    for (const payload of ['1', '2', '3']) await publisher.publish({ topic: `t/${payload}`, payload });
    const second = await V5Client.connect(rig, kept('c'));
    expect(second.connack.isSessionPresent).toBe(true);
    expect((await second.receive(3)).map((message) => [message.payload, message.dup])).toEqual([
      ['1', false],
      ['2', false],
      ['3', false],
    ]);
    await publisher.publish({ topic: 't/4', payload: '4' });
    expect((await second.receive(1))[0]?.payload).toBe('4');
  },
);

conformance(
  'v5',
  ['MQTT-3.1.2-23', 'MQTT-4.5.0-1'],
  'a kept session gets QoS 2 as QoS 2, and what came at the higher QoS at the granted one',
  async (rig) => {
    const first = await V5Client.connect(rig, kept('c'));
    await first.subscribe({ two: 2, one: 1 });
    await first.leave();
    const publisher = await V5Client.connect(rig);
    for (const topic of ['two', 'one']) await publisher.publish({ topic, payload: topic, qos: 2 });
    const second = await V5Client.connect(rig, kept('c'));
    const messages = (await second.receive(2)).map(({ topic, qos }) => [topic, qos]);
    expect(new Map(messages as [string, number][])).toEqual(
      new Map([
        ['two', 2],
        ['one', 1],
      ]),
    );
  },
);

conformance(
  'v5',
  ['MQTT-3.1.2-23', 'MQTT-4.1.0-2', 'MQTT-3.2.2-3'],
  'Session Expiry 0, given or not, ends the session with the connection',
  async (rig) => {
    for (const properties of [[], [['sessionExpiry', 0]]] as const) {
      const fields = { clientId: 'c', clean: false, properties };
      const first = await V5Client.connect(rig, fields);
      expect(first.connack.get('sessionExpiry') ?? 0).toBe(0);
      await first.subscribe({ t: 1 });
      await first.leave();
      const second = await V5Client.connect(rig, kept('c'));
      expect(second.connack.isSessionPresent).toBe(false);
      await second.leave(0, [['sessionExpiry', 0]]);
    }
  },
);

conformance(
  'v5',
  ['MQTT-4.1.0-2', 'MQTT-3.1.2-23'],
  'a session is there until its expiry has passed, counted from the end of the connection, and then is not',
  async (rig) => {
    const first = await V5Client.connect(rig, kept('c', 10));
    rig.clock.advance(60_000);
    await first.leave();
    rig.clock.advance(9_000);
    const second = await V5Client.connect(rig, kept('c', 10));
    expect(second.connack.isSessionPresent).toBe(true);
    await second.drop();
    rig.clock.advance(11_000);
    const third = await V5Client.connect(rig, kept('c', 10));
    expect(third.connack.isSessionPresent).toBe(false);
  },
);

conformance(
  'v5',
  ['MQTT-4.1.0-1', 'MQTT-4.1.0-2'],
  'a session does not expire while its client is connected',
  async (rig) => {
    const client = await V5Client.connect(rig, kept('c', 1));
    await client.subscribe({ t: 1 });
    rig.clock.advance(3_600_000);
    const publisher = await V5Client.connect(rig);
    await publisher.publish({ topic: 't', payload: 'still here' });
    expect((await client.receive(1))[0]?.payload).toBe('still here');
  },
);

conformance(
  'v5',
  ['MQTT-3.1.2-23'],
  'an expiry longer than the server allows is shortened, and CONNACK says so',
  async (rig) => {
    for (const asked of [0xffff_ffff, WEEK_S + 1]) {
      const { connack } = await V5Client.connect(rig, kept(`c${asked}`, asked));
      expect([asked, connack.get('sessionExpiry')]).toEqual([asked, WEEK_S]);
    }
    const { connack } = await V5Client.connect(rig, kept('within', 100));
    expect(connack.get('sessionExpiry') ?? 100).toBe(100);
  },
);

conformance(
  'v5',
  ['MQTT-4.1.0-2', 'MQTT-3.1.2-23'],
  'DISCONNECT sets another expiry: longer, shorter, none',
  async (rig) => {
    const expiries: readonly (readonly [number, number, boolean])[] = [
      [100, 50, true],
      [10, 50, false],
      [0, 1, false],
    ];
    for (const [expiryS, awayS, isThere] of expiries) {
      const first = await V5Client.connect(rig, kept('c', 20, true));
      await first.leave(0, [['sessionExpiry', expiryS]]);
      rig.clock.advance(awayS * 1000);
      const second = await V5Client.connect(rig, kept('c', 20));
      expect([expiryS, second.connack.isSessionPresent]).toEqual([expiryS, isThere]);
      await second.leave();
    }
  },
);

conformance(
  'v5',
  ['MQTT-4.13.1-1', 'MQTT-3.14.2-2'],
  'DISCONNECT that gives a session an expiry it did not have in CONNECT ends with 0x82',
  async (rig) => {
    const bytes = disconnect(0, [['sessionExpiry', 10]]);
    expect(await endOf(rig, bytes, { clientId: 'c', properties: [] })).toBe(0x82);
    expect(await endOf(rig, bytes, { clientId: 'c', properties: [['sessionExpiry', 0]] })).toBe(0x82);
    const next = await V5Client.connect(rig, kept('c'));
    expect(next.connack.isSessionPresent).toBe(false);
  },
);

conformance(
  'v5',
  ['MQTT-4.4.0-1', 'MQTT-3.3.1-1', 'MQTT-4.3.2-3', 'MQTT-4.3.3-3', 'MQTT-3.3.1-3'],
  'what was not acknowledged is sent again on reconnect, with its id and DUP, in its order, and only then',
  async (rig) => {
    const first = await V5Client.connect(rig, kept('c'));
    await first.subscribe({ '+': 2 });
    const publisher = await V5Client.connect(rig);
    await publisher.publish({ topic: 'a', payload: '1', qos: 1 });
    await publisher.publish({ topic: 'b', payload: '2', qos: 2 });
    await publisher.publish({ topic: 'a', payload: '3', qos: 1 });
    const sent = [await first.take('publish'), await first.take('publish'), await first.take('publish')];
    rig.clock.advance(120_000);
    expect(await first.waiting()).toEqual([]);
    expect(sent.map(({ dup }) => dup)).toEqual([false, false, false]);
    await first.drop();
    const second = await V5Client.connect(rig, kept('c'));
    const again = await second.receive(3);
    expect(again.map(({ id, payload, qos, dup }) => [id, payload, qos, dup])).toEqual(
      sent.map(({ id, payload, qos }) => [id, payload, qos, true]),
    );
    await second.drop();
    const third = await V5Client.connect(rig, kept('c'));
    expect(await third.waiting()).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-4.4.0-1', 'MQTT-4.3.3-5', 'MQTT-4.3.3-6', 'MQTT-4.3.3-4', 'MQTT-3.6.2-1'],
  'after PUBREC it is the PUBREL that is sent again on reconnect, never the PUBLISH',
  async (rig) => {
    const first = await V5Client.connect(rig, kept('c'));
    await first.subscribe({ t: 2 });
    const publisher = await V5Client.connect(rig);
    await publisher.publish({ topic: 't', qos: 2 });
    const { id } = await first.take('publish');
    first.send(ack('pubrec', id));
    const pubrel = await first.take('pubrel');
    expect([pubrel.id, pubrel.code]).toEqual([id, 0]);
    expect(await first.waiting()).toEqual([]);
    await first.drop();
    const second = await V5Client.connect(rig, kept('c'));
    const again = await second.take('pubrel');
    expect([again.id, again.code]).toEqual([id, 0]);
    second.send(ack('pubcomp', id));
    expect(await second.waiting()).toEqual([]);
    await second.drop();
    expect(await (await V5Client.connect(rig, kept('c'))).waiting()).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-4.1.0-1', 'MQTT-3.1.4-3'],
  'a take-over without Clean Start goes on with the session, what was under way included',
  async (rig) => {
    const first = await V5Client.connect(rig, kept('c'));
    await first.subscribe({ t: 1 });
    const publisher = await V5Client.connect(rig);
    await publisher.publish({ topic: 't', payload: 'under way' });
    const { id } = await first.take('publish');
    const second = await V5Client.connect(rig, kept('c'));
    expect(await first.end()).toBe(0x8e);
    expect(second.connack.isSessionPresent).toBe(true);
    const [again] = await second.receive(1);
    expect([again?.id, again?.dup, again?.payload]).toEqual([id, true, 'under way']);
  },
);

conformance('v5', ['MQTT-3.1.3-2'], 'sessions belong to a client id of a principal', async (rig) => {
  await (await V5Client.connect(rig, kept('c'))).drop();
  const other = await V5Client.connect(rig, kept('d'));
  const stranger = await V5Client.connect(rig, { ...kept('c'), username: 'd1' });
  const owner = await V5Client.connect(rig, kept('c'));
  expect([other, stranger, owner].map(({ connack }) => connack.isSessionPresent)).toEqual([
    false,
    false,
    true,
  ]);
});
