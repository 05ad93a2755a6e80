/** Section 2.2.2: which properties a packet may have, how often, and with which values. */
import { expect } from 'vitest';
import { conformance } from './case.ts';
import { otherEnds, otherRefusals, V5Client } from './v5-client.ts';
import {
  ack,
  auth,
  type ConnectFields,
  disconnect,
  PROPERTIES,
  type Properties,
  type Property,
  type PropertyName,
  propertyBytes,
  publish,
  subscribe,
  unsubscribe,
} from './v5-packets.ts';

const NAMES = Object.keys(PROPERTIES) as readonly PropertyName[];

/** A value that is right for each, where it may stand. */
function sample(name: PropertyName): Property {
  const [, kind] = PROPERTIES[name];
  if (kind === 'pair') return [name, ['name', 'value']];
  if (kind === 'string' || kind === 'binary') return [name, 'text'];
  return [name, 1];
}

const ALLOWED = {
  connect: [
    'sessionExpiry',
    'authMethod',
    'authData',
    'requestProblemInfo',
    'requestResponseInfo',
    'receiveMaximum',
    'topicAliasMaximum',
    'userProperty',
    'maximumPacketSize',
  ],
  will: [
    'payloadFormat',
    'messageExpiry',
    'contentType',
    'responseTopic',
    'correlationData',
    'willDelay',
    'userProperty',
  ],
  publish: [
    'payloadFormat',
    'messageExpiry',
    'contentType',
    'responseTopic',
    'correlationData',
    'subscriptionId',
    'topicAlias',
    'userProperty',
  ],
  ack: ['reasonString', 'userProperty'],
  subscribe: ['subscriptionId', 'userProperty'],
  unsubscribe: ['userProperty'],
  disconnect: ['sessionExpiry', 'serverReference', 'reasonString', 'userProperty'],
} as const satisfies Record<string, readonly PropertyName[]>;

type Host = keyof typeof ALLOWED;

const misplaced = (host: Host): readonly Property[] =>
  NAMES.filter((name) => !(ALLOWED[host] as readonly PropertyName[]).includes(name)).map(sample);
/** Those that may stand once only, beside what they need. */
const single = (host: Host, but: readonly PropertyName[] = []): readonly Property[] =>
  ALLOWED[host].filter((name) => name !== 'userProperty' && !but.includes(name)).map(sample);

const cases = <T>(properties: readonly Property[], make: (property: Property) => T): Record<string, T> =>
  Object.fromEntries(properties.map((property) => [property[0], make(property)]));

/** No such property: next to those there are, 0, and two bytes long. */
const UNKNOWN = Object.fromEntries(
  [0x00, 0x04, 0x07, 0x0a, 0x0c, 0x14, 0x1b, 0x20, 0x2b, 0x7f].map((id) => [
    `unknown ${id.toString(16)}`,
    Buffer.from([id, 1]),
  ]),
);
/** Property lists that are no lists. */
const BROKEN = {
  'a string cut short': Buffer.from([0x1f, 0, 4, 0x61]),
  'a number cut short': Buffer.from([0x11, 0, 0, 1]),
  'an id without value': Buffer.from([0x26]),
  'an id of two bytes': Buffer.from([0x80, 0x01, 0]),
};
const mapped = <T>(blocks: Record<string, Buffer>, make: (block: Buffer) => T): Record<string, T> =>
  Object.fromEntries(Object.entries(blocks).map(([name, bytes]) => [name, make(bytes)]));

const withNeeded = (property: Property): Properties =>
  property[0] === 'authData' ? [['authMethod', 'TEST'], property] : [property];

conformance(
  'v5',
  ['MQTT-3.1.4-1', 'MQTT-4.13.1-1'],
  'CONNECT: a property that is unknown, broken, or not for CONNECT is refused with 0x81',
  async (rig) => {
    const make = (properties: Properties | Buffer): ConnectFields => ({ properties });
    expect(
      await otherRefusals(
        rig,
        cases(misplaced('connect'), (property) => make([property])),
        [0x81],
      ),
    ).toEqual([]);
    expect(await otherRefusals(rig, mapped({ ...UNKNOWN, ...BROKEN }, make), [0x81])).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.1.4-1', 'MQTT-4.13.1-1'],
  'CONNECT: a property twice is refused with 0x82',
  async (rig) => {
    const twice = cases(single('connect'), (property) => ({
      properties: [...withNeeded(property), property],
    }));
    expect(await otherRefusals(rig, twice, [0x82])).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.1.4-1', 'MQTT-4.13.1-1'],
  'CONNECT: a property value that is not allowed is refused with 0x82',
  async (rig) => {
    const values: Record<string, ConnectFields> = {
      'Receive Maximum 0': { properties: [['receiveMaximum', 0]] },
      'Maximum Packet Size 0': { properties: [['maximumPacketSize', 0]] },
      'Request Problem Information 2': { properties: [['requestProblemInfo', 2]] },
      'Request Response Information 2': { properties: [['requestResponseInfo', 2]] },
      'Authentication Data without method': { properties: [['authData', 'x']] },
    };
    expect(await otherRefusals(rig, values, [0x82])).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.1.2-9', 'MQTT-4.13.1-1'],
  'will: a property that is unknown or not for a will is refused with 0x81, one that stands twice with 0x82',
  async (rig) => {
    const make = (properties: Properties | Buffer): ConnectFields => ({ will: { properties } });
    expect(
      await otherRefusals(
        rig,
        cases(misplaced('will'), (property) => make([property])),
        [0x81],
      ),
    ).toEqual([]);
    expect(await otherRefusals(rig, mapped({ ...UNKNOWN, ...BROKEN }, make), [0x81])).toEqual([]);
    const twice = cases(single('will'), (property) => make([property, property]));
    expect(await otherRefusals(rig, twice, [0x82])).toEqual([]);
    const bad = { 'format 2': make([['payloadFormat', 2]]) };
    expect(await otherRefusals(rig, bad, [0x81, 0x82, 0x99])).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.1.4-5', 'MQTT-3.1.2-9'],
  'CONNECT and will: every property in its place is taken, user properties as often as they come',
  async (rig) => {
    const own = [
      'sessionExpiry',
      'requestProblemInfo',
      'requestResponseInfo',
      'receiveMaximum',
      'topicAliasMaximum',
    ] as const;
    const pair: Property = ['userProperty', ['same', 'same']];
    const properties: Properties = [...own.map(sample), ['maximumPacketSize', 10_000], pair, pair];
    const willProperties: Properties = [...single('will'), pair, pair];
    const client = await V5Client.connect(rig, { properties, will: { properties: willProperties } });
    expect(client.connack.code).toBe(0);
  },
);

conformance(
  'v5',
  ['MQTT-4.13.1-1', 'MQTT-4.13.2-1'],
  'PUBLISH: a property that is unknown or not for PUBLISH ends the connection with 0x81, one that stands twice with 0x82',
  async (rig) => {
    const make = (properties: Properties | Buffer): Buffer => publish({ properties });
    expect(
      await otherEnds(
        rig,
        cases(misplaced('publish'), (property) => make([property])),
        [0x81],
      ),
    ).toEqual([]);
    expect(await otherEnds(rig, mapped({ ...UNKNOWN, ...BROKEN }, make), [0x81])).toEqual([]);
    const twice = cases(single('publish', ['subscriptionId']), (property) => make([property, property]));
    expect(await otherEnds(rig, twice, [0x82])).toEqual([]);
    const bad = { 'format 2': make([['payloadFormat', 2]]) };
    expect(await otherEnds(rig, bad, [0x81, 0x82, 0x99])).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.3.4-6'],
  'PUBLISH of a client with a subscription identifier ends the connection with 0x82',
  async (rig) => {
    const bytes = { one: publish({ properties: [['subscriptionId', 1]] }) };
    expect(await otherEnds(rig, bytes, [0x81, 0x82])).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-4.13.1-1', 'MQTT-4.13.2-1'],
  'PUBACK, PUBREC, PUBREL, PUBCOMP: unknown and misplaced properties end the connection with 0x81, a second reason with 0x82',
  async (rig) => {
    for (const kind of ['puback', 'pubrec', 'pubrel', 'pubcomp'] as const) {
      const make = (properties: Properties | Buffer): Buffer => ack(kind, 1, 0, properties);
      const wrong = { ...cases(misplaced('ack'), (property) => make([property])), ...mapped(UNKNOWN, make) };
      expect([kind, await otherEnds(rig, wrong, [0x81])]).toEqual([kind, []]);
      const twice = { twice: make([sample('reasonString'), sample('reasonString')]) };
      expect([kind, await otherEnds(rig, twice, [0x82])]).toEqual([kind, []]);
    }
  },
);

conformance(
  'v5',
  ['MQTT-4.13.1-1', 'MQTT-4.13.2-1'],
  'SUBSCRIBE: unknown and misplaced properties end the connection with 0x81, a second or zero subscription identifier with 0x82',
  async (rig) => {
    const make = (properties: Properties | Buffer): Buffer => subscribe(1, [['a', 0]], properties);
    expect(
      await otherEnds(
        rig,
        cases(misplaced('subscribe'), (property) => make([property])),
        [0x81],
      ),
    ).toEqual([]);
    expect(await otherEnds(rig, mapped({ ...UNKNOWN, ...BROKEN }, make), [0x81])).toEqual([]);
    const bad = {
      twice: make([sample('subscriptionId'), sample('subscriptionId')]),
      zero: make([['subscriptionId', 0]]),
    };
    expect(await otherEnds(rig, bad, [0x82])).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-4.13.1-1', 'MQTT-4.13.2-1'],
  'UNSUBSCRIBE and DISCONNECT: unknown and misplaced properties end the connection with 0x81, repeated ones with 0x82',
  async (rig) => {
    const make = (properties: Properties | Buffer): Buffer => unsubscribe(1, ['a'], properties);
    expect(
      await otherEnds(
        rig,
        cases(misplaced('unsubscribe'), (property) => make([property])),
        [0x81],
      ),
    ).toEqual([]);
    expect(await otherEnds(rig, mapped(UNKNOWN, make), [0x81])).toEqual([]);
    const leave = (properties: Properties | Buffer): Buffer => disconnect(0, properties);
    expect(
      await otherEnds(
        rig,
        cases(misplaced('disconnect'), (property) => leave([property])),
        [0x81],
      ),
    ).toEqual([]);
    expect(await otherEnds(rig, mapped({ ...UNKNOWN, ...BROKEN }, leave), [0x81])).toEqual([]);
    const kept = { properties: [['sessionExpiry', 5]] } as const;
    const twice = cases(single('disconnect', ['serverReference']), (property) => leave([property, property]));
    expect(await otherEnds(rig, twice, [0x82], kept)).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.4.2-1', 'MQTT-3.5.2-1', 'MQTT-3.6.2-1', 'MQTT-3.7.2-1', 'MQTT-3.14.2-1', 'MQTT-3.15.2-1'],
  'a reason code that the packet does not have ends the connection with 0x81 or 0x82',
  async (rig) => {
    const codes = {
      puback: [0x01, 0x18, 0x81, 0x8d, 0x92, 0xff],
      pubrec: [0x01, 0x18, 0x81, 0x8d, 0x92, 0xff],
      pubrel: [0x01, 0x10, 0x80, 0x91, 0xff],
      pubcomp: [0x01, 0x10, 0x80, 0x91, 0xff],
    };
    for (const [name, values] of Object.entries(codes)) {
      const kind = name as keyof typeof codes;
      const packets = Object.fromEntries(
        values.map((code) => [`${kind} ${code.toString(16)}`, ack(kind, 1, code)]),
      );
      expect(await otherEnds(rig, packets, [0x81, 0x82])).toEqual([]);
    }
    const others = [
      ...[0x01, 0x03, 0x18, 0x85, 0x91, 0xff].map(
        (code) => [`disconnect ${code}`, disconnect(code)] as const,
      ),
      ...[0x01, 0x17, 0x80, 0xff].map(
        (code) => [`auth ${code}`, auth(code, [['authMethod', 'TEST']])] as const,
      ),
    ];
    expect(await otherEnds(rig, Object.fromEntries(others), [0x81, 0x82])).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-4.13.1-1', 'MQTT-2.2.2-1'],
  'a property length that does not fit the packet ends the connection with 0x81',
  async (rig) => {
    const reason = propertyBytes([['reasonString', 'text']]);
    const body = (length: number): Buffer => Buffer.concat([Buffer.from([0, 1, 0, length]), reason]);
    const framed = (header: number, bytes: Buffer): Buffer =>
      Buffer.concat([Buffer.from([header, bytes.length]), bytes]);
    const lengths = {
      'one too long': framed(0x62, body(reason.length + 1)),
      'one too short': framed(0x62, body(reason.length - 1)),
      'zero, with properties': framed(0x62, body(0)),
      'longer than the packet': framed(0x62, body(0x7f)),
    };
    expect(await otherEnds(rig, lengths, [0x81])).toEqual([]);
  },
);
