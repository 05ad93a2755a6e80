/** Packets that MQTT 3.1.1 forbids after CONNECT: each closes its own connection, without a word. */
import { expect } from 'vitest';
import { PING, publishPacket, subscribePacket, until } from '../test-client.ts';
import { conformance } from './case.ts';
import { field, join, messages, publish, raw, subscribe, toleratedLater } from './v311-steps.ts';

conformance(
  'v311',
  ['MQTT-2.2.2-1', 'MQTT-2.2.2-2', 'MQTT-3.6.1-1', 'MQTT-3.8.1-1', 'MQTT-3.10.1-1', 'MQTT-3.14.1-1'],
  'every flag that a packet does not have closes',
  async (rig) => {
    const packets = [
      ['PUBACK', 0x40, '0001'],
      ['PUBREC', 0x50, '0001'],
      ['PUBREL', 0x62, '0001'],
      ['PUBCOMP', 0x70, '0001'],
      ['SUBSCRIBE', 0x82, `0001 ${field('a')} 00`],
      ['UNSUBSCRIBE', 0xa2, `0001 ${field('a')}`],
      ['PINGREQ', 0xc0, ''],
      ['DISCONNECT', 0xe0, ''],
    ] as const;
    const rows = packets.flatMap(([name, right, body]) =>
      Array.from({ length: 16 }, (_, flags) => (right & 0xf0) | flags)
        .filter((header) => header !== right)
        .map((header) => [`${name} ${header.toString(16)}`, raw(header, body)] as const),
    );
    expect(rows).toHaveLength(120);
    expect(await toleratedLater(rig, rows)).toEqual([]);
  },
);

conformance(
  'v311',
  ['MQTT-3.14.1-1', 'MQTT-3.1.2-8'],
  'a DISCONNECT with flags is none: the will is published',
  async (rig) => {
    const will = { topic: 'w', payload: Buffer.from('will'), qos: 0, retain: false } as const;
    const client = await join(rig, 'c', { will });
    client.send(raw(0xe1));
    await client.closed;
    await until(() => rig.log.next === 1);
    expect(rig.log.texts).toEqual(['will']);
  },
);

conformance('v311', ['MQTT-2.3.1-1'], 'packet id 0, or none, closes', async (rig) => {
  const tolerated = await toleratedLater(rig, [
    ['PUBLISH at QoS 1, id 0', raw(0x32, `${field('t')} 0000 31`)],
    ['PUBLISH at QoS 2, id 0', raw(0x34, `${field('t')} 0000 31`)],
    ['PUBLISH at QoS 1 without id', raw(0x32, field('t'))],
    ['PUBLISH at QoS 2, half an id', raw(0x34, `${field('t')} 00`)],
    ['SUBSCRIBE, id 0', raw(0x82, `0000 ${field('a')} 00`)],
    ['SUBSCRIBE without id', raw(0x82)],
    ['UNSUBSCRIBE, id 0', raw(0xa2, `0000 ${field('a')}`)],
    ['UNSUBSCRIBE, half an id', raw(0xa2, '00')],
  ]);
  expect(tolerated).toEqual([]);
});

conformance(
  'v311',
  ['MQTT-2.3.1-6', 'MQTT-4.8.0-1'],
  'acknowledgements without id, with id 0, or longer close',
  async (rig) => {
    const rows = [0x40, 0x50, 0x62, 0x70].flatMap((header) =>
      ['', '00', '0000', '000100'].map(
        (body) => [`${header.toString(16)} ${body}`, raw(header, body)] as const,
      ),
    );
    expect(await toleratedLater(rig, rows)).toEqual([]);
  },
);

conformance('v311', ['MQTT-3.3.1-4'], 'PUBLISH at QoS 3 closes', async (rig) => {
  const rows = [0x36, 0x37, 0x3e, 0x3f].map(
    (header) => [header.toString(16), raw(header, `${field('t')} 0001 31`)] as const,
  );
  expect(await toleratedLater(rig, rows)).toEqual([]);
  expect(rig.log.next).toBe(0);
});

conformance('v311', ['MQTT-3.3.1-2'], 'PUBLISH at QoS 0 with DUP closes', async (rig) => {
  const tolerated = await toleratedLater(rig, [
    ['DUP', raw(0x38, `${field('t')} 31`)],
    ['DUP and RETAIN', raw(0x39, `${field('t')} 31`)],
  ]);
  expect(tolerated).toEqual([]);
});

conformance(
  'v311',
  ['MQTT-3.3.2-1', 'MQTT-4.7.3-1'],
  'a PUBLISH without a topic, or with an empty one, closes',
  async (rig) => {
    const tolerated = await toleratedLater(rig, [
      ['nothing', raw(0x30)],
      ['half a length', raw(0x30, '00')],
      ['a topic cut short', raw(0x30, '0010 61')],
      ['an empty topic', raw(0x30, '0000 31')],
      ['an empty topic at QoS 1', raw(0x32, '0000 0001 31')],
    ]);
    expect(tolerated).toEqual([]);
  },
);

conformance(
  'v311',
  ['MQTT-3.3.2-2', 'MQTT-4.7.1-1'],
  'a topic with wildcards closes, in PUBLISH and in a will',
  async (rig) => {
    const rows = ['#', '+', 'a/#', 'a/+/b', 'a#', '+a', '/+'].flatMap(
      (topic) =>
        [
          [`PUBLISH ${topic}`, raw(0x30, `${field(topic)} 31`)],
          [`PUBLISH at QoS 1 ${topic}`, raw(0x32, `${field(topic)} 0001 31`)],
        ] as const,
    );
    expect(await toleratedLater(rig, rows)).toEqual([]);
    expect(rig.log.next).toBe(0);
  },
);

const BAD_TEXTS = ['ff', '80', 'c3', 'c0af', 'e0809f', 'f0808080', 'f4908080', 'eda080', 'edbfbf', '610062'];
const counted = (bad: string): string => `${(bad.length / 2).toString(16).padStart(4, '0')} ${bad}`;

conformance(
  'v311',
  ['MQTT-1.5.3-1', 'MQTT-1.5.3-2', 'MQTT-3.3.2-1', 'MQTT-4.7.3-2'],
  'a topic that is not UTF-8, or holds U+0000 or a surrogate, closes',
  async (rig) => {
    const rows = BAD_TEXTS.map((bad) => [bad, raw(0x30, `${counted(bad)} 31`)] as const);
    expect(await toleratedLater(rig, rows)).toEqual([]);
  },
);

conformance(
  'v311',
  ['MQTT-1.5.3-1', 'MQTT-1.5.3-2', 'MQTT-3.8.3-1', 'MQTT-3.10.3-1', 'MQTT-4.7.3-2'],
  'a filter that is not UTF-8, or holds U+0000 or a surrogate, closes',
  async (rig) => {
    const rows = BAD_TEXTS.flatMap(
      (bad) =>
        [
          [`SUBSCRIBE ${bad}`, raw(0x82, `0001 ${counted(bad)} 00`)],
          [`SUBSCRIBE, second ${bad}`, raw(0x82, `0001 ${field('a')} 00 ${counted(bad)} 00`)],
          [`UNSUBSCRIBE ${bad}`, raw(0xa2, `0001 ${counted(bad)}`)],
        ] as const,
    );
    expect(await toleratedLater(rig, rows)).toEqual([]);
  },
);

conformance(
  'v311',
  ['MQTT-3.8.3-3', 'MQTT-3.10.3-2'],
  'SUBSCRIBE and UNSUBSCRIBE without a filter close',
  async (rig) => {
    const tolerated = await toleratedLater(rig, [
      ['SUBSCRIBE', raw(0x82, '0001')],
      ['UNSUBSCRIBE', raw(0xa2, '0001')],
    ]);
    expect(tolerated).toEqual([]);
  },
);

conformance(
  'v311',
  ['MQTT-3.8.3-3', 'MQTT-3.8.3-1', 'MQTT-3.10.3-1'],
  'torn filters close, and nothing of their packet counts',
  async (rig) => {
    const tolerated = await toleratedLater(rig, [
      ['a filter without QoS', raw(0x82, `0001 ${field('a')}`)],
      ['a second filter without QoS', raw(0x82, `0001 ${field('a')} 00 ${field('b')}`)],
      ['a filter cut short', raw(0x82, '0001 0005 61 00')],
      ['half a length', raw(0x82, `0001 ${field('a')} 00 00`)],
      ['UNSUBSCRIBE, a filter cut short', raw(0xa2, '0001 0005 61')],
      ['UNSUBSCRIBE, half a length', raw(0xa2, `0001 ${field('a')} 00`)],
    ]);
    expect(tolerated).toEqual([]);
    expect(rig.meter.read('iot_mqtt_subscriptions')).toBe(0);
  },
);

conformance('v311', ['MQTT-3.8.3-4'], 'reserved bits or QoS 3 beside a filter close', async (rig) => {
  const rows = Array.from({ length: 253 }, (_, i) => i + 3)
    .filter((bits) => bits < 16 || (bits & (bits - 1)) === 0 || bits === 0xff)
    .map((bits) => {
      const text = bits.toString(16).padStart(2, '0');
      return [text, raw(0x82, `0001 ${field('a')} 00 ${field('b')} ${text}`)] as const;
    });
  expect(rows).toHaveLength(18);
  expect(await toleratedLater(rig, rows)).toEqual([]);
});

conformance(
  'v311',
  ['MQTT-4.7.1-2', 'MQTT-4.7.1-3', 'MQTT-4.7.3-1'],
  'filters with misplaced wildcards, and empty ones, close',
  async (rig) => {
    const rows = [
      '',
      '#/a',
      'a/#/b',
      'a#',
      '#a',
      'a/b#',
      '##',
      '+a',
      'a+',
      'a/+b/c',
      '++',
      'a/+#',
      '+#',
    ].flatMap(
      (filter) =>
        [
          [`SUBSCRIBE ${filter}`, raw(0x82, `0001 ${field(filter)} 00`)],
          [`UNSUBSCRIBE ${filter}`, raw(0xa2, `0001 ${field(filter)}`)],
        ] as const,
    );
    expect(await toleratedLater(rig, rows)).toEqual([]);
  },
);

conformance(
  'v311',
  ['MQTT-4.8.0-1'],
  'packets that only a server sends, unknown types and wrong lengths close',
  async (rig) => {
    const tolerated = await toleratedLater(rig, [
      ['type 0', raw(0x00)],
      ['type 15', raw(0xf0)],
      ['CONNACK', raw(0x20, '0000')],
      ['SUBACK', raw(0x90, '0001 00')],
      ['UNSUBACK', raw(0xb0, '0001')],
      ['PINGRESP', raw(0xd0)],
      ['PINGREQ with a body', raw(0xc0, '00')],
      ['DISCONNECT with a body', raw(0xe0, '00')],
      ['a length of five bytes', Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80, 0x01])],
    ]);
    expect(tolerated).toEqual([]);
  },
);

conformance('v311', ['MQTT-4.8.0-1'], 'a violation of one client has no effect on another', async (rig) => {
  const [good, bad, publisher] = [await join(rig, 'good'), await join(rig, 'bad'), await join(rig, 'p')];
  await subscribe(good, { '#': 0 });
  bad.send(raw(0x36, `${field('t')} 0001 31`));
  await bad.closed;
  await publish(publisher, 't', 'alive');
  expect(await messages(good, 1)).toMatchObject([{ payload: 'alive' }]);
});

conformance(
  'v311',
  ['MQTT-4.8.0-2'],
  'a log that has no room closes the connection of a PUBLISH, and of no other',
  async (rig) => {
    const [hit, other] = [await join(rig, 'hit'), await join(rig, 'other')];
    rig.log.isRefusing = true;
    hit.send(publishPacket('t', 'x', { qos: 1, messageId: 1 }), PING);
    await hit.closed;
    expect(hit.waiting).toEqual([]);
    rig.log.isRefusing = false;
    await publish(other, 't', 'y');
    expect(rig.log.texts).toEqual(['y']);
  },
);

conformance(
  'v311',
  ['MQTT-3.3.5-2'],
  'a PUBLISH that is not allowed closes, and reaches nobody',
  async (rig) => {
    const admin = await join(rig, 'a');
    await subscribe(admin, { '#': 2 });
    for (const qos of [1, 2] as const) {
      const device = await rig.client('d1');
      device.send(publishPacket('v1/d2/telemetry', 'x', { qos, messageId: 1 }), PING);
      await device.closed;
      expect(device.waiting).toEqual([]);
    }
    expect(await messages(admin, 0)).toEqual([]);
    expect(rig.log.next).toBe(0);
  },
);

conformance(
  'v311',
  ['MQTT-1.5.3-3'],
  'U+FEFF is a character like others, at the start of a topic too',
  async (rig) => {
    const [marked, plain] = [await join(rig, 'marked'), await join(rig, 'plain')];
    await subscribe(marked, { '\uFEFFa': 0 });
    await subscribe(plain, { a: 0 });
    await publish(await join(rig, 'p'), '\uFEFFa', 'x');
    const [received] = await messages(marked, 1);
    expect(Buffer.from(received?.topic ?? '').toString('hex')).toBe('efbbbf61');
    expect(await messages(plain, 0)).toEqual([]);
  },
);

conformance(
  'v311',
  ['MQTT-7.1.1-1'],
  'a session is the same when its stream is cut at every byte',
  async (rig) => {
    const client = await join(rig, 'c');
    const stream = Buffer.concat([
      subscribePacket(1, { 't/#': 1 }),
      publishPacket('t/1', 'a'.repeat(200), { qos: 1, messageId: 2 }),
      PING,
    ]);
    for (const byte of stream) {
      client.send(Buffer.from([byte]));
      await new Promise((done) => client.socket.write('', done));
    }
    await until(() => client.waiting.length === 4);
    expect(new Set(client.waiting.map(({ header }) => header))).toEqual(new Set([0x90, 0x40, 0x32, 0xd0]));
  },
);
