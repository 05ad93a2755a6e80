/** PUBLISH of version 5 through the server: what is refused with a word, aliases, and how much may be on its way. */
import { describe, expect, it } from 'vitest';
import { MQTT_RECEIVE_MAXIMUM, MQTT_TOPIC_ALIAS_MAX } from '../../../base/limits.ts';
import { REASON } from '../codec/reason.ts';
import { V5Client } from '../conformance/v5-client.ts';
import { ack, type PublishFields, publish } from '../conformance/v5-packets.ts';
import { until } from '../test-client.ts';
import { FakeLog, type Rig, startRig } from '../test-support.ts';

const device = (rig: Rig, more = {}): Promise<V5Client> => V5Client.connect(rig, { username: 'd1', ...more });
const T = 'v1/d1/x';
const KEPT = { clientId: 'c', clean: false, properties: [['sessionExpiry', 60]] } as const;
const alias = (number: number, topic = ''): PublishFields => ({
  topic,
  properties: [['topicAlias', number]],
});

describe('a message that is not taken', () => {
  it.each([
    ['a topic that is not allowed', { topic: 'v1/d2/x' }, REASON.notAuthorized, 'denied'],
    [
      'a payload that is not the UTF-8 it says',
      { topic: T, payload: Buffer.of(0xff), properties: [['payloadFormat', 1]] },
      REASON.payloadFormatInvalid,
      'malformed',
    ],
  ] as const)(
    'for %s is told so in PUBACK or PUBREC, and the connection goes on',
    async (_what, fields, reason, count) => {
      await using rig = await startRig();
      const client = await device(rig);
      client.send(publish({ ...fields, qos: 0 }));
      expect((await client.publish({ ...fields, qos: 1 })).code).toBe(reason);
      const pubrec = await client.publish({ ...fields, qos: 2 });
      expect([pubrec.command, pubrec.code]).toEqual(['pubrec', reason]);
      expect((await client.publish({ topic: T, qos: 2 })).code).toBe(0);
      expect(rig.log.next).toBe(1);
      expect(rig.meter.read(`iot_requests_total mqtt ${count}`)).toBe(3);
    },
  );

  it('by the log is told so, and taken later under the same id', async () => {
    await using rig = await startRig();
    const client = await device(rig);
    rig.log.isRefusing = true;
    expect((await client.publish({ topic: T, qos: 1, id: 7 })).code).toBe(REASON.quotaExceeded);
    expect((await client.publish({ topic: T, qos: 2, id: 7 })).code).toBe(REASON.quotaExceeded);
    rig.log.isRefusing = false;
    expect((await client.publish({ topic: T, qos: 2, id: 7 })).code).toBe(0);
    expect(rig.meter.read('iot_messages_dropped_total log_refused')).toBe(2);
  });

  it('leaves room for others: refusals do not count as on their way', async () => {
    await using rig = await startRig({ log: new FakeLog(false) });
    const client = await device(rig);
    const refused = Array.from({ length: MQTT_RECEIVE_MAXIMUM + 10 }, (_, i) =>
      publish({ topic: 'v1/d2/x', qos: 1 + (i % 2), id: i + 1 }),
    );
    client.send(...refused, publish({ topic: T, qos: 1, id: 5_000 }));
    expect(await client.waiting()).toHaveLength(refused.length);
    expect(rig.log.next).toBe(1);
  });
});

describe('a topic alias', () => {
  it('stands for the last topic it was given with, up to the maximum', async () => {
    await using rig = await startRig();
    const client = await device(rig);
    client.send(
      publish(alias(1, 'v1/d1/a')),
      publish(alias(MQTT_TOPIC_ALIAS_MAX, 'v1/d1/b')),
      publish(alias(1)),
      publish(alias(MQTT_TOPIC_ALIAS_MAX)),
      publish(alias(1, 'v1/d1/c')),
      publish(alias(1)),
    );
    await client.waiting();
    const topics = rig.log.packets.map(({ topic }) => topic.slice(-1)).join('');
    expect(topics).toBe('ababcc');
  });

  it.each([
    ['over the maximum', alias(MQTT_TOPIC_ALIAS_MAX + 1, T), REASON.topicAliasInvalid],
    ['that stands for nothing', alias(2), REASON.protocolError],
  ])('%s ends the connection', async (_what, fields, reason) => {
    await using rig = await startRig();
    const client = await device(rig);
    client.send(publish(fields));
    expect(await client.end()).toBe(reason);
  });

  it('is forgotten with the connection, not with the session', async () => {
    await using rig = await startRig();
    const first = await device(rig, KEPT);
    first.send(publish(alias(1, T)));
    await first.waiting();
    await first.drop();
    const second = await device(rig, KEPT);
    expect(second.connack.isSessionPresent).toBe(true);
    second.send(publish(alias(1)));
    expect(await second.end()).toBe(REASON.protocolError);
  });

  it('is judged again when rights change', async () => {
    await using rig = await startRig();
    const client = await device(rig);
    await client.publish(alias(1, T));
    rig.security.forbidden.add(T);
    rig.security.change('device:d1');
    expect((await client.publish(alias(1))).code).toBe(REASON.notAuthorized);
    rig.security.forbidden.clear();
    rig.security.change('device:d1');
    expect((await client.publish(alias(1))).code).toBe(0);
  });
});

describe('the receive maximum', () => {
  const many = (count: number, qos: number): Buffer[] =>
    Array.from({ length: count }, (_, i) => publish({ topic: T, qos, id: i + 1 }));

  it.each([1, 2])(
    'at QoS %i: so many may wait for their acknowledgement, one more ends the connection',
    async (qos) => {
      await using rig = await startRig({ log: new FakeLog(false) });
      const client = await device(rig);
      client.send(...many(MQTT_RECEIVE_MAXIMUM, qos), publish({ topic: T, qos: 0 }));
      expect(await client.waiting()).toEqual([]);
      expect(rig.log.next).toBe(MQTT_RECEIVE_MAXIMUM + 1);
      client.send(publish({ topic: T, qos, id: 9_999 }));
      expect(await client.end()).toBe(REASON.receiveMaximumExceeded);
    },
  );

  it('counts QoS 2 until PUBCOMP, a repeat not at all', async () => {
    await using rig = await startRig();
    const client = await device(rig);
    client.send(...many(MQTT_RECEIVE_MAXIMUM, 2));
    await until(() => client.raw.waiting.length === MQTT_RECEIVE_MAXIMUM);
    client.send(publish({ topic: T, qos: 2, id: 1, dup: true }), ack('pubrel', 1), ack('pubrel', 2));
    await client.waiting();
    client.send(publish({ topic: T, qos: 2, id: 1 }), publish({ topic: T, qos: 1, id: 2_000 }));
    await client.waiting();
    expect([client.raw.isClosed, rig.log.next]).toEqual([false, MQTT_RECEIVE_MAXIMUM + 2]);
    client.send(publish({ topic: T, qos: 2, id: 3_000 }));
    client.send(publish({ topic: T, qos: 2, id: 3_001 }));
    expect(await client.end()).toBe(REASON.receiveMaximumExceeded);
  });

  it('begins anew with each connection of a session [4.9]', async () => {
    await using rig = await startRig();
    const first = await device(rig, KEPT);
    first.send(...many(MQTT_RECEIVE_MAXIMUM, 2));
    await until(() => first.raw.waiting.length === MQTT_RECEIVE_MAXIMUM);
    await first.drop();
    const second = await device(rig, KEPT);
    second.send(publish({ topic: T, qos: 1, id: 5_000 }), ack('pubrel', 1));
    const answers = [await second.next(), await second.next()].map(({ command, id }) => `${command} ${id}`);
    expect(answers.toSorted()).toEqual(['puback 5000', 'pubcomp 1']);
    expect(second.raw.isClosed).toBe(false);
  });

  it('is not there before version 5, which was told nothing of it', async () => {
    await using rig = await startRig({ log: new FakeLog(false) });
    const client = await rig.client('d1');
    for (let i = 0; i < 2 * MQTT_RECEIVE_MAXIMUM; i += 1)
      client.send(Buffer.concat([Buffer.from([0x32, 12, 0, 7]), Buffer.from(T), Buffer.from([0, 1, 120])]));
    expect(await client.settled()).toEqual([]);
    expect(rig.log.next).toBe(2 * MQTT_RECEIVE_MAXIMUM);
  });
});

describe('QoS 2 of a session that changes its connection', () => {
  const message = (dup: boolean): Buffer => publish({ topic: T, qos: 2, id: 5, dup });

  it('is acknowledged on the new one, whether its commit was before or after, and stored once', async () => {
    for (const isCommitted of [true, false]) {
      await using rig = await startRig({ log: new FakeLog(false) });
      const first = await device(rig, KEPT);
      first.send(message(false));
      await first.waiting();
      if (isCommitted) rig.log.commit();
      await first.drop();
      const second = await device(rig, KEPT);
      second.send(message(true), message(true));
      if (!isCommitted) expect(await second.waiting()).toEqual([]);
      rig.log.commit();
      expect((await second.take('pubrec')).id).toBe(5);
      second.send(ack('pubrel', 5));
      const rest = [await second.next(), ...(isCommitted ? [await second.next()] : [])];
      expect(rest.at(-1)?.command).toBe('pubcomp');
      expect(rig.log.next).toBe(1);
    }
  });

  it('gets PUBCOMP when it is on disk that its id is free', async () => {
    await using rig = await startRig();
    const client = await device(rig, KEPT);
    client.send(message(false));
    await client.take('pubrec');
    rig.state.writeFault = new Error('disk');
    client.send(ack('pubrel', 5));
    expect(await client.waiting()).toEqual([]);
    rig.state.writeFault = undefined;
    expect((await client.take('pubcomp')).code).toBe(0);
    client.send(ack('pubrel', 5));
    expect((await client.take('pubcomp')).code).toBe(REASON.packetIdNotFound);
  });
});
