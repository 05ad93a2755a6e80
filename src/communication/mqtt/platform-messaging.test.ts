import { describe, expect, it } from 'vitest';
import type { HeardMessage } from '../../model/ports/messaging.ts';
import { publishPacket, readPublish, subscribePacket, until } from './test-client.ts';
import { FakeLog, startRig } from './test-support.ts';

const REPORTED = 'v1/d1/twin/reported';
const textOf = ({ payload }: HeardMessage): string => Buffer.from(payload).toString();
const qos1 = (topic: string, text: string, messageId: number): Buffer =>
  publishPacket(topic, text, { qos: 1, messageId });

describe('the platform as a client of its own server', () => {
  it('hears what matches its filter until it has enough, and who sent it', async () => {
    await using rig = await startRig();
    const heard: unknown[] = [];
    const enough = rig.server.messaging.subscribe('v1/+/twin/reported', (message) => {
      heard.push({ ...message, payload: textOf(message) });
    });
    const client = await rig.client('d1');
    client.send(publishPacket('v1/d1/telemetry', '1'), qos1(REPORTED, 'a', 1));
    await client.settled();
    enough();
    enough();
    client.send(qos1(REPORTED, 'b', 2));
    await client.settled();
    const receivedAt = rig.clock.now();
    expect(heard).toEqual([
      { origin: 'd1', topic: REPORTED, payload: 'a', qos: 1, retain: false, receivedAt },
    ]);
  });

  it('hears telemetry where a filter may match it', async () => {
    await using rig = await startRig();
    const heard: string[] = [];
    for (const filter of ['v1/d1/telemetry', 'v1/d1/+', 'v1/#', '#', '+/d1/telemetry', 'v1/d2/telemetry'])
      rig.server.messaging.subscribe(filter, () => void heard.push(filter));
    const client = await rig.client('d1');
    client.send(publishPacket('v1/d1/telemetry', '1'));
    await client.settled();
    expect(heard.toSorted()).toEqual(['#', '+/d1/telemetry', 'v1/#', 'v1/d1/+', 'v1/d1/telemetry']);
  });

  it('acknowledges a message when its listener has stored it, and those behind it not before', async () => {
    await using rig = await startRig();
    const stored = Promise.withResolvers<void>();
    rig.server.messaging.subscribe(REPORTED, () => stored.promise);
    const client = await rig.client('d1');
    client.send(qos1(REPORTED, 'a', 1), qos1('v1/d1/telemetry', '1', 2));
    expect(await client.settled()).toEqual([]);
    expect(rig.log.durable).toBe(2);
    stored.resolve();
    expect([await client.nextHex(), await client.nextHex()]).toEqual(['40020001', '40020002']);
  });

  it('ends the connection of a sender whose message the listener could not store: it sends again', async () => {
    await using rig = await startRig();
    rig.server.messaging.subscribe(REPORTED, () => Promise.reject(new Error('disk')));
    const client = await rig.client('d1');
    client.send(qos1(REPORTED, 'a', 1));
    await client.closed;
    expect(client.waiting).toEqual([]);
  });

  it('lets no listener that throws hurt the sender, the others, or the subscribers', async () => {
    await using rig = await startRig();
    const heard: string[] = [];
    rig.server.messaging.subscribe(REPORTED, () => {
      throw new Error('bug');
    });
    rig.server.messaging.subscribe(REPORTED, (message) => void heard.push(textOf(message)));
    const client = await rig.client('d1');
    client.send(qos1(REPORTED, 'a', 1));
    expect(await client.nextHex()).toBe('40020001');
    expect(heard).toEqual(['a']);
  });

  it('publishes to clients, and resolves when that is on disk; it does not hear itself', async () => {
    const log = new FakeLog(false);
    await using rig = await startRig({ log });
    const heard: string[] = [];
    rig.server.messaging.subscribe('#', ({ topic }) => void heard.push(topic));
    const client = await rig.client('d1');
    client.send(subscribePacket(1, { 'v1/d1/twin/desired': 1 }));
    await client.next();
    let isDone = false;
    const published = rig.server.messaging
      .publish({ topic: 'v1/d1/twin/desired', payload: '{}', qos: 1 })
      .then(() => (isDone = true));
    expect(readPublish(await client.next())).toMatchObject({ payload: '{}', qos: 1, retain: false });
    expect(isDone).toBe(false);
    log.commit();
    await published;
    expect(log.packets.map(({ origin }) => origin)).toEqual(['@server']);
    expect(heard).toEqual([]);
  });

  it('refuses what cannot be sent', async () => {
    const log = new FakeLog();
    await using rig = await startRig({ log });
    const { messaging } = rig.server;
    const message = { topic: 'a', payload: '', qos: 1 } as const;
    for (const topic of ['', 'a/+', '#', 'a\0', `a${'/a'.repeat(40)}`]) {
      await expect(messaging.publish({ ...message, topic })).rejects.toMatchObject({ code: 'topic.invalid' });
      await expect(messaging.publish({ ...message, responseTopic: topic })).rejects.toMatchObject({
        code: 'topic.invalid',
      });
    }
    const correlationData = new Uint8Array(65_536);
    await expect(messaging.publish({ ...message, correlationData })).rejects.toMatchObject({
      code: 'payload.too_large',
    });
    log.isRefusing = true;
    await expect(messaging.publish(message)).rejects.toMatchObject({ code: 'log.congested' });
    for (const filter of ['', 'a/#/b', '$share/g/a'])
      expect(() => messaging.subscribe(filter, () => undefined)).toThrow(
        expect.objectContaining({ code: 'topic.invalid' }),
      );
  });

  it('tells of subscriptions of devices, and what they hear', async () => {
    await using rig = await startRig();
    const told: unknown[] = [];
    rig.server.messaging.onSubscribed(({ device, hears }) => {
      told.push([device, hears('v1/d1/twin/desired'), hears('v1/d1/commands/x/1')]);
    });
    const device = await rig.client('d1');
    device.send(subscribePacket(1, { 'v1/d1/twin/#': 1, 'v1/d2/twin/#': 1 }));
    const user = await rig.client('admin');
    user.send(subscribePacket(1, { '#': 1 }));
    await Promise.all([device.next(), user.next()]);
    await until(() => told.length > 0);
    expect(told).toEqual([['d1', true, false]]);
  });
});
