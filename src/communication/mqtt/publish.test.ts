/** From PUBLISH to its acknowledgement. */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { PACKET_MAX_BYTES, TOPIC_MAX_BYTES } from '../../base/limits.ts';
import {
  connectPacket,
  DISCONNECT,
  PING,
  publishPacket,
  pubrel,
  readPublish,
  subscribePacket,
  until,
} from './test-client.ts';
import { FakeLog, startRig } from './test-support.ts';

const T = 'v1/d1/telemetry';
const qos1 = (id: number, payload = String(id)): Buffer =>
  publishPacket(T, payload, { qos: 1, messageId: id });
const qos2 = (id: number, payload = String(id), dup = false): Buffer =>
  publishPacket(T, payload, { qos: 2, messageId: id, dup });

describe('QoS 1', () => {
  it('is acknowledged after the commit and not before, in the order of arrival [MQTT-4.6.0-2]', async () => {
    await using rig = await startRig({ log: new FakeLog(false) });
    const client = await rig.client('d1');
    client.send(qos1(7), qos1(3), qos1(9));
    expect(await client.settled()).toEqual([]);
    expect(rig.log.texts).toEqual(['7', '3', '9']);
    rig.log.commit(1);
    expect([await client.nextHex(), await client.nextHex()]).toEqual(['40020007', '40020003']);
    expect(await client.settled()).toEqual([]);
    rig.log.commit();
    expect(await client.nextHex()).toBe('40020009');
  });

  it('says who, where, when and how to the log, and hands it the bytes as they were', async () => {
    await using rig = await startRig();
    const client = await rig.client('d1');
    rig.clock.advance(5);
    const payload = Buffer.from([0, 255, 1, 254]);
    client.send(publishPacket(T, payload, { qos: 1, messageId: 1 }));
    await client.next();
    const { receivedAt, ...packet } = rig.log.packets[0] ?? {};
    expect(packet).toEqual({
      origin: 'd1',
      topic: T,
      payload: Uint8Array.from(payload),
      qos: 1,
      format: 'auto',
      checked: false,
    });
    expect(receivedAt).toBe(rig.clock.now());
    const admin = await rig.client('admin');
    admin.send(publishPacket('any/thing', '', { qos: 1, messageId: 1 }));
    await admin.next();
    expect(rig.log.packets[1]).toMatchObject({ origin: '@admin', topic: 'any/thing' });
  });

  it('is not acknowledged when its commit fails: the connection ends, those of others go on', async () => {
    await using rig = await startRig({ log: new FakeLog(false) });
    const [before, lost, after] = [await rig.client('d1'), await rig.client('d2'), await rig.client('d3')];
    before.send(qos1(1));
    await before.settled();
    lost.send(publishPacket('v1/d2/telemetry', 'x', { qos: 1, messageId: 1 }));
    await lost.settled();
    after.send(publishPacket('v1/d3/telemetry', 'x', { qos: 1, messageId: 1 }));
    await after.settled();
    rig.log.fail(1, 1);
    await lost.closed;
    expect(lost.waiting).toEqual([]);
    rig.log.commit();
    expect([await before.nextHex(), await after.nextHex()]).toEqual(['40020001', '40020001']);
  });

  it('that the log refuses ends the connection, counted; QoS 0 is counted only', async () => {
    await using rig = await startRig();
    const client = await rig.client('d1');
    rig.log.isRefusing = true;
    client.send(publishPacket(T, 'x'));
    expect(await client.settled()).toEqual([]);
    client.send(qos1(1), PING);
    await client.closed;
    expect(client.waiting).toEqual([]);
    expect(rig.meter.read('iot_messages_dropped_total log_refused')).toBe(2);
    expect(rig.meter.read('iot_requests_total mqtt refused')).toBe(1);
  });

  it('to a topic that is not allowed ends the connection without a word [MQTT-3.3.5-2]', async () => {
    await using rig = await startRig();
    const client = await rig.client('d1');
    client.send(publishPacket('v1/d2/telemetry', 'x', { qos: 1, messageId: 1 }));
    await client.closed;
    expect(rig.log.next).toBe(0);
    expect(rig.meter.read('iot_requests_total mqtt denied')).toBe(1);
  });
});

describe('many packets, few chunks; one packet, many chunks', () => {
  it('takes a thousand messages in one chunk, QoS and topics mixed', async () => {
    await using rig = await startRig();
    const client = await rig.client('d1');
    const all = Array.from({ length: 1_000 }, (_, i) =>
      publishPacket(`v1/d1/${i % 3}`, `${i}`, i % 2 === 0 ? {} : { qos: 1, messageId: i }),
    );
    client.send(...all);
    for (let i = 1; i < 1_000; i += 2) expect((await client.next()).body.readUInt16BE(0)).toBe(i);
    expect(
      rig.log.packets.map(({ topic, payload }) => `${topic} ${Buffer.from(payload).toString()}`),
    ).toEqual(all.map((_, i) => `v1/d1/${i % 3} ${i}`));
    expect(rig.meter.read('iot_mqtt_received_total 0')).toBe(500);
    expect(rig.meter.read('iot_mqtt_received_total 1')).toBe(500);
    expect(rig.meter.read('iot_requests_total mqtt ok')).toBe(1_001);
  });

  it('takes a session cut at every byte', async () => {
    await using rig = await startRig();
    const client = await rig.dial();
    const session = Buffer.concat([
      connectPacket('d1'),
      subscribePacket(2, { 'v1/d1/#': 1 }),
      qos1(3, 'héllo'),
      qos2(4),
      pubrel(4),
    ]);
    for (const byte of session) {
      client.send(Buffer.from([byte]));
      await turn();
    }
    const types: number[] = [];
    while (types.length < 7) types.push((await client.next()).header >> 4);
    expect(types.toSorted((a, b) => a - b)).toEqual([2, 3, 3, 4, 5, 7, 9]);
    expect(rig.log.texts).toEqual(['héllo', '4']);
  });

  it('keeps what follows CONNECT in its chunk until the client is known', async () => {
    await using rig = await startRig({ log: new FakeLog(false) });
    const client = await rig.dial();
    client.send(connectPacket('d1', { password: 'slow' }), qos1(1), qos1(2));
    await until(() => rig.security.held.length === 1);
    client.send(qos1(3));
    for (let i = 0; i < 20; i += 1) await turn();
    expect(rig.log.next).toBe(0);
    rig.security.held[0]?.();
    expect(await client.nextHex()).toBe('20020000');
    await client.settled();
    expect(rig.log.texts).toEqual(['1', '2', '3']);
  });

  it('drops what follows CONNECT when the client is refused', async () => {
    await using rig = await startRig();
    const client = await rig.dial();
    client.send(connectPacket('d1', { password: 'wrong' }), qos1(1));
    expect(await client.nextHex()).toBe('20020004');
    await client.closed;
    expect(rig.log.next).toBe(0);
  });

  it('ignores what follows DISCONNECT', async () => {
    await using rig = await startRig();
    const client = await rig.client('d1');
    client.send(publishPacket(T, 'before'), DISCONNECT, publishPacket(T, 'after'));
    await client.closed;
    expect(rig.log.texts).toEqual(['before']);
  });

  it('takes a payload of the largest size, in any number of chunks, and ends at a larger one', async () => {
    await using rig = await startRig();
    const client = await rig.client('d1');
    client.send(publishPacket(T, Buffer.alloc(PACKET_MAX_BYTES, 'x'), { qos: 1, messageId: 1 }));
    expect(await client.nextHex()).toBe('40020001');
    expect(rig.log.packets[0]?.payload).toEqual(new Uint8Array(PACKET_MAX_BYTES).fill(0x78));
    client.send(publishPacket(T, Buffer.alloc(PACKET_MAX_BYTES + 1), { qos: 1, messageId: 2 }));
    await client.closed;
    expect(rig.meter.read('iot_requests_total mqtt too_large')).toBe(1);
  });

  it('ends at a topic beyond our limit', async () => {
    await using rig = await startRig();
    const client = await rig.client('admin');
    client.send(publishPacket('t'.repeat(TOPIC_MAX_BYTES), 'x', { qos: 1, messageId: 1 }));
    expect(await client.nextHex()).toBe('40020001');
    client.send(publishPacket('t'.repeat(TOPIC_MAX_BYTES + 1), 'x', { qos: 1, messageId: 2 }));
    await client.closed;
  });

  it('tells topics apart that are alike to a byte, and knows them again', async () => {
    await using rig = await startRig();
    const client = await rig.client('admin');
    const topics = ['a/b', 'a/c', 'a/b', 'ä/b', 'a/b/', 'a/b', 'b/b', 'ä/b'];
    client.send(...topics.map((topic) => publishPacket(topic, 'x')));
    await client.settled();
    expect(rig.log.packets.map(({ topic }) => topic)).toEqual(topics);
  });
});

describe('QoS 2', () => {
  it('is stored once however often it is repeated before PUBREL [MQTT-4.3.3-2]', async () => {
    await using rig = await startRig({ log: new FakeLog(false) });
    const client = await rig.client('d1');
    client.send(qos2(5, 'a'), qos2(5, 'a', true));
    expect(await client.settled()).toEqual([]);
    rig.log.commit();
    expect(await client.nextHex()).toBe('50020005');
    client.send(qos2(5, 'a', true));
    expect(await client.nextHex()).toBe('50020005');
    client.send(pubrel(5));
    expect(await client.nextHex()).toBe('70020005');
    client.send(pubrel(5));
    expect(await client.nextHex()).toBe('70020005');
    client.send(qos2(5, 'b'));
    await client.settled();
    expect(rig.log.texts).toEqual(['a', 'b']);
  });

  it('shares packet ids with QoS 1 without mixing the answers up', async () => {
    await using rig = await startRig({ log: new FakeLog(false) });
    const client = await rig.client('d1');
    client.send(qos2(1, 'two'), qos1(1, 'one'));
    await client.settled();
    rig.log.commit();
    expect([await client.nextHex(), await client.nextHex()]).toEqual(['50020001', '40020001']);
  });

  it('ends at a PUBREL that comes before its PUBREC', async () => {
    await using rig = await startRig({ log: new FakeLog(false) });
    const client = await rig.client('d1');
    client.send(qos2(1), pubrel(1));
    await client.closed;
    expect(client.waiting).toEqual([]);
  });

  it('that the log refused can be sent again, on a new connection', async () => {
    await using rig = await startRig();
    const client = await rig.client('d1');
    rig.log.isRefusing = true;
    client.send(qos2(1));
    await client.closed;
    rig.log.isRefusing = false;
    const again = await rig.client('d1');
    again.send(qos2(1, 'x', true));
    expect(await again.nextHex()).toBe('50020001');
    expect(rig.log.texts).toEqual(['x']);
  });
});

describe('retained messages', () => {
  const retain = (payload: string, messageId = 1): Buffer =>
    publishPacket(T, payload, { qos: 1, messageId, retain: true });

  it('are acknowledged when log and state store have them, and hold back what came later', async () => {
    await using rig = await startRig({ log: new FakeLog(false) });
    const client = await rig.client('d1');
    client.send(retain('r'), qos1(2));
    await client.settled();
    expect(rig.state.writes).toEqual([`retained/${T}`]);
    expect(client.waiting).toEqual([]);
    rig.log.commit();
    expect([await client.nextHex(), await client.nextHex()]).toEqual(['40020001', '40020002']);
    const put = Promise.withResolvers<void>();
    const table = rig.state.bytes('retained');
    table.put = () => put.promise;
    client.send(retain('s', 3), qos1(4));
    await client.settled();
    rig.log.commit();
    expect(await client.settled()).toEqual([]);
    put.resolve();
    expect([await client.nextHex(), await client.nextHex()]).toEqual(['40020003', '40020004']);
  });

  it('are not acknowledged when the state store fails, and are stored when it works again', async () => {
    await using rig = await startRig();
    const client = await rig.client('d1');
    rig.state.writeFault = new Error('disk');
    client.send(retain('r'), qos1(2));
    await client.closed;
    expect(client.waiting).toEqual([]);
    rig.state.writeFault = undefined;
    await until(() => rig.state.writes.length > 0);
    expect(rig.state.writes).toEqual([`retained/${T}`]);
  });

  it('come to new subscribers with RETAIN set, behind the SUBACK; to those there already without it', async () => {
    await using rig = await startRig();
    const [device, early, late] = [await rig.client('d1'), await rig.client('admin'), await rig.dial()];
    early.send(subscribePacket(1, { [T]: 1 }));
    await early.next();
    device.send(retain('r'));
    expect(readPublish(await early.next())).toMatchObject({ payload: 'r', retain: false, qos: 1 });
    late.send(connectPacket('admin', { clientId: 'late' }), subscribePacket(1, { 'v1/+/telemetry': 1 }));
    expect(await late.nextHex()).toBe('20020000');
    expect(await late.nextHex()).toBe('9003000101');
    expect(readPublish(await late.next())).toMatchObject({ topic: T, payload: 'r', retain: true, qos: 1 });
    device.send(publishPacket(T, '', { qos: 1, messageId: 2, retain: true }));
    await device.next();
    expect(readPublish(await early.next())).toMatchObject({ payload: '', retain: false });
    late.send(subscribePacket(2, { '#': 1 }));
    const rest = await late.settled();
    expect(rest.filter(({ header }) => (header & 1) !== 0)).toEqual([]);
  });

  it('are there after a restart', async () => {
    await using first = await startRig();
    const device = await first.client('d1');
    device.send(retain('kept'));
    await device.next();
    await using second = await startRig({ state: first.state });
    const admin = await second.client('admin');
    admin.send(subscribePacket(1, { '#': 0 }));
    await admin.next();
    expect(readPublish(await admin.next())).toMatchObject({ payload: 'kept', retain: true });
    expect(second.meter.read('iot_mqtt_retained')).toBe(1);
  });
});
