/** PUBLISH as it comes: section 3.3, topic aliases, limits, and the answers of sections 3.4 to 3.7. */
import { expect } from 'vitest';
import { FakeLog } from '../test-support.ts';
import { conformance } from './case.ts';
import { endOf, otherEnds, V5Client } from './v5-client.ts';
import { ack, field, frame, type PublishFields, publish, varint } from './v5-packets.ts';

const FORBIDDEN = 'v1/d2/telemetry';
const OWN = 'v1/d1/telemetry';

conformance(
  'v5',
  ['MQTT-3.3.1-4'],
  'a PUBLISH with both QoS bits ends the connection with 0x81',
  async (rig) => {
    expect(await endOf(rig, publish({ qos: 3 }))).toBe(0x81);
    expect(rig.log.next).toBe(0);
  },
);

conformance(
  'v5',
  ['MQTT-3.3.1-2'],
  'a QoS 0 PUBLISH with DUP ends the connection with 0x81 or 0x82',
  async (rig) => {
    expect(await otherEnds(rig, { dup: publish({ dup: true }) }, [0x81, 0x82])).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.3.2-2', 'MQTT-4.7.0-1'],
  'a topic name with a wildcard ends the connection with 0x81, 0x82 or 0x90',
  async (rig) => {
    const topics = ['#', '+', 'a/#', 'a/+/b', 'a#', 'a+b', '$share/g/+'];
    const cases = topics.flatMap((topic) =>
      [0, 1].map((qos) => [`${topic} ${qos}`, publish({ topic, qos })] as const),
    );
    expect(await otherEnds(rig, Object.fromEntries(cases), [0x81, 0x82, 0x90])).toEqual([]);
    expect(rig.log.next).toBe(0);
  },
);

conformance(
  'v5',
  ['MQTT-4.7.3-1'],
  'an empty topic name without an alias ends the connection with 0x82',
  async (rig) => {
    const cases = { 'QoS 0': publish({ topic: '' }), 'QoS 1': publish({ topic: '', qos: 1 }) };
    expect(await otherEnds(rig, cases, [0x82])).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.3.2-14'],
  'a response topic with a wildcard, or empty, ends the connection with 0x81, 0x82 or 0x90',
  async (rig) => {
    const cases = ['#', 'a/+', 'a/#', ''].map((topic) => [
      topic,
      publish({ properties: [['responseTopic', topic]] }),
    ]);
    expect(await otherEnds(rig, Object.fromEntries(cases), [0x81, 0x82, 0x90])).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.3.4-1', 'MQTT-3.4.2-1', 'MQTT-3.5.2-1', 'MQTT-3.7.2-1'],
  'QoS 0 gets no answer, QoS 1 PUBACK, QoS 2 PUBREC and PUBCOMP, with reason 0x00 or 0x10',
  async (rig) => {
    const client = await V5Client.connect(rig);
    client.send(publish({}));
    expect(await client.waiting()).toEqual([]);
    expect([0, 0x10]).toContain((await client.publish({ qos: 1 })).code);
    client.send(publish({ qos: 2, id: 9 }));
    expect([0, 0x10]).toContain((await client.take('pubrec')).code);
    client.send(ack('pubrel', 9));
    const pubcomp = await client.take('pubcomp');
    expect([pubcomp.id, pubcomp.code]).toEqual([9, 0]);
  },
);

conformance(
  'v5',
  ['MQTT-4.3.2-4', 'MQTT-4.3.3-8'],
  'PUBACK and PUBREC wait for the disk',
  async (rig) => {
    const client = await V5Client.connect(rig);
    client.send(publish({ qos: 1, id: 1 }), publish({ qos: 2, id: 2 }));
    expect(await client.waiting()).toEqual([]);
    rig.log.commit(0);
    expect((await client.take('puback')).id).toBe(1);
    expect(await client.waiting()).toEqual([]);
    rig.log.commit();
    expect((await client.take('pubrec')).id).toBe(2);
  },
  { log: new FakeLog(false) },
);

conformance(
  'v5',
  ['MQTT-4.6.0-2', 'MQTT-4.6.0-3'],
  'PUBACKs and PUBRECs go in the order of the PUBLISHes',
  async (rig) => {
    const client = await V5Client.connect(rig);
    const ids = [5, 3, 9, 1, 7];
    client.send(...ids.map((id) => publish({ qos: 1, id })));
    for (const id of ids) expect((await client.take('puback')).id).toBe(id);
    client.send(...ids.map((id) => publish({ qos: 2, id })));
    for (const id of ids) expect((await client.take('pubrec')).id).toBe(id);
  },
);

conformance(
  'v5',
  ['MQTT-4.3.2-5'],
  'after PUBACK the same id is a new message, whatever its DUP says',
  async (rig) => {
    const client = await V5Client.connect(rig);
    for (const dup of [false, true]) {
      client.send(publish({ qos: 1, id: 7, dup, payload: String(dup) }));
      await client.take('puback');
    }
    expect(rig.log.texts).toEqual(['false', 'true']);
  },
);

conformance(
  'v5',
  ['MQTT-4.3.3-10', 'MQTT-4.3.3-11', 'MQTT-4.3.3-12'],
  'QoS 2: a repeat before PUBREL gets PUBREC and is stored once, after PUBCOMP the id is new',
  async (rig) => {
    const client = await V5Client.connect(rig);
    for (const payload of ['first', 'second']) {
      for (const dup of [false, true, true]) {
        client.send(publish({ qos: 2, id: 7, dup, payload }));
        const pubrec = await client.take('pubrec');
        expect([pubrec.id, pubrec.code < 0x80]).toEqual([7, true]);
      }
      client.send(ack('pubrel', 7));
      expect((await client.take('pubcomp')).code).toBe(0);
    }
    expect(rig.log.texts).toEqual(['first', 'second']);
  },
);

conformance(
  'v5',
  ['MQTT-4.3.3-10', 'MQTT-4.1.0-1'],
  'QoS 2: the id of a kept session is remembered over a reconnect',
  async (rig) => {
    const fields = { clientId: 'c', clean: false, properties: [['sessionExpiry', 100]] } as const;
    const first = await V5Client.connect(rig, fields);
    first.send(publish({ qos: 2, id: 7, payload: 'once' }));
    await first.take('pubrec');
    await first.drop();
    const second = await V5Client.connect(rig, fields);
    second.send(publish({ qos: 2, id: 7, payload: 'once', dup: true }));
    await second.take('pubrec');
    second.send(ack('pubrel', 7));
    expect((await second.take('pubcomp')).code).toBe(0);
    expect(rig.log.texts).toEqual(['once']);
  },
);

conformance(
  'v5',
  ['MQTT-3.7.2-1', 'MQTT-4.3.3-11'],
  'a PUBREL for an unknown id gets PUBCOMP 0x92',
  async (rig) => {
    const client = await V5Client.connect(rig);
    client.send(ack('pubrel', 77));
    const pubcomp = await client.take('pubcomp');
    expect([pubcomp.id, pubcomp.code]).toEqual([77, 0x92]);
  },
);

conformance('v5', ['MQTT-3.6.2-1'], 'a PUBREC for an unknown id gets PUBREL 0x92', async (rig) => {
  const client = await V5Client.connect(rig);
  client.send(ack('pubrec', 77));
  const pubrel = await client.take('pubrel');
  expect([pubrel.id, pubrel.code]).toEqual([77, 0x92]);
});

conformance(
  'v5',
  ['MQTT-3.4.2-1', 'MQTT-3.5.2-1', 'MQTT-4.3.3-9'],
  'a topic that is not allowed gets 0x87, the connection goes on, and the id is free',
  async (rig) => {
    const client = await V5Client.connect(rig, { username: 'd1' });
    client.send(publish({ topic: FORBIDDEN }));
    expect(await client.waiting()).toEqual([]);
    expect((await client.publish({ topic: FORBIDDEN, id: 7 })).code).toBe(0x87);
    expect((await client.publish({ topic: FORBIDDEN, id: 7, qos: 2 })).code).toBe(0x87);
    expect((await client.publish({ topic: OWN, id: 7, qos: 2, payload: 'mine' })).code).toBe(0);
    expect(rig.log.texts).toEqual(['mine']);
  },
);

conformance(
  'v5',
  ['MQTT-3.4.2-1', 'MQTT-3.5.2-1', 'MQTT-4.3.3-9'],
  'what the log refuses gets a reason of 0x80 or more, and the connection goes on',
  async (rig) => {
    const client = await V5Client.connect(rig);
    rig.log.isRefusing = true;
    for (const qos of [1, 2]) {
      const { code } = await client.publish({ qos, id: 3 });
      expect([qos, [0x80, 0x83, 0x97].includes(code), code]).toEqual([qos, true, code]);
    }
    rig.log.isRefusing = false;
    expect((await client.publish({ qos: 2, id: 3 })).code).toBe(0);
  },
);

conformance(
  'v5',
  ['MQTT-3.2.2-15'],
  'a packet above the Maximum Packet Size of the server ends the connection with 0x95 before it is read',
  async (rig) => {
    const client = await V5Client.connect(rig);
    const maximum = Number(client.connack.get('maximumPacketSize'));
    client.send(Buffer.concat([Buffer.from([0x30]), varint(maximum - 3), field('a/b')]));
    expect(await client.end()).toBe(0x95);
  },
);

conformance('v5', ['MQTT-3.2.2-15'], 'a packet of just the Maximum Packet Size is within it', async (rig) => {
  const client = await V5Client.connect(rig);
  const maximum = Number(client.connack.get('maximumPacketSize'));
  const head = Buffer.concat([field('t'.repeat(64)), Buffer.from([0, 1, 0])]);
  client.send(frame(0x32, head, Buffer.alloc(maximum - 4 - 1 - head.length)));
  // The payload alone may be more than the server stores: a reason, and no 0x95.
  expect([0x00, 0x10, 0x83, 0x97]).toContain((await client.take('puback')).code);
});

conformance(
  'v5',
  ['MQTT-3.3.2-12', 'MQTT-3.3.2-7'],
  'every alias up to the maximum stands for its topic, can be given another, and ends with the connection',
  async (rig) => {
    const client = await V5Client.connect(rig, {
      clientId: 'c',
      clean: false,
      properties: [['sessionExpiry', 100]],
    });
    const maximum = Number(client.connack.get('topicAliasMaximum'));
    const aliases = Array.from({ length: maximum }, (_, at) => at + 1);
    const named = (alias: number, topic: string): PublishFields => ({
      topic,
      properties: [['topicAlias', alias]],
    });
    for (const alias of aliases) await client.publish({ ...named(alias, `t/${alias}`), payload: 'x' });
    for (const alias of aliases) await client.publish(named(alias, ''));
    expect(rig.log.packets.map(({ topic }) => topic)).toEqual(
      [...aliases, ...aliases].map((alias) => `t/${alias}`),
    );
    await client.publish(named(1, 'another'));
    await client.publish(named(1, ''));
    expect(rig.log.packets.slice(-2).map(({ topic }) => topic)).toEqual(['another', 'another']);
    await client.drop();
    const fields = { clientId: 'c', clean: false, properties: [['sessionExpiry', 100]] } as const;
    expect(await otherEnds(rig, { unknown: publish(named(1, '')) }, [0x82], fields)).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.3.2-9', 'MQTT-3.2.2-17', 'MQTT-3.3.2-8'],
  'a topic alias of 0 or above the maximum ends the connection with 0x94',
  async (rig) => {
    const cases = [0, 65, 0xffff].map((alias) => [
      String(alias),
      publish({ properties: [['topicAlias', alias]] }),
    ]);
    expect(await otherEnds(rig, Object.fromEntries(cases), [0x94])).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.3.4-7'],
  'more unacknowledged QoS 2 messages than the Receive Maximum of the server end the connection with 0x93',
  async (rig) => {
    const client = await V5Client.connect(rig);
    const maximum = Number(client.connack.get('receiveMaximum'));
    const packets = Array.from({ length: maximum }, (_, at) => publish({ qos: 2, id: at + 1, payload: '' }));
    client.send(...packets);
    for (let n = 0; n < maximum; n += 1) await client.take('pubrec');
    client.send(publish({ qos: 0 }));
    expect(await client.waiting()).toEqual([]);
    client.send(publish({ qos: 2, id: maximum + 1 }));
    expect(await client.end()).toBe(0x93);
  },
);

conformance(
  'v5',
  ['MQTT-3.3.4-7', 'MQTT-4.9.0-1'],
  'an answer of 0x80 or more, and PUBCOMP, give the quota back',
  async (rig) => {
    const client = await V5Client.connect(rig, { username: 'd1' });
    const maximum = Number(client.connack.get('receiveMaximum'));
    for (let round = 0; round < 3; round += 1) {
      const packets = Array.from({ length: maximum }, (_, at) =>
        publish({ topic: FORBIDDEN, qos: 1 + (at % 2), id: at + 1 }),
      );
      client.send(...packets);
      for (let n = 0; n < maximum; n += 1) expect((await client.next()).code).toBe(0x87);
    }
    expect((await client.publish({ topic: OWN, qos: 2, id: 1 })).code).toBe(0);
  },
);

conformance(
  'v5',
  ['MQTT-3.3.2-4'],
  'a payload that is not the UTF-8 it claims to be is refused with 0x99, or passed on',
  async (rig) => {
    const client = await V5Client.connect(rig);
    const properties = [['payloadFormat', 1]] as const;
    const { code } = await client.publish({ payload: Buffer.from([0xff]), properties });
    expect([0x00, 0x10, 0x99]).toContain(code);
    expect([0x00, 0x10]).toContain((await client.publish({ payload: 'grün', properties })).code);
  },
);

conformance(
  'v5',
  ['MQTT-3.1.2-29', 'MQTT-3.4.2-2', 'MQTT-3.5.2-2', 'MQTT-3.7.2-2', 'MQTT-3.9.2-1', 'MQTT-3.11.2-1'],
  'answers have no reason string or user property when the client wants none, or when they would not fit',
  async (rig) => {
    for (const properties of [[['requestProblemInfo', 0]], [['maximumPacketSize', 200]]] as const) {
      const client = await V5Client.connect(rig, { username: 'd1', properties });
      // What a long topic would make of a reason that quotes it.
      const topic = `v1/d2/${'long'.repeat(100)}`;
      const answers = [
        await client.publish({ topic, qos: 1 }),
        await client.publish({ topic, qos: 2 }),
        await client.subscribe({ [topic]: 0 }),
      ];
      client.send(ack('pubrel', 999));
      answers.push(await client.take('pubcomp'));
      for (const answer of answers) {
        expect(answer.sizeBytes).toBeLessThanOrEqual(200);
        if (properties[0][0] === 'requestProblemInfo')
          expect([answer.command, answer.properties]).toEqual([answer.command, []]);
      }
    }
  },
);
