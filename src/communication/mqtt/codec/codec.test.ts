/** Our codec against `mqtt-packet`, a second opinion; where the two disagree, the test says why. */
import * as fc from 'fast-check';
import { generate, type IPublishPacket, type Packet, parser } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { parseConnect } from './connect.ts';
import { Framing } from './framing.ts';
import { parseSubscribe, parseUnsubscribe } from './subscribe.ts';
import { isTopic } from './topics.ts';
import { publish, suback } from './write.ts';

/** Text that both sides may write: no U+0000 (we refuse it [MQTT-1.5.3-2], `mqtt-packet` lets it pass). */
const text = (minLength = 0): fc.Arbitrary<string> =>
  fc
    .string({ unit: 'grapheme', minLength, maxLength: 30 })
    .filter((value) => !value.includes('\0') && value.isWellFormed());
const topic = text(1).filter(isTopic);
const bytes = fc.uint8Array({ maxLength: 300 }).map((value) => Buffer.from(value));
const qos = fc.constantFrom(0 as const, 1 as const, 2 as const);
const messageId = fc.integer({ min: 1, max: 65_535 });

/** Where the body of a whole packet lies. */
function bodyOf(packet: Buffer): readonly [chunk: Buffer, start: number, end: number] {
  let body: readonly [Buffer, number, number] | undefined;
  const framing = new Framing((_header, chunk, start, end) => {
    body = [chunk, start, end];
    return true;
  });
  framing.push(packet);
  if (body === undefined) throw new Error('no whole packet');
  return body;
}

function theirs(packet: Buffer): Packet | 'refused' {
  let result: Packet | 'refused' = 'refused';
  const parsing = parser({ protocolVersion: 4 });
  parsing.on('packet', (parsed) => {
    result = parsed;
  });
  parsing.on('error', () => {
    result = 'refused';
  });
  parsing.parse(packet);
  return result;
}

describe('what mqtt-packet writes, we read', () => {
  it('CONNECT', () => {
    const will = fc.record({
      topic,
      payload: bytes.filter((value) => value.length > 0),
      qos,
      retain: fc.boolean(),
    });
    const connects = fc.record({
      clientId: text(1),
      keepalive: fc.integer({ min: 0, max: 65_535 }),
      clean: fc.boolean(),
      username: fc.option(text(1), { nil: undefined }),
      password: fc.option(
        bytes.filter((value) => value.length > 0),
        { nil: undefined },
      ),
      will: fc.option(will, { nil: undefined }),
    });
    fc.assert(
      fc.property(connects, (fields) => {
        const password = fields.username === undefined ? undefined : fields.password;
        const written = generate({
          cmd: 'connect',
          protocolId: 'MQTT',
          protocolVersion: 4,
          clientId: fields.clientId,
          keepalive: fields.keepalive,
          clean: fields.clean,
          ...(fields.username === undefined ? {} : { username: fields.username }),
          ...(password === undefined ? {} : { password }),
          ...(fields.will === undefined ? {} : { will: fields.will }),
        });
        const { keepalive: keepAliveS, ...rest } = fields;
        expect(parseConnect(...bodyOf(written))).toEqual({ ...rest, keepAliveS, password });
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('SUBSCRIBE and UNSUBSCRIBE', () => {
    const entries = fc.array(fc.record({ topic, qos }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(messageId, entries, (id, subscriptions) => {
        const asked = generate({ cmd: 'subscribe', messageId: id, subscriptions });
        expect(parseSubscribe(...bodyOf(asked))).toEqual({
          packetId: id,
          entries: subscriptions.map((entry) => ({ filter: entry.topic, qos: entry.qos })),
        });
        const filters = subscriptions.map((entry) => entry.topic);
        const ended = generate({ cmd: 'unsubscribe', messageId: id, unsubscriptions: filters });
        expect(parseUnsubscribe(...bodyOf(ended))).toEqual({ packetId: id, filters });
      }),
      { seed: 2, numRuns: 500 },
    );
  });
});

describe('what we write', () => {
  it('is PUBLISH byte for byte as mqtt-packet writes it', () => {
    const sizes = fc.oneof(
      bytes,
      fc.constantFrom(90, 130, 16_300, 16_400, 2_097_200).map((n) => Buffer.alloc(n)),
    );
    const messages = fc.record({
      topic,
      payload: sizes,
      qos: fc.constantFrom(0 as const, 1 as const),
      retain: fc.boolean(),
    });
    fc.assert(
      fc.property(messages, messageId, (message, id) => {
        const { bytes: written, idAt } = publish(message);
        if (message.qos === 1) written.writeUInt16BE(id, idAt);
        const fields = { cmd: 'publish', dup: false, ...message } as IPublishPacket;
        if (message.qos === 1) fields.messageId = id;
        expect(written.equals(generate(fields))).toBe(true);
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  it('is SUBACK as mqtt-packet writes it, of any length', () => {
    for (const count of [1, 2, 125, 126, 200, 20_000]) {
      const granted = Array.from({ length: count }, (_, i) => [0, 1, 0x80][i % 3] ?? 0);
      expect(suback(count, granted).equals(generate({ cmd: 'suback', messageId: count, granted }))).toBe(
        true,
      );
    }
  });
});

describe('any bytes', () => {
  const readers: readonly [type: number, cmd: string, ours: (packet: Buffer) => boolean][] = [
    [0x10, 'connect', (packet) => typeof parseConnect(...bodyOf(packet)) === 'object'],
    [0x82, 'subscribe', (packet) => parseSubscribe(...bodyOf(packet)) !== undefined],
    [0xa2, 'unsubscribe', (packet) => parseUnsubscribe(...bodyOf(packet)) !== undefined],
  ];

  /** Sound packets with a few bytes changed: pure noise is refused at its first field and shows nothing. */
  const damaged = (packet: Buffer): fc.Arbitrary<Buffer> =>
    fc
      .array(fc.tuple(fc.integer({ min: 2, max: packet.length - 1 }), fc.integer({ min: 0, max: 255 })), {
        minLength: 1,
        maxLength: 3,
      })
      .map((changes) => {
        const copy = Buffer.from(packet);
        for (const [at, byte] of changes) copy[at] = byte;
        return copy;
      });

  const SOUND = [
    generate({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clientId: 'c',
      clean: true,
      keepalive: 1,
      username: 'u',
      password: Buffer.from('p'),
      will: { topic: 't', payload: Buffer.from('w'), qos: 1, retain: false },
    }),
    generate({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [
        { topic: 'a/b', qos: 1 },
        { topic: '#', qos: 0 },
      ],
    }),
    generate({ cmd: 'unsubscribe', messageId: 1, unsubscriptions: ['a/b', '#'] }),
  ];

  it.each(readers.map(([type, cmd, ours], i) => [cmd, type, ours, SOUND[i] ?? Buffer.alloc(2)] as const))(
    '%s: what we take, mqtt-packet takes, too; we take nothing more',
    (_cmd, type, ours, sound) => {
      let taken = 0;
      let stricter = 0;
      fc.assert(
        fc.property(damaged(sound), (packet) => {
          packet[0] = type;
          const isOurs = ours(packet);
          const isTheirs = theirs(packet) !== 'refused';
          if (isOurs) taken += 1;
          // It lets pass: packet id 0, U+0000, ill-formed UTF-8, bytes behind the payload, wildcards in wrong places,
          // reserved bits of a requested QoS. It accepts protocol level 5 and its properties, which is another parser.
          if (isTheirs && !isOurs) stricter += 1;
          if (isOurs) expect(isTheirs).toBe(true);
        }),
        { seed: 4, numRuns: 3_000 },
      );
      expect(taken).toBeGreaterThan(100);
      expect(stricter).toBeGreaterThan(10);
    },
  );

  it('is read to an end without an exception, and never beyond it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.integer({ min: 0, max: 100 }), (noise, cut) => {
        const chunk = Buffer.from(noise);
        const end = Math.min(cut, chunk.length);
        const behind = Buffer.concat([chunk.subarray(0, end), Buffer.alloc(50, 0xff)]);
        for (const parse of [parseConnect, parseSubscribe, parseUnsubscribe])
          expect(parse(chunk, 0, end)).toEqual(parse(behind, 0, end));
      }),
      { seed: 5, numRuns: 2_000 },
    );
  });
});
