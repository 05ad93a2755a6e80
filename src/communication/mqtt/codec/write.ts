/** Builds the packets a server sends, of all versions. */
import { encodeProperties, type Properties } from './properties.ts';
import { connackV3, REASON } from './reason.ts';
import { varintSize, writeVarint } from './varint.ts';
import type { ProtocolVersion } from './version.ts';

export const PINGRESP = Buffer.from([0xd0, 0]);

/** First bytes of the packets that only say "packet id n": reason 0 takes four bytes in every version [3.4.2.1]. */
export const PUBACK = 0x40;
export const PUBREC = 0x50;
export const PUBREL = 0x62;
export const PUBCOMP = 0x70;
export type Acknowledgement = typeof PUBACK | typeof PUBREC | typeof PUBREL | typeof PUBCOMP;
export const ACKNOWLEDGEMENT_BYTES = 4;

const NO_BYTES = Buffer.alloc(0);
const NO_IDS: readonly number[] = [];

export interface ConnackOptions {
  readonly version: ProtocolVersion;
  readonly sessionPresent: boolean;
  /** Of version 5; older clients are told what is nearest. */
  readonly reason: number;
  readonly properties?: Pick<
    Properties,
    | 'sessionExpiryS'
    | 'receiveMaximum'
    | 'maximumPacketSize'
    | 'assignedClientId'
    | 'topicAliasMaximum'
    | 'reasonString'
    | 'serverKeepAliveS'
    | 'responseInformation'
    | 'authenticationMethod'
    | 'authenticationData'
  >;
}

export function connack({ version, sessionPresent, reason, properties = {} }: ConnackOptions): Buffer {
  // A refusal has no session [MQTT-3.2.2-6]; version 3.1 has no such flag at all.
  const flags = sessionPresent && reason === REASON.success && version !== 3 ? 1 : 0;
  if (version !== 5) return Buffer.from([0x20, 2, flags, connackV3(reason)]);
  return packet(0x20, Buffer.from([flags, reason]), encodeProperties(properties));
}

/** Version 5, with a reason other than 0 or with words. */
export function acknowledgement(
  type: Acknowledgement,
  packetId: number,
  reason: number,
  reasonString?: string,
): Buffer {
  const head = Buffer.from([packetId >>> 8, packetId & 0xff, reason]);
  return packet(type, head, reasonString === undefined ? NO_BYTES : encodeProperties({ reasonString }));
}

export function suback(
  version: ProtocolVersion,
  packetId: number,
  codes: readonly number[],
  reasonString?: string,
): Buffer {
  const head = Buffer.from([packetId >>> 8, packetId & 0xff]);
  if (version === 5) return packet(0x90, head, encodeProperties({ reasonString }), Buffer.from(codes));
  // Before version 5 there is one word for "no" [MQTT-3.9.3-2].
  return packet(0x90, head, Buffer.from(codes.map((code) => Math.min(code, 0x80))));
}

/** Before version 5 it has no codes. */
export function unsuback(version: ProtocolVersion, packetId: number, codes: readonly number[]): Buffer {
  const head = Buffer.from([packetId >>> 8, packetId & 0xff]);
  return version === 5 ? packet(0xb0, head, Buffer.from([0, ...codes])) : packet(0xb0, head);
}

/** Version 5: before, a server has only the end of the connection to say so. */
export function disconnect(
  reason: number,
  properties: Pick<Properties, 'reasonString' | 'sessionExpiryS' | 'serverReference'> = {},
): Buffer {
  const list = encodeProperties(properties);
  // A list of length 0 is left out [3.14.2.2.1].
  return packet(0xe0, Buffer.from([reason]), list.length === 1 ? NO_BYTES : list);
}

export function auth(reason: number, method: string, data: Uint8Array | undefined): Buffer {
  const list = encodeProperties({ authenticationMethod: method, authenticationData: data });
  return packet(0xf0, Buffer.from([reason]), list);
}

export interface Outgoing {
  readonly version: ProtocolVersion;
  /** Empty when the alias alone is sent. */
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly dup?: boolean;
  /** The rest is for version 5. Properties of the publisher's, encoded. */
  readonly passed?: Uint8Array | undefined;
  readonly expiryS?: number | undefined;
  readonly subscriptionIds?: readonly number[] | undefined;
  /** 0 = none. */
  readonly topicAlias?: number;
}

/** A PUBLISH as its receivers share it; `idAt` is where each one's packet id goes, 0 where there is none. */
export interface Encoded {
  readonly bytes: Buffer;
  readonly idAt: number;
}

export function publish(message: Outgoing): Encoded {
  const { topic, payload, qos } = message;
  const isLong = message.version === 5;
  const listBytes = isLong ? publishListBytes(message) : 0;
  const topicBytes = Buffer.byteLength(topic);
  const length =
    2 + topicBytes + (qos === 0 ? 0 : 2) + (isLong ? varintSize(listBytes) + listBytes : 0) + payload.length;
  const bytes = Buffer.allocUnsafe(1 + varintSize(length) + length);
  bytes[0] = 0x30 | (message.dup === true ? 8 : 0) | (qos << 1) | (message.retain ? 1 : 0);
  let at = bytes.writeUInt16BE(topicBytes, writeVarint(bytes, 1, length));
  at += bytes.write(topic, at);
  const idAt = qos === 0 ? 0 : at;
  if (qos > 0) at = bytes.writeUInt16BE(0, at);
  if (isLong) at = writeVarint(bytes, at, listBytes);
  if (listBytes > 0) at = writePublishList(bytes, at, message);
  bytes.set(payload, at);
  return { bytes, idAt };
}

function publishListBytes({ passed, expiryS, subscriptionIds, topicAlias = 0 }: Outgoing): number {
  let length = passed?.length ?? 0;
  if (topicAlias > 0) length += 3;
  if (expiryS !== undefined) length += 5;
  for (const id of subscriptionIds ?? NO_IDS) length += 1 + varintSize(id);
  return length;
}

function writePublishList(
  bytes: Buffer,
  start: number,
  { passed, expiryS, subscriptionIds, topicAlias = 0 }: Outgoing,
): number {
  let at = start;
  if (topicAlias > 0) {
    bytes[at] = 0x23;
    at = bytes.writeUInt16BE(topicAlias, at + 1);
  }
  if (expiryS !== undefined) {
    bytes[at] = 0x02;
    at = bytes.writeUInt32BE(expiryS, at + 1);
  }
  for (const id of subscriptionIds ?? NO_IDS) {
    bytes[at] = 0x0b;
    at = writeVarint(bytes, at + 1, id);
  }
  if (passed === undefined) return at;
  bytes.set(passed, at);
  return at + passed.length;
}

function packet(type: number, ...parts: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = Buffer.allocUnsafe(1 + varintSize(length) + length);
  bytes[0] = type;
  let at = writeVarint(bytes, 1, length);
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
