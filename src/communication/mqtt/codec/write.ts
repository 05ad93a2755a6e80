/** Builds the packets a server sends. */

export const PINGRESP = Buffer.from([0xd0, 0]);

export const connack = (code: number): Buffer => Buffer.from([0x20, 2, 0, code]);

/** First bytes of the packets that only say "packet id n". */
export const PUBACK = 0x40;
export const PUBREC = 0x50;
export const PUBCOMP = 0x70;
export const UNSUBACK = 0xb0;
export type Acknowledgement = typeof PUBACK | typeof PUBREC | typeof PUBCOMP | typeof UNSUBACK;
export const ACKNOWLEDGEMENT_BYTES = 4;

export function suback(packetId: number, codes: readonly number[]): Buffer {
  const length = 2 + codes.length;
  const bytes = Buffer.allocUnsafe(1 + varintSize(length) + length);
  bytes[0] = 0x90;
  const at = bytes.writeUInt16BE(packetId, writeVarint(bytes, 1, length));
  bytes.set(codes, at);
  return bytes;
}

export interface Outgoing {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1;
  readonly retain: boolean;
}

/** A PUBLISH as all its receivers share it; `idAt` is where each one's packet id goes, 0 where there is none. */
export interface Encoded {
  readonly bytes: Buffer;
  readonly idAt: number;
}

export function publish({ topic, payload, qos, retain }: Outgoing): Encoded {
  const topicBytes = Buffer.byteLength(topic);
  const length = 2 + topicBytes + (qos === 0 ? 0 : 2) + payload.length;
  const bytes = Buffer.allocUnsafe(1 + varintSize(length) + length);
  bytes[0] = 0x30 | (qos << 1) | (retain ? 1 : 0);
  let at = bytes.writeUInt16BE(topicBytes, writeVarint(bytes, 1, length));
  at += bytes.write(topic, at);
  const idAt = qos === 0 ? 0 : at;
  if (qos > 0) at = bytes.writeUInt16BE(0, at);
  bytes.set(payload, at);
  return { bytes, idAt };
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
