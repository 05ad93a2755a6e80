/** Subscriptions, and what reaches subscribers that read, read slowly, or do not read. */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  MQTT_ANSWERS_MAX_BYTES,
  MQTT_OUTBOX_DIRECT_BYTES,
  MQTT_OUTBOX_MAX_BYTES,
  MQTT_SUBSCRIPTIONS_PER_CLIENT_MAX,
  MQTT_UNACKNOWLEDGED_MAX,
} from '../../base/limits.ts';
import {
  PING,
  puback,
  publishPacket,
  type RawClient,
  type Received,
  readPublish,
  subscribePacket,
  unsubscribePacket,
  until,
} from './test-client.ts';
import { type Rig, startRig } from './test-support.ts';

async function subscriber(
  rig: Rig,
  filters: Readonly<Record<string, 0 | 1 | 2>>,
  clientId = 's',
): Promise<RawClient> {
  const client = await rig.client('admin', { clientId });
  client.send(subscribePacket(1, filters));
  await client.next();
  return client;
}

/** Sends and waits until the server has handled it. */
async function publish(client: RawClient, ...packets: readonly Buffer[]): Promise<void> {
  client.send(...packets);
  await client.settled();
}

const payloads = (received: readonly Received[]): readonly string[] =>
  received.map((one) => readPublish(one).payload);

describe('SUBSCRIBE', () => {
  it('is answered filter by filter: with the QoS asked for [MQTT-3.9.3-1], 0x80 where it is not allowed', async () => {
    await using rig = await startRig();
    const client = await rig.client('d1');
    client.send(subscribePacket(9, { 'v1/d1/a': 0, 'v1/d2/a': 1, 'v1/d1/b': 1, 'v1/d1/c': 2, '#': 0 }));
    expect(await client.nextHex()).toBe('900700090080010280');
    expect(rig.meter.read('iot_mqtt_subscriptions')).toBe(3);
    expect(rig.meter.read('iot_requests_total mqtt filter_denied')).toBe(2);
  });

  it('shares under $share; $shared is a filter like any other', async () => {
    await using rig = await startRig();
    const [one, two] = [await subscriber(rig, { '$share/g/a': 1, $shared: 0 }), await rig.client('d1')];
    const other = await subscriber(rig, { '$share/g/a': 1 }, 'other');
    expect(rig.meter.read('iot_mqtt_subscriptions')).toBe(3);
    const texts = ['0', '1', '2', '3'];
    await publish(one, ...texts.map((text) => publishPacket('a', text)), publishPacket('$shared', 'x'));
    await other.settled();
    await two.settled();
    expect([payloads(one.waiting), payloads(other.waiting)].map((got) => got.length)).toEqual([3, 2]);
    const all = [...payloads(one.waiting), ...payloads(other.waiting)];
    expect(all.toSorted()).toEqual([...texts, 'x']);
  });

  it('on a share name without a filter is refused before version 5, where it is only a strange name', async () => {
    await using rig = await startRig();
    const client = await rig.client('admin');
    client.send(subscribePacket(1, { '$share/g': 0, '$share//a': 0 }));
    expect(await client.nextHex()).toBe('900400018080');
  });

  it(`grants ${MQTT_SUBSCRIPTIONS_PER_CLIENT_MAX} filters and looks at no more of one packet`, async () => {
    await using rig = await startRig();
    const client = await rig.client('admin');
    const max = MQTT_SUBSCRIPTIONS_PER_CLIENT_MAX;
    const many = Object.fromEntries(Array.from({ length: max + 3 }, (_, i) => [`t/${i}`, 0 as const]));
    client.send(subscribePacket(1, many));
    const codes = [...(await client.next()).body.subarray(2)];
    expect(codes).toEqual([...Array<number>(max).fill(0), 0x80, 0x80, 0x80]);
    client.send(subscribePacket(2, { new: 0, 't/0': 1 }));
    expect(await client.nextHex()).toBe('900400028001');
    client.send(unsubscribePacket(3, 't/1'), subscribePacket(4, { new: 0 }));
    expect([await client.nextHex(), await client.nextHex()]).toEqual(['b0020003', '9003000400']);
    expect(rig.meter.read('iot_mqtt_subscriptions')).toBe(max);
  });

  it('again replaces the QoS and sends what is retained again [MQTT-3.8.4-3]', async () => {
    await using rig = await startRig();
    const client = await rig.client('admin');
    await publish(client, publishPacket('a', 'kept', { retain: true }));
    for (const qos of [0, 1] as const) {
      client.send(subscribePacket(1, { a: qos }));
      await client.next();
      // Published at QoS 0: delivered so [MQTT-3.8.4-6].
      expect(readPublish(await client.next())).toMatchObject({ payload: 'kept', qos: 0, retain: true });
    }
    client.send(publishPacket('a', 'x', { qos: 2, messageId: 7 }));
    expect(await client.nextHex()).toBe('50020007');
    expect(readPublish(await client.next())).toMatchObject({ payload: 'x', qos: 1, dup: false, id: 1 });
  });

  it('through overlapping filters delivers once, at the highest QoS [MQTT-3.3.5-1]', async () => {
    await using rig = await startRig();
    const client = await subscriber(rig, { '#': 0, 'a/+': 1, 'a/b': 0 });
    await publish(client, publishPacket('a/b', 'x', { qos: 1, messageId: 1 }));
    const received = client.waiting.filter(({ header }) => header >> 4 === 3);
    expect(received.map(readPublish)).toMatchObject([{ payload: 'x', qos: 1 }]);
  });

  it('keeps the order of each publisher, at both QoS', async () => {
    await using rig = await startRig();
    const client = await subscriber(rig, { 'v1/#': 1 });
    const device = await rig.client('d1');
    const sent = Array.from({ length: 500 }, (_, i) => `${i}`);
    device.send(
      ...sent.map((text, i) => publishPacket('v1/d1/x', text, i % 3 === 0 ? {} : { qos: 1, messageId: i })),
    );
    const received: Received[] = [];
    while (received.length < sent.length) received.push(await client.next());
    expect(payloads(received)).toEqual(sent);
    const ids = received.map((one) => readPublish(one).id).filter((id) => id > 0);
    expect(ids).toEqual(ids.map((_, i) => i + 1));
  });
});

describe('UNSUBSCRIBE', () => {
  it('ends deliveries, and is answered for what was never subscribed, too [MQTT-3.10.4-5]', async () => {
    await using rig = await startRig();
    const client = await subscriber(rig, { a: 0, b: 0 });
    client.send(unsubscribePacket(2, 'a', 'never'));
    expect(await client.nextHex()).toBe('b0020002');
    await publish(client, publishPacket('a', '1'), publishPacket('b', '2'));
    expect(payloads(client.waiting)).toEqual(['2']);
  });
});

describe('a subscriber that does not acknowledge', () => {
  it(`gets ${MQTT_UNACKNOWLEDGED_MAX} messages, and one more for each PUBACK`, async () => {
    await using rig = await startRig();
    const client = await subscriber(rig, { a: 1 });
    const admin = await rig.client('admin');
    const max = MQTT_UNACKNOWLEDGED_MAX;
    const text = (i: number): Buffer => publishPacket('a', `${i}`, { qos: 1, messageId: i });
    await publish(admin, ...Array.from({ length: max + 5 }, (_, i) => text(i + 1)));
    expect(await client.settled()).toHaveLength(max);
    client.send(puback(1), puback(1), puback(60_000), puback(7));
    expect(payloads((await client.settled()).slice(max))).toEqual([`${max + 1}`, `${max + 2}`]);
    const ids = client.waiting.map((one) => readPublish(one).id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(rig.meter.read('iot_messages_dropped_total slow_subscriber')).toBe(0);
  });
});

describe('a subscriber that does not read', () => {
  it('loses its own messages beyond a bound, counted, while the others get theirs', async () => {
    await using rig = await startRig();
    const frozen = await subscriber(rig, { '#': 0 }, 'frozen');
    frozen.socket.pause();
    const healthy = await subscriber(rig, { '#': 0 }, 'healthy');
    const device = await rig.client('d1');
    const dropped = (): number => rig.meter.read('iot_messages_dropped_total slow_subscriber');
    let sent = 0;
    // The kernel takes some megabytes by itself before the server is asked to hold any.
    while (dropped() < 100) {
      await publish(
        device,
        ...Array.from({ length: 20 }, () => publishPacket('v1/d1/x', Buffer.alloc(20_000))),
      );
      sent += 20;
    }
    for (let i = 0; i < sent; i += 1) await healthy.next();
    expect(sent * 20_000).toBeGreaterThan(MQTT_OUTBOX_MAX_BYTES);
    const atFreeze = dropped();
    frozen.socket.resume();
    let received = 0;
    for (; received < sent - atFreeze; received += 1) expect((await frozen.next()).body).toHaveLength(20_009);
    // It reads again, so it gets everything again.
    await publish(device, publishPacket('v1/d1/x', 'fresh'));
    expect(readPublish(await frozen.next()).payload).toBe('fresh');
    expect(dropped()).toBe(atFreeze);
  });

  it('and asks on is not listened to until it reads its answers; nobody else notices', async () => {
    await using rig = await startRig();
    const frozen = await rig.client('admin', { clientId: 'frozen' });
    frozen.socket.pause();
    const pings = Buffer.concat(Array.from({ length: 32_768 }, () => PING));
    const handled = (): number => rig.meter.read('iot_requests_total mqtt ok');
    // The kernel holds answers, then ours are bounded, then requests are held by the kernel, then by the sender.
    while (frozen.socket.writableLength < 4 * pings.length) {
      frozen.send(pings);
      await turn();
    }
    const other = await rig.client('d1');
    for (let i = 0; i < 20; i += 1) await other.settled();
    const stuck = handled();
    for (let i = 0; i < 20; i += 1) await other.settled();
    expect(handled() - stuck).toBe(20);
    expect(frozen.socket.writableLength).toBeGreaterThan(MQTT_ANSWERS_MAX_BYTES);
    frozen.socket.resume();
    await until(() => frozen.socket.writableLength === 0);
    expect((await frozen.next()).header).toBe(0xd0);
    expect(frozen.isClosed).toBe(false);
  });
});

describe('many retained messages', () => {
  it('all reach a new subscriber that reads, though they are more than its outbox may hold', async () => {
    await using rig = await startRig();
    const device = await rig.client('admin', { clientId: 'writer' });
    const count = 1_200;
    for (let i = 0; i < count; i += 100) {
      const batch = Array.from({ length: 100 }, (_, k) =>
        publishPacket(`r/${i + k}`, Buffer.alloc(8_000, i + k), {
          qos: 1,
          messageId: i + k + 1,
          retain: true,
        }),
      );
      await publish(device, ...batch);
    }
    await until(() => rig.meter.read('iot_mqtt_retained') === count);
    expect(count * 8_000).toBeGreaterThan(2 * MQTT_OUTBOX_DIRECT_BYTES);
    const client = await rig.client('admin', { clientId: 'reader' });
    client.send(subscribePacket(1, { 'r/+': 1 }));
    expect((await client.next()).header).toBe(0x90);
    const topics = new Set<string>();
    while (topics.size < count) {
      const message = readPublish(await client.next());
      topics.add(message.topic);
      client.send(puback(message.id));
    }
    const plain = await rig.client('admin', { clientId: 'plain' });
    // It stops to read in between, longer than the kernel takes bytes for it.
    plain.socket.pause();
    plain.send(subscribePacket(1, { 'r/+': 0 }));
    for (let i = 0; i < 100; i += 1) await device.settled();
    plain.socket.resume();
    expect((await plain.next()).header).toBe(0x90);
    for (let i = 0; i < count; i += 1) topics.delete(readPublish(await plain.next()).topic);
    expect(topics.size).toBe(0);
    expect(rig.meter.read('iot_messages_dropped_total slow_subscriber')).toBe(0);
  });

  it('all reach a new subscriber that acknowledges them, though it has to for the next to come', async () => {
    await using rig = await startRig();
    const admin = await rig.client('admin');
    const count = 2 * MQTT_UNACKNOWLEDGED_MAX + 500;
    const kept = Array.from({ length: count }, (_, i) =>
      publishPacket(`r/${i}`, 'x', { qos: 1, messageId: i + 1, retain: true }),
    );
    await publish(admin, ...kept);
    const client = await rig.client('admin', { clientId: 'reader' });
    client.send(subscribePacket(1, { '#': 1 }));
    await client.next();
    for (let i = 0; i < count; i += 1) client.send(puback(readPublish(await client.next()).id));
    expect(await client.settled()).toEqual([]);
  });

  it('stop with UNSUBSCRIBE, and with the connection', async () => {
    await using rig = await startRig();
    const admin = await rig.client('admin');
    const kept = Array.from({ length: 1_500 }, (_, i) =>
      publishPacket(`r/${i}`, 'x', { qos: 1, messageId: i + 1, retain: true }),
    );
    await publish(admin, ...kept);
    const client = await rig.client('admin', { clientId: 'reader' });
    client.send(subscribePacket(1, { 'r/+': 1 }));
    await client.next();
    await until(() => client.waiting.length >= MQTT_UNACKNOWLEDGED_MAX);
    client.send(unsubscribePacket(2, 'r/+'));
    await client.settled();
    const before = client.waiting.length;
    for (let id = 1; id <= 200; id += 1) client.send(puback(id));
    expect((await client.settled()).length - before).toBeLessThanOrEqual(1);
  });
});

describe('large messages', () => {
  it('are shared by their receivers, each with its own packet id', async () => {
    await using rig = await startRig();
    const clients = [await subscriber(rig, { '#': 1 }, 'a'), await subscriber(rig, { '#': 1, x: 1 }, 'b')];
    const device = await rig.client('d1');
    const one = (topic: string, size: number, messageId: number): Buffer =>
      publishPacket(topic, Buffer.alloc(size, messageId + 64), { qos: 1, messageId });
    await clients[0]?.settled();
    device.send(
      one('v1/d1/x', 10, 1),
      one('v1/d1/x', 300_000, 2),
      one('v1/d1/x', 70_000, 3),
      one('v1/d1/x', 5, 4),
    );
    for (const client of clients) {
      const seen = [];
      while (seen.length < 4) seen.push(readPublish(await client.next()));
      expect(seen.map(({ id, payload }) => [id, payload.length, payload[0], payload.at(-1)])).toEqual([
        [1, 10, 'A', 'A'],
        [2, 300_000, 'B', 'B'],
        [3, 70_000, 'C', 'C'],
        [4, 5, 'D', 'D'],
      ]);
    }
  });
});
