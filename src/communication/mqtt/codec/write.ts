/** Builds the packets a server sends. */

export const PINGRESP = Buffer.from([0xd0, 0]);

export const connack = (code: number): Buffer => Buffer.from([0x20, 2, 0, code]);

export function acknowledgement(type: 0x40 | 0x50 | 0x62 | 0x70 | 0xb0, packetId: number): Buffer {
  return Buffer.from([type, 2, packetId >> 8, packetId & 0xff]);
}

export function suback(packetId: number, codes: readonly number[]): Buffer {
  const length = 2 + codes.length;
  return Buffer.concat([header(0x90, length), Buffer.from([packetId >> 8, packetId & 0xff, ...codes])]);
}

export interface Outgoing {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
}

/** A PUBLISH with packet id 0 where it has one; `idAt` is where the id goes. */
export function publish(message: Outgoing): { readonly bytes: Buffer; readonly idAt: number } {
  const { topic, payload, qos, retain } = message;
  const topicBytes = Buffer.byteLength(topic);
  const length = 2 + topicBytes + (qos === 0 ? 0 : 2) + payload.length;
  const lengthBytes = varintSize(length);
  const bytes = Buffer.allocUnsafe(1 + lengthBytes + length);
  bytes[0] = 0x30 | (qos << 1) | (retain ? 1 : 0);
  let at = writeVarint(bytes, 1, length);
  at = bytes.writeUInt16BE(topicBytes, at);
  at += bytes.write(topic, at);
  const idAt = at;
  if (qos > 0) at = bytes.writeUInt16BE(0, at);
  bytes.set(payload, at);
  return { bytes, idAt };
}

function header(first: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(1 + varintSize(length));
  bytes[0] = first;
  writeVarint(bytes, 1, length);
  return bytes;
}

const varintSize = (value: number): number =>
  value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : 4;

function writeVarint(bytes: Buffer, at: number, value: number): number {
  let rest = value;
  let p = at;
  while (rest >= 128) {
    bytes[p] = (rest & 0x7f) | 0x80;
    p += 1;
    rest >>>= 7;
  }
  bytes[p] = rest;
  return p + 1;
}
