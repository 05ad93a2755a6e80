/**
 * Our reading against `mqtt-packet`'s, on sound packets with a few bytes changed. Where we refuse what
 * they take, the disagreement belongs to one of the classes below, each with its reason and a packet that shows it.
 */
import * as fc from 'fast-check';
import { generate, type Packet } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { type AcknowledgementPacket, parseAcknowledgement } from './acknowledgement.ts';
import { type ConnectPacket, parseConnect } from './connect.ts';
import { Fields } from './fields.ts';
import { decodePassed, parsePublishProperties } from './publish.ts';
import { type Fault, isFault } from './reason.ts';
import { type AuthPacket, type DisconnectPacket, parseAuth, parseDisconnect } from './session-packets.ts';
import {
  parseSubscribe,
  parseUnsubscribe,
  type SubscribePacket,
  type UnsubscribePacket,
} from './subscribe.ts';
import { bodyOf, bytesOf, damaged, present, sized, text, theirs, u16 } from './test-packets.ts';
import { SOUND } from './test-sound-packets.ts';
import type { ProtocolVersion } from './version.ts';

type Reader = (version: ProtocolVersion, body: Buffer) => object;

const READERS: Record<string, Reader> = {
  connect: (_version, body) => parseConnect(body, 0, body.length),
  publish: (_version, body) => {
    const fields = new Fields(body, 0, body.length);
    fields.text();
    return fields.fault ?? parsePublishProperties(body, fields.at, body.length);
  },
  subscribe: (version, body) => parseSubscribe(version, body, 0, body.length),
  unsubscribe: (version, body) => parseUnsubscribe(version, body, 0, body.length),
  puback: (version, body) => parseAcknowledgement(version, 4, body, 0, body.length),
  pubrec: (version, body) => parseAcknowledgement(version, 5, body, 0, body.length),
  pubrel: (version, body) => parseAcknowledgement(version, 6, body, 0, body.length),
  pubcomp: (version, body) => parseAcknowledgement(version, 7, body, 0, body.length),
  disconnect: (version, body) => parseDisconnect(version, body, 0, body.length),
  auth: (_version, body) => parseAuth(body, 0, body.length),
};
/** Where we refuse what they take: what we say, why we do, and the shortest packet that shows it. */
const STRICTER: readonly (readonly [
  says: RegExp,
  because: string,
  cmd: string,
  version: ProtocolVersion,
  packet: Buffer,
])[] = [
  [
    /ends behind its packet/,
    'a field or property list that is cut is malformed [2.2.2.1]; they read -1, null or undefined',
    'auth',
    5,
    bytesOf(0xf0, sized(0x18, sized(0x15, text('m'), 0x16, u16(9)))),
  ],
  [
    /is longer than its fields/,
    'what is behind the last field has no meaning; they do not look',
    'connect',
    4,
    bytesOf(0x10, sized(text('MQTT'), 4, 2, u16(1), text('c'), 0)),
  ],
  [
    /not well-formed UTF-8/,
    '[MQTT-1.5.4-1]; they put U+FFFD in its place',
    'unsubscribe',
    4,
    bytesOf(0xa2, sized(u16(1), text(Buffer.from([0xff])))),
  ],
  [/U\+0000/, '[MQTT-1.5.4-2]', 'unsubscribe', 4, bytesOf(0xa2, sized(u16(1), text('\0')))],
  [/packet identifier 0/, '[MQTT-2.2.1-3]', 'puback', 4, bytesOf(0x40, sized(u16(0)))],
  [/is padded/, '[MQTT-1.5.5-1]', 'unsubscribe', 5, bytesOf(0xa2, sized(u16(1), 0x80, 0x00, text('a')))],
  [
    /MQTT level \d+ is not known|MQIsdp level \d+ is not known/,
    'they take the mark of bridges (0x80), and each level with either name; [MQTT-3.1.2-2] knows two pairs, and 5',
    'connect',
    4,
    bytesOf(0x10, sized(text('MQTT'), 0x84, 2, u16(1), text('c'))),
  ],
  [
    /password without a user name/,
    '[MQTT-3.1.2-22] of 3.1.1',
    'connect',
    4,
    bytesOf(0x10, sized(text('MQTT'), 4, 0x42, u16(1), text('c'), text('p'))),
  ],
  [
    /client id is needed/,
    '[MQTT-3.1.3-8] of 3.1.1',
    'connect',
    4,
    bytesOf(0x10, sized(text('MQTT'), 4, 0, u16(1), text(''))),
  ],
  [
    /will QoS 3/,
    '[MQTT-3.1.2-12]',
    'connect',
    4,
    bytesOf(0x10, sized(text('MQTT'), 4, 0x1e, u16(1), text('c'), text('t'), text('w'))),
  ],
  [
    /will topic is no topic name/,
    'a topic name has no wildcards and is not empty [MQTT-4.7.0-1, MQTT-4.7.3-1]',
    'connect',
    4,
    bytesOf(0x10, sized(text('MQTT'), 4, 6, u16(1), text('c'), text('#'), text('w'))),
  ],
  [
    /will is not the UTF-8/,
    '[3.1.3.2.3] allows to look, and we do',
    'connect',
    5,
    bytesOf(
      0x10,
      sized(text('MQTT'), 5, 6, u16(1), 0, text('c'), sized(1, 1), text('t'), text(Buffer.from([0xff]))),
    ),
  ],
  [
    /authentication data without/,
    '[3.1.2.11.10]',
    'connect',
    5,
    bytesOf(0x10, sized(text('MQTT'), 5, 2, u16(1), sized(0x16, text('d')), text('c'))),
  ],
  [
    /topic filter is not well-formed/,
    'wildcards and shares have their places [4.7.1, 4.8.2]; they let any text pass',
    'subscribe',
    4,
    bytesOf(0x82, sized(u16(1), text('a#'), 0)),
  ],
  [/without a filter/, '[MQTT-3.8.3-2, MQTT-3.10.3-2]', 'subscribe', 4, bytesOf(0x82, sized(u16(1)))],
  [
    /no local on a shared/,
    '[MQTT-3.8.3-4]',
    'subscribe',
    5,
    bytesOf(0x82, sized(u16(1), 0, text('$share/g/a'), 4)),
  ],
  [
    /does not belong here/,
    'they do not ask in which packet a property stands [2.2.2.2]',
    'unsubscribe',
    5,
    bytesOf(0xa2, sized(u16(1), sized(0x0b, 1), text('a'))),
  ],
  [
    /property 0x[0-9a-f]+ must not be/,
    'flags are 0 or 1, maxima and identifiers not 0 [3.1.2.11, 3.3.2.3, 3.8.2.1]',
    'subscribe',
    5,
    bytesOf(0x82, sized(u16(1), sized(0x0b, 0), text('a'), 0)),
  ],
  [
    /property 0x[0-9a-f]+ twice/,
    'a protocol error for all but user properties; they take the last, or make a list',
    'disconnect',
    5,
    bytesOf(0xe0, sized(0, sized(0x1f, text('a'), 0x1f, text('b')))),
  ],
  [
    /response topic is no topic name/,
    '[MQTT-3.3.2-14]',
    'publish',
    5,
    bytesOf(0x30, sized(text('t'), sized(0x08, text('#')))),
  ],
  [
    /sent a subscription identifier/,
    '[MQTT-3.3.4-6]; they read for clients, too',
    'publish',
    5,
    bytesOf(0x30, sized(text('t'), sized(0x0b, 1))),
  ],
  [
    /sent a server reference/,
    '[3.14.2.2.5]; they read for clients, too',
    'disconnect',
    5,
    bytesOf(0xe0, sized(0, sized(0x1c, text('s')))),
  ],
  [
    /a client cannot end for/,
    'table 3-10 says who may send which; they read for clients, too',
    'disconnect',
    5,
    bytesOf(0xe0, sized(0x8b, 0)),
  ],
  [
    /is no AUTH of a client/,
    'table 3-11; success is the server’s word',
    'auth',
    5,
    bytesOf(0xf0, sized(0, sized(0x15, text('m')))),
  ],
  [/AUTH without its method/, '[3.15.2.2.2]', 'auth', 5, bytesOf(0xf0, sized(0x18, 0))],
];

/** What both have read, in their words: the parts that matter to a server. */
const IN_THEIR_WORDS: Record<string, (ours: object) => object> = {
  connect(ours) {
    const packet = ours as ConnectPacket;
    const { will } = packet;
    return {
      protocolVersion: packet.version,
      clientId: packet.clientId,
      clean: packet.clean,
      keepalive: packet.keepAliveS,
      ...present({ username: packet.username, password: packet.password }),
      ...(will === undefined
        ? {}
        : { will: { topic: will.topic, payload: will.payload, qos: will.qos, retain: will.retain } }),
    };
  },
  publish(ours) {
    const { properties } = ours as Exclude<ReturnType<typeof parsePublishProperties>, Fault>;
    const { payloadFormat, contentType, responseTopic, correlationData } = decodePassed(properties.passed);
    const list = present({
      topicAlias: properties.topicAlias === 0 ? undefined : properties.topicAlias,
      messageExpiryInterval: properties.expiryS,
      payloadFormatIndicator: payloadFormat === undefined ? undefined : payloadFormat === 1,
      contentType,
      responseTopic,
      correlationData,
    });
    return Object.keys(list).length === 0 ? {} : { properties: list };
  },
  subscribe(ours) {
    const packet = ours as SubscribePacket;
    return {
      messageId: packet.packetId,
      subscriptions: packet.entries.map((entry) => ({ topic: entry.filter, qos: entry.qos })),
    };
  },
  unsubscribe(ours) {
    const packet = ours as UnsubscribePacket;
    return { messageId: packet.packetId, unsubscriptions: packet.filters };
  },
  disconnect(ours) {
    const { reason, sessionExpiryS } = ours as DisconnectPacket;
    return { reasonCode: reason, ...present({ properties: sessionExpiry(sessionExpiryS) }) };
  },
  auth(ours) {
    const { reason, method, data } = ours as AuthPacket;
    const properties = present({ authenticationMethod: method, authenticationData: data });
    return { reasonCode: reason, properties };
  },
};
const sessionExpiry = (seconds: number | undefined) =>
  seconds === undefined ? undefined : { sessionExpiryInterval: seconds };
const acknowledged = (ours: object): object => {
  const { packetId, reason } = ours as AcknowledgementPacket;
  return reason === 0 ? { messageId: packetId } : { messageId: packetId, reasonCode: reason };
};

const commandOf = (packet: object): string => (packet as Packet).cmd;
const ours = (version: ProtocolVersion, cmd: string, packet: Buffer): object =>
  READERS[cmd]?.(version, bodyOf(packet)) ?? {};

describe('our reading against that of mqtt-packet', () => {
  it.each(STRICTER)('refuses %s: %s', (says, _because, cmd, version, packet) => {
    expect(ours(version, cmd, packet)).toMatchObject({ why: expect.stringMatching(says) });
    expect(theirs(version, packet)).toBeTypeOf('object');
  });

  it.each(SOUND.map(([version, packet]) => [commandOf(packet), version, packet] as const))(
    'of a damaged %s of version %i disagrees only where that is explained',
    (cmd, version, packet) => {
      const whole = generate(packet as Packet, { protocolVersion: version });
      expect(isFault(ours(version, cmd, whole))).toBe(false);
      let taken = 0;
      let refused = 0;
      fc.assert(
        fc.property(damaged(whole), (mutated) => {
          const mine = ours(version, cmd, mutated);
          const other = theirs(version, mutated);
          if (isFault(mine)) {
            refused += 1;
            if (typeof other === 'string') return;
            expect(STRICTER.some(([says]) => says.test(mine.why)) ? '' : mine.why).toBe('');
            return;
          }
          taken += 1;
          // There is nothing that we take and they refuse.
          expect(other).toBeTypeOf('object');
          expect(other).toMatchObject((IN_THEIR_WORDS[cmd] ?? acknowledged)(mine));
        }),
        { seed: 4, numRuns: 1_000 },
      );
      expect(taken).toBeGreaterThan(20);
      expect(refused).toBeGreaterThan(20);
    },
  );
});

describe('any bytes', () => {
  it('are read to an end without an exception, and never beyond it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.constantFrom(3, 4, 5), (noise, version) => {
        const body = Buffer.from(noise);
        for (const read of Object.values(READERS)) {
          const behind = Buffer.concat([body, Buffer.alloc(50, 0xff)]).subarray(0, body.length);
          expect(read(version, body)).toEqual(read(version, behind));
        }
      }),
      { seed: 5, numRuns: 1_000 },
    );
  });
});
