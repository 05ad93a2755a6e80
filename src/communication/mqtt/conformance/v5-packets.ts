/**
 * MQTT 5.0 packets for tests, well formed or not: properties are lists, so that order, repetition and misplacement
 * can be written down; a Buffer in the place of a string goes out as it is.
 */

export type Kind = 'byte' | 'u16' | 'u32' | 'varint' | 'string' | 'binary' | 'pair';

export const PROPERTIES = {
  payloadFormat: [0x01, 'byte'],
  messageExpiry: [0x02, 'u32'],
  contentType: [0x03, 'string'],
  responseTopic: [0x08, 'string'],
  correlationData: [0x09, 'binary'],
  subscriptionId: [0x0b, 'varint'],
  sessionExpiry: [0x11, 'u32'],
  assignedClientId: [0x12, 'string'],
  serverKeepAlive: [0x13, 'u16'],
  authMethod: [0x15, 'string'],
  authData: [0x16, 'binary'],
  requestProblemInfo: [0x17, 'byte'],
  willDelay: [0x18, 'u32'],
  requestResponseInfo: [0x19, 'byte'],
  responseInfo: [0x1a, 'string'],
  serverReference: [0x1c, 'string'],
  reasonString: [0x1f, 'string'],
  receiveMaximum: [0x21, 'u16'],
  topicAliasMaximum: [0x22, 'u16'],
  topicAlias: [0x23, 'u16'],
  maximumQos: [0x24, 'byte'],
  retainAvailable: [0x25, 'byte'],
  userProperty: [0x26, 'pair'],
  maximumPacketSize: [0x27, 'u32'],
  wildcardAvailable: [0x28, 'byte'],
  subscriptionIdsAvailable: [0x29, 'byte'],
  sharedAvailable: [0x2a, 'byte'],
} as const satisfies Record<string, readonly [number, Kind]>;

export type PropertyName = keyof typeof PROPERTIES;
type Text = string | Buffer;
export type Value = number | Text | readonly [Text, Text];
export type Property = readonly [PropertyName, Value];
export type Properties = readonly Property[];

/** Section 1.5.5, at its shortest. */
export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low | 0x80 : low);
  } while (rest > 0);
  return Buffer.from(bytes);
}

export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A length in two bytes, and that many bytes. */
export function field(value: Text): Buffer {
  const bytes = Buffer.from(value as Buffer);
  return Buffer.concat([u16(bytes.length), bytes]);
}

function encodeValue(kind: Kind, value: Value): Buffer {
  if (typeof value === 'number') {
    if (kind === 'byte') return Buffer.from([value]);
    if (kind === 'u16') return u16(value);
    return kind === 'u32' ? u32(value) : varint(value);
  }
  if (typeof value === 'string' || Buffer.isBuffer(value)) return field(value);
  return Buffer.concat([field(value[0]), field(value[1])]);
}

/** Without the length before them. */
export const propertyBytes = (properties: Properties): Buffer =>
  Buffer.concat(
    properties.flatMap(([name, value]) => {
      const [id, kind] = PROPERTIES[name];
      return [Buffer.from([id]), encodeValue(kind, value)];
    }),
  );

/** A list as it is written, or raw bytes that stand in the place of one. */
type Block = Properties | Buffer;

function block(properties: Block): Buffer {
  const bytes = Buffer.isBuffer(properties) ? properties : propertyBytes(properties);
  return Buffer.concat([varint(bytes.length), bytes]);
}

/** Fixed header, remaining length, body. */
export function frame(header: number, ...body: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(body);
  return Buffer.concat([Buffer.from([header]), varint(bytes.length), bytes]);
}

/** The same packet with more bytes at its end. */
export function extend(packet: Buffer, ...more: readonly Buffer[]): Buffer {
  let start = 1;
  while ((packet[start] ?? 0) >= 0x80) start += 1;
  return frame(packet[0] ?? 0, packet.subarray(start + 1), ...more);
}

/** The same packet without its last bytes. */
export function cut(packet: Buffer, count: number): Buffer {
  let start = 1;
  while ((packet[start] ?? 0) >= 0x80) start += 1;
  return frame(packet[0] ?? 0, packet.subarray(start + 1, packet.length - count));
}

export interface Will {
  readonly topic?: Text;
  readonly payload?: Text;
  readonly qos?: number;
  readonly retain?: boolean;
  readonly properties?: Block;
}

export interface ConnectFields {
  readonly clientId?: Text;
  readonly username?: Text | undefined;
  readonly password?: Text | undefined;
  readonly clean?: boolean;
  readonly keepalive?: number;
  readonly will?: Will | undefined;
  readonly properties?: Block;
  readonly protocol?: Text;
  readonly version?: number;
  /** Bits set on top of those that follow from the fields. */
  readonly flags?: number;
}

export function connect(fields: ConnectFields): Buffer {
  const { clientId = '', username = 'admin', clean = true, keepalive = 0, will, properties = [] } = fields;
  const { protocol = 'MQTT', version = 5, flags = 0 } = fields;
  const password = 'password' in fields ? fields.password : 'right';
  const name = 'username' in fields ? fields.username : username;
  const bits =
    flags |
    (name === undefined ? 0 : 0x80) |
    (password === undefined ? 0 : 0x40) |
    (will === undefined ? 0 : 4 | ((will.qos ?? 0) << 3) | (will.retain === true ? 0x20 : 0)) |
    (clean ? 2 : 0);
  const payload = [field(clientId)];
  if (will !== undefined) {
    const { topic = 'will/topic', payload: message = 'will' } = will;
    payload.push(block(will.properties ?? []), field(topic), field(message));
  }
  if (name !== undefined) payload.push(field(name));
  if (password !== undefined) payload.push(field(password));
  const head = [field(protocol), Buffer.from([version, bits]), u16(keepalive), block(properties)];
  return frame(0x10, ...head, ...payload);
}

export interface PublishFields {
  readonly topic?: Text;
  readonly payload?: Text;
  readonly qos?: number;
  readonly id?: number;
  readonly retain?: boolean;
  readonly dup?: boolean;
  readonly properties?: Block;
}

export function publish(fields: PublishFields): Buffer {
  const { topic = 'a/b', payload = 'x', qos = 0, id = 1, properties = [] } = fields;
  const header = 0x30 | (qos << 1) | (fields.retain === true ? 1 : 0) | (fields.dup === true ? 8 : 0);
  const identifier = qos === 0 ? [] : [u16(id)];
  return frame(header, field(topic), ...identifier, block(properties), Buffer.from(payload as Buffer));
}

/** Subscription options of section 3.8.3.1. */
export const NO_LOCAL = 0x04;
export const AS_PUBLISHED = 0x08;
export const RETAINED_IF_NEW = 0x10;
export const RETAINED_NEVER = 0x20;

export const subscribe = (
  id: number,
  filters: readonly (readonly [Text, number])[],
  properties: Block = [],
): Buffer =>
  frame(
    0x82,
    u16(id),
    block(properties),
    ...filters.flatMap(([filter, options]) => [field(filter), Buffer.from([options])]),
  );

export const unsubscribe = (id: number, filters: readonly Text[], properties: Block = []): Buffer =>
  frame(0xa2, u16(id), block(properties), ...filters.map(field));

const ACKS = { puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70 } as const;

/** Without code and properties: the short form of section 3.4.2.1. */
export function ack(kind: keyof typeof ACKS, id: number, code?: number, properties?: Block): Buffer {
  const more = code === undefined ? [] : [Buffer.from([code])];
  return frame(ACKS[kind], u16(id), ...more, ...(properties === undefined ? [] : [block(properties)]));
}

/** DISCONNECT and AUTH have one form. */
const told = (header: number, code: number | undefined, properties: Block | undefined): Buffer =>
  frame(
    header,
    code === undefined ? Buffer.alloc(0) : Buffer.from([code]),
    properties === undefined ? Buffer.alloc(0) : block(properties),
  );

export const disconnect = (code?: number, properties?: Block): Buffer => told(0xe0, code, properties);
export const auth = (code?: number, properties?: Block): Buffer => told(0xf0, code, properties);
