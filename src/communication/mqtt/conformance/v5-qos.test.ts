/** Acknowledgements in all their forms: sections 3.4 to 3.7 and 4.3, on a connection that goes on. */
import { expect } from 'vitest';
import type { Rig } from '../test-support.ts';
import { conformance } from './case.ts';
import { messagesUntil, V5Client } from './v5-client.ts';
import { ack, type ConnectFields, disconnect, type Properties, publish } from './v5-packets.ts';

const PROBLEM: Properties = [
  ['reasonString', 'because'],
  ['userProperty', ['k', 'v']],
  ['userProperty', ['k', 'v']],
];

/** What may stand behind the id. */
const FORMS: readonly (readonly [code?: number, properties?: Properties])[] = [
  [],
  [0],
  [0, []],
  [0, PROBLEM],
];

/** A subscriber with QoS 2, and one message on its way to it. */
async function underWay(
  rig: Rig,
  qos: number,
  fields: ConnectFields = {},
): Promise<{ readonly client: V5Client; readonly publisher: V5Client; readonly id: number }> {
  const client = await V5Client.connect(rig, fields);
  await client.subscribe({ t: 2 });
  const publisher = await V5Client.connect(rig);
  await publisher.publish({ topic: 't', qos });
  return { client, publisher, id: (await client.take('publish')).id };
}

conformance(
  'v5',
  ['MQTT-3.4.2-1', 'MQTT-4.3.2-3', 'MQTT-4.3.2-1'],
  'PUBACK is understood with and without code and properties, and frees its id',
  async (rig) => {
    const forms = (id: number): readonly Buffer[] => [
      ack('puback', id),
      ack('puback', id, 0),
      ack('puback', id, 0, []),
      ack('puback', id, 0x10, PROBLEM),
      ack('puback', id, 0x80, PROBLEM),
    ];
    for (const form of [0, 1, 2, 3, 4]) {
      const { client, publisher, id } = await underWay(rig, 1, { properties: [['receiveMaximum', 1]] });
      await publisher.publish({ topic: 't', payload: 'next' });
      client.send(forms(id)[form] ?? Buffer.alloc(0));
      expect((await client.take('publish')).payload).toBe('next');
      await client.leave();
    }
  },
);

conformance(
  'v5',
  ['MQTT-3.5.2-1', 'MQTT-3.7.2-1', 'MQTT-4.3.3-3', 'MQTT-4.3.3-4', 'MQTT-4.3.3-5'],
  'PUBREC and PUBCOMP are understood in every form',
  async (rig) => {
    for (const more of FORMS) {
      const { client, publisher, id } = await underWay(rig, 2, { properties: [['receiveMaximum', 1]] });
      await publisher.publish({ topic: 't', payload: 'next' });
      client.send(ack('pubrec', id, ...more));
      const pubrel = await client.take('pubrel');
      expect([pubrel.id, pubrel.code, pubrel.header]).toEqual([id, 0, 0x62]);
      client.send(ack('pubcomp', id, ...more));
      expect((await client.take('publish')).payload).toBe('next');
      await client.leave();
    }
  },
);

conformance(
  'v5',
  ['MQTT-3.6.2-1', 'MQTT-4.3.3-11'],
  'PUBREL is understood in every form, and gets its PUBCOMP',
  async (rig) => {
    const client = await V5Client.connect(rig);
    for (const more of [...FORMS, [0x92, PROBLEM] as const]) {
      client.send(publish({ qos: 2, id: 3 }));
      await client.take('pubrec');
      client.send(ack('pubrel', 3, ...more));
      const pubcomp = await client.take('pubcomp');
      expect([pubcomp.id, [0, 0x92].includes(pubcomp.code)]).toEqual([3, true]);
    }
  },
);

conformance(
  'v5',
  ['MQTT-4.3.3-4', 'MQTT-4.3.3-6'],
  'a second PUBREC gets PUBREL again, never the message',
  async (rig) => {
    const { client, id } = await underWay(rig, 2);
    for (let n = 0; n < 2; n += 1) {
      client.send(ack('pubrec', id));
      expect((await client.take('pubrel')).id).toBe(id);
    }
    client.send(ack('pubcomp', id));
    expect(await client.waiting()).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.4.2-1', 'MQTT-3.7.2-1', 'MQTT-4.3.2-3'],
  'a PUBACK or PUBCOMP that answers nothing changes nothing',
  async (rig) => {
    const { client, publisher, id } = await underWay(rig, 1, { properties: [['receiveMaximum', 1]] });
    client.send(ack('puback', id + 1), ack('pubcomp', id + 1), ack('puback', 0xffff));
    await publisher.publish({ topic: 't', payload: 'next' });
    expect(await client.waiting()).toEqual([]);
    client.send(ack('puback', id));
    expect((await client.take('publish')).payload).toBe('next');
  },
);

conformance(
  'v5',
  ['MQTT-4.9.0-1', 'MQTT-4.9.0-2'],
  'acknowledgements that answer nothing do not raise the quota',
  async (rig) => {
    const { client, publisher, id } = await underWay(rig, 1, { properties: [['receiveMaximum', 2]] });
    client.send(ack('puback', id), ack('puback', id), ack('puback', id));
    for (const payload of ['1', '2', '3']) await publisher.publish({ topic: 't', payload });
    await client.take('publish');
    await client.take('publish');
    expect(await client.waiting()).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-4.3.2-1', 'MQTT-4.3.3-1', 'MQTT-2.2.1-4'],
  'ids are reused only when they are free, beyond the whole range of 65,535',
  async (rig) => {
    const {
      client,
      publisher,
      id: held,
    } = await underWay(rig, 1, { properties: [['receiveMaximum', 1000]] });
    const packets = Array.from({ length: 500 }, (_, n) =>
      publish({ topic: 't', qos: 1, id: n + 1, payload: '' }),
    );
    const seen = new Set<number>();
    for (let round = 0; round < 132; round += 1) {
      publisher.send(...packets);
      for (const { id } of await client.receive(packets.length)) seen.add(id);
      for (const _ of packets) await publisher.take('puback');
    }
    expect(seen.has(held)).toBe(false);
    expect(seen.has(0)).toBe(false);
  },
);

conformance(
  'v5',
  ['MQTT-3.3.2-17', 'MQTT-3.3.2-18', 'MQTT-3.1.2-29'],
  'user properties of messages come through even when the client wants no problem information',
  async (rig) => {
    const client = await V5Client.connect(rig, { properties: [['requestProblemInfo', 0]] });
    await client.subscribe({ t: 0 });
    const pairs = Array.from({ length: 100 }, (_, n) => [`k${n % 7}`, `v${n}`] as const);
    client.send(publish({ topic: 't', properties: pairs.map((pair) => ['userProperty', pair] as const) }));
    expect((await client.take('publish')).all('userProperty')).toEqual(pairs);
  },
);

conformance(
  'v5',
  ['MQTT-3.14.2-1', 'MQTT-3.14.4-2', 'MQTT-3.14.4-3'],
  'DISCONNECT is understood in every form',
  async (rig) => {
    const watching = await V5Client.connect(rig);
    await watching.subscribe({ 'will/topic': 0, end: 0 });
    const forms = [disconnect(), disconnect(0), disconnect(0, []), disconnect(0, PROBLEM)];
    for (const bytes of forms) {
      const client = await V5Client.connect(rig, { will: {} });
      client.send(bytes);
      expect(await client.end()).toBe(undefined);
    }
    const publisher = await V5Client.connect(rig);
    await publisher.publish({ topic: 'end', payload: 'end' });
    expect(await messagesUntil(watching, 'end')).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-4.4.0-2', 'MQTT-4.3.3-4', 'MQTT-4.9.0-1'],
  'PUBACK and PUBREC of 0x80 or more end the delivery: no PUBREL, nothing sent again, quota given back',
  async (rig) => {
    const fields: ConnectFields = {
      clientId: 'c',
      clean: false,
      properties: [
        ['sessionExpiry', 1000],
        ['receiveMaximum', 1],
      ],
    };
    const client = await V5Client.connect(rig, fields);
    await client.subscribe({ t: 2 });
    const publisher = await V5Client.connect(rig);
    for (const n of [1, 2, 3])
      await publisher.publish({ topic: 't', qos: n === 1 ? 2 : 1, payload: String(n) });
    client.send(ack('pubrec', (await client.take('publish')).id, 0x83));
    client.send(ack('puback', (await client.take('publish')).id, 0x97));
    const third = await client.take('publish');
    expect(third.payload).toBe('3');
    client.send(ack('puback', third.id, 0x10));
    expect(await client.waiting()).toEqual([]);
    await client.drop();
    expect(await (await V5Client.connect(rig, fields)).waiting()).toEqual([]);
  },
);

conformance('v5', ['MQTT-4.6.0-4'], 'PUBRELs go in the order of the PUBRECs', async (rig) => {
  const client = await V5Client.connect(rig);
  await client.subscribe({ t: 2 });
  const publisher = await V5Client.connect(rig);
  for (let n = 0; n < 4; n += 1) await publisher.publish({ topic: 't', qos: 2 });
  const ids: number[] = [];
  for (let n = 0; n < 4; n += 1) ids.push((await client.take('publish')).id);
  const turned = ids.toReversed();
  client.send(...turned.map((id) => ack('pubrec', id)));
  for (const id of turned) expect((await client.take('pubrel')).id).toBe(id);
});

conformance(
  'v5',
  ['MQTT-4.3.2-3', 'MQTT-4.3.3-3', 'MQTT-4.3.3-5', 'MQTT-4.4.0-1'],
  'the answer of another QoS, or of a later step, completes nothing',
  async (rig) => {
    for (const [qos, kind] of [
      [1, 'pubrec'],
      [1, 'pubcomp'],
      [2, 'puback'],
      [2, 'pubcomp'],
    ] as const) {
      const fields = {
        clientId: `${kind}${qos}`,
        clean: false,
        properties: [['sessionExpiry', 100]],
      } as const;
      const { client, publisher, id } = await underWay(rig, qos, fields);
      client.send(ack(kind, id));
      const told = await Promise.race([client.raw.closed.then(() => client.left()), client.waiting()]);
      // 0x82 is one way to say no, PUBREL 0x92 another, silence the third.
      for (const { command, code } of told)
        expect([kind, command, code >= 0x80]).toEqual([
          kind,
          command === 'pubrel' ? 'pubrel' : 'disconnect',
          true,
        ]);
      if (!client.raw.isClosed) await client.drop();
      const back = await V5Client.connect(rig, fields);
      expect((await back.take('publish')).id).toBe(id);
      await back.leave(0, [['sessionExpiry', 0]]);
      await publisher.leave();
    }
  },
);
