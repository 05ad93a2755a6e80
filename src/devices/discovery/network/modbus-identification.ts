/**
 * Read Device Identification over Modbus/TCP: function 43 / MEI type 14 [MODBUS Application Protocol V1.1b3, 6.21] in MBAP
 * frames [MODBUS Messaging on TCP/IP V1.0b, 3.1]. Builds requests, reads replies; of whatever breaks the rules it makes
 * `undefined`, never an exception.
 */

const FUNCTION = 0x2b;
const MEI_TYPE = 0x0e;
/** Set in the function code of an exception response [V1.1b3, 7]. */
const EXCEPTION = 0x80;
const HEADER_BYTES = 7;
/** Function, MEI type, code, conformity, more follows, next object, number of objects. */
const REPLY_HEAD_BYTES = 7;

/** Object ids of the basic and regular categories. */
export const IDENTIFICATION_OBJECTS = {
  vendor: 0,
  productCode: 1,
  revision: 2,
  url: 3,
  productName: 4,
  model: 5,
  application: 6,
} as const;

interface IdentificationRequest {
  readonly transaction: number;
  readonly unit: number;
  /** 1 = basic, 2 = regular. */
  readonly code: 1 | 2;
  readonly objectId: number;
}

export type IdentificationReply =
  | {
      readonly kind: 'objects';
      readonly objects: ReadonlyMap<number, string>;
      /** First object of the next request, where more follow. */
      readonly next: number | undefined;
    }
  /** It speaks Modbus and does not say who it is. */
  | { readonly kind: 'exception'; readonly code: number };

export function identificationRequest({ transaction, unit, code, objectId }: IdentificationRequest): Buffer {
  const frame = Buffer.alloc(HEADER_BYTES + 4);
  frame.writeUInt16BE(transaction, 0);
  // Protocol identifier: 0 = Modbus; then what follows: unit and PDU.
  frame.writeUInt16BE(5, 4);
  frame.set([unit, FUNCTION, MEI_TYPE, code, objectId], 6);
  return frame;
}

/** Bytes of the frame that begins here; undefined while its header is not complete, 0 where it is none. */
export function frameBytes(bytes: Buffer): number | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const following = bytes.readUInt16BE(4);
  const isModbus = bytes.readUInt16BE(2) === 0 && following >= 2 && following <= 254;
  return isModbus ? HEADER_BYTES - 1 + following : 0;
}

/** `frame`: one whole frame. */
export function readIdentification(frame: Buffer, transaction: number): IdentificationReply | undefined {
  if (frame.length < HEADER_BYTES + 2 || frame.readUInt16BE(0) !== transaction) return undefined;
  const pdu = frame.subarray(HEADER_BYTES);
  if (pdu[0] === (FUNCTION | EXCEPTION)) return { kind: 'exception', code: pdu[1] ?? 0 };
  if (pdu[0] !== FUNCTION || pdu[1] !== MEI_TYPE || pdu.length < REPLY_HEAD_BYTES) return undefined;
  const [, , , , more = 0, nextObject = 0, count = 0] = pdu;
  const objects = new Map<number, string>();
  let at = REPLY_HEAD_BYTES;
  for (let n = 0; n < count; n += 1) {
    const id = pdu[at];
    const length = pdu[at + 1];
    if (id === undefined || length === undefined || at + 2 + length > pdu.length) return undefined;
    objects.set(id, pdu.toString('latin1', at + 2, at + 2 + length));
    at += 2 + length;
  }
  return { kind: 'objects', objects, next: more === 0xff ? nextObject : undefined };
}
