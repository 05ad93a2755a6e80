/**
 * The 27 properties of MQTT 5 [table 2-4]: which packets may carry them, how they are encoded, which values they may
 * have. Reads and writes property lists by that table; what a property means is the packets' business.
 */
import { invariant } from '../../../base/invariant.ts';
import type { Fields } from './fields.ts';
import { REASON } from './reason.ts';
import { VARINT_MAX, varintSize, writeVarint } from './varint.ts';

export type UserProperties = readonly (readonly [name: string, value: string])[];

/** What a property list may say; absent = not said. */
export interface Properties {
  readonly payloadFormat?: number | undefined;
  readonly expiryS?: number | undefined;
  readonly contentType?: string | undefined;
  readonly responseTopic?: string | undefined;
  readonly correlationData?: Uint8Array | undefined;
  readonly subscriptionId?: number | undefined;
  readonly sessionExpiryS?: number | undefined;
  readonly assignedClientId?: string | undefined;
  readonly serverKeepAliveS?: number | undefined;
  readonly authenticationMethod?: string | undefined;
  readonly authenticationData?: Uint8Array | undefined;
  readonly requestProblemInformation?: number | undefined;
  readonly willDelayS?: number | undefined;
  readonly requestResponseInformation?: number | undefined;
  readonly responseInformation?: string | undefined;
  readonly serverReference?: string | undefined;
  readonly reasonString?: string | undefined;
  readonly receiveMaximum?: number | undefined;
  readonly topicAliasMaximum?: number | undefined;
  readonly topicAlias?: number | undefined;
  readonly maximumQos?: number | undefined;
  readonly retainAvailable?: number | undefined;
  readonly userProperties?: UserProperties | undefined;
  readonly maximumPacketSize?: number | undefined;
  readonly wildcardAvailable?: number | undefined;
  readonly subscriptionIdsAvailable?: number | undefined;
  readonly sharedAvailable?: number | undefined;
}

/** Where a property list stands. PUBACK, PUBREC, PUBREL and PUBCOMP take the same ones. */
export const PLACE = {
  connect: 1,
  connack: 2,
  publish: 4,
  will: 8,
  acknowledgement: 16,
  subscribe: 32,
  suback: 64,
  unsubscribe: 128,
  unsuback: 256,
  disconnect: 512,
  auth: 1_024,
} as const;
type Place = (typeof PLACE)[keyof typeof PLACE];

type Encoding = 'byte' | 'uint16' | 'uint32' | 'varint' | 'text' | 'binary' | 'pair';

interface Property {
  readonly id: number;
  readonly name: keyof Properties;
  readonly encoding: Encoding;
  readonly places: number;
  /** Its bit in a set of properties. */
  readonly bit: number;
  readonly min: number;
  readonly max: number;
  /** Told when the value is not between. */
  readonly fault: number;
  /** A server hands it on as it is [MQTT-3.3.2-4, -15, -16, -17, -20]. */
  readonly isPassed: boolean;
}

const { connect, connack, publish, will, acknowledgement, disconnect, auth } = PLACE;
const MESSAGE = publish | will;
const ANSWERS = connack | acknowledgement | PLACE.suback | PLACE.unsuback | disconnect | auth;
const EVERYWHERE = ANSWERS | connect | MESSAGE | PLACE.subscribe | PLACE.unsubscribe;
const FLAG = { max: 1 } as const;
const NOT_ZERO = { min: 1 } as const;
const PASSED = { isPassed: true } as const;

type Row = readonly [
  id: number,
  name: keyof Properties,
  encoding: Encoding,
  places: number,
  rules?: Partial<Pick<Property, 'min' | 'max' | 'fault' | 'isPassed'>>,
];
const ROWS: readonly Row[] = [
  [0x01, 'payloadFormat', 'byte', MESSAGE, { ...FLAG, ...PASSED }],
  [0x02, 'expiryS', 'uint32', MESSAGE],
  [0x03, 'contentType', 'text', MESSAGE, PASSED],
  [0x08, 'responseTopic', 'text', MESSAGE, PASSED],
  [0x09, 'correlationData', 'binary', MESSAGE, PASSED],
  [0x0b, 'subscriptionId', 'varint', publish | PLACE.subscribe, NOT_ZERO],
  [0x11, 'sessionExpiryS', 'uint32', connect | connack | disconnect],
  [0x12, 'assignedClientId', 'text', connack],
  [0x13, 'serverKeepAliveS', 'uint16', connack],
  [0x15, 'authenticationMethod', 'text', connect | connack | auth],
  [0x16, 'authenticationData', 'binary', connect | connack | auth],
  [0x17, 'requestProblemInformation', 'byte', connect, FLAG],
  [0x18, 'willDelayS', 'uint32', will],
  [0x19, 'requestResponseInformation', 'byte', connect, FLAG],
  [0x1a, 'responseInformation', 'text', connack],
  [0x1c, 'serverReference', 'text', connack | disconnect],
  [0x1f, 'reasonString', 'text', ANSWERS],
  [0x21, 'receiveMaximum', 'uint16', connect | connack, NOT_ZERO],
  [0x22, 'topicAliasMaximum', 'uint16', connect | connack],
  // 0 is no alias [MQTT-3.3.2-8], and there is a reason code for just that.
  [0x23, 'topicAlias', 'uint16', publish, { ...NOT_ZERO, fault: REASON.topicAliasInvalid }],
  [0x24, 'maximumQos', 'byte', connack, FLAG],
  [0x25, 'retainAvailable', 'byte', connack, FLAG],
  [0x26, 'userProperties', 'pair', EVERYWHERE, PASSED],
  [0x27, 'maximumPacketSize', 'uint32', connect | connack, NOT_ZERO],
  [0x28, 'wildcardAvailable', 'byte', connack, FLAG],
  [0x29, 'subscriptionIdsAvailable', 'byte', connack, FLAG],
  [0x2a, 'sharedAvailable', 'byte', connack, FLAG],
];

const PROPERTIES: readonly Property[] = ROWS.map(([id, name, encoding, places, rules], i) => ({
  id,
  name,
  encoding,
  places,
  bit: 1 << i,
  min: 0,
  max: Number.MAX_SAFE_INTEGER,
  fault: REASON.protocolError,
  isPassed: false,
  ...rules,
}));
const BY_ID: (Property | undefined)[] = Array.from({ length: 128 }, (_, id) =>
  PROPERTIES.find((property) => property.id === id),
);
/** The only one that may stand in a list many times [2.2.2.2]. */
const USER_PROPERTY = 0x26;

/**
 * The property that comes next, its identifier read. `seen` is the set of those before it. An identifier that is unknown
 * or does not belong into the packet makes it malformed [2.2.2.2]; twice the same is a protocol error.
 */
export function nextProperty(fields: Fields, place: Place, seen: number): Property | undefined {
  const id = fields.varint();
  if (fields.fault !== undefined) return undefined;
  const property = BY_ID[id];
  if (property === undefined || (property.places & place) === 0) {
    fields.fail(REASON.malformed, `property 0x${id.toString(16)} does not belong here`);
    return undefined;
  }
  if ((seen & property.bit) !== 0 && id !== USER_PROPERTY)
    fields.fail(REASON.protocolError, `property 0x${id.toString(16)} twice`);
  return property;
}

/** The value of a property that is a number, judged. */
export function readNumber(fields: Fields, { id, encoding, min, max, fault }: Property): number {
  const value =
    encoding === 'byte'
      ? fields.byte()
      : encoding === 'uint16'
        ? fields.uint16()
        : encoding === 'uint32'
          ? fields.uint32()
          : fields.varint();
  if (value < min || value > max) fields.fail(fault, `property 0x${id.toString(16)} must not be ${value}`);
  return value;
}

/** A property list with its length in front. Binary values are views. What is wrong is told by `fields.fault`. */
export function readProperties(fields: Fields, place: Place): Properties {
  const outer = fields.enter(fields.varint());
  const properties = readPropertyList(fields, place);
  fields.leave(outer);
  return properties;
}

/** The same without a length: all that is left. */
export function readPropertyList(fields: Fields, place: Place): Properties {
  const values: Record<string, unknown> = {};
  const userProperties: [string, string][] = [];
  let seen = 0;
  while (fields.hasMore) {
    const property = nextProperty(fields, place, seen);
    if (property === undefined) break;
    seen |= property.bit;
    const { name, encoding } = property;
    if (encoding === 'pair') userProperties.push([fields.text(), fields.text()]);
    else if (encoding === 'text') values[name] = fields.text();
    else if (encoding === 'binary') values[name] = fields.binary();
    else values[name] = readNumber(fields, property);
  }
  if (userProperties.length > 0) values['userProperties'] = userProperties;
  return values;
}

/** A property list with its length in front, in the order of the table. */
export function encodeProperties(values: Properties): Buffer {
  const list = encodePropertyList(values);
  return Buffer.concat([varint(list.length), list]);
}

/** The same without a length. */
export function encodePropertyList(values: Properties): Buffer {
  const parts: Uint8Array[] = [];
  for (const property of PROPERTIES) {
    const value = values[property.name];
    if (value === undefined) continue;
    if (property.encoding === 'pair') {
      for (const [name, text] of value as UserProperties)
        parts.push(varint(property.id), sized(Buffer.from(name)), sized(Buffer.from(text)));
    } else parts.push(varint(property.id), encodeValue(property.encoding, value));
  }
  return Buffer.concat(parts);
}

function encodeValue(encoding: Encoding, value: Properties[keyof Properties]): Uint8Array {
  if (typeof value === 'string') return sized(Buffer.from(value));
  if (value instanceof Uint8Array) return sized(value);
  const number = Number(value);
  if (encoding === 'varint') return varint(number);
  const bytes = Buffer.alloc(encoding === 'byte' ? 1 : encoding === 'uint16' ? 2 : 4);
  bytes.writeUIntBE(number, 0, bytes.length);
  return bytes;
}

function sized(bytes: Uint8Array): Buffer {
  invariant(bytes.length <= 0xffff, 'a property is longer than its length field can say');
  return Buffer.concat([Buffer.from([bytes.length >>> 8, bytes.length & 0xff]), bytes]);
}

function varint(value: number): Buffer {
  invariant(value >= 0 && value <= VARINT_MAX, 'a variable byte integer is out of range');
  const bytes = Buffer.alloc(varintSize(value));
  writeVarint(bytes, 0, value);
  return bytes;
}
