/**
 * An application message on its way through the broker, and the part of it that the log keeps beside the payload. Owns
 * the layout of that part on disk; it must not know of sessions or sockets.
 */
import type { LogRecord, Offset } from '../../../model/packet.ts';
import type { Retained } from './retained.ts';

export interface Message {
  readonly topic: string;
  /** A view that is valid during the call only. */
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  /** As published. */
  readonly retain: boolean;
  /** MQTT 5 properties that are forwarded unaltered, encoded; undefined = none. */
  readonly passed: Uint8Array | undefined;
  /** Milliseconds since the epoch; undefined = never. */
  readonly expiresAt: number | undefined;
  /** Id of the session that published it; 0 where nobody needs to know. */
  readonly publisher: number;
  readonly offset: Offset;
}

/**
 * Layout: u8 flags · [f64 expiresAt] · [f64 publisher] · [u16 packet id] · passed properties to the end. Little endian;
 * a number once given to a flag is never given to another.
 */
const RETAIN = 1;
const EXPIRES = 2;
const PUBLISHER = 4;
const PACKET_ID = 8;
const KNOWN = 15;

const RETAIN_ONLY = Uint8Array.of(RETAIN);

export interface Meta {
  readonly retain: boolean;
  readonly expiresAt: number | undefined;
  readonly publisher: number;
  /** Of a QoS 2 message, where its publisher's session outlives the connection; else 0. */
  readonly packetId: number;
  readonly passed: Uint8Array | undefined;
}

const NOTHING: Meta = { retain: false, expiresAt: undefined, publisher: 0, packetId: 0, passed: undefined };

/** Undefined where the log needs to keep nothing: the usual case. */
export function encodeMeta(meta: Meta): Uint8Array | undefined {
  const { retain, expiresAt, publisher, packetId, passed } = meta;
  const flags =
    (retain ? RETAIN : 0) |
    (expiresAt === undefined ? 0 : EXPIRES) |
    (publisher === 0 ? 0 : PUBLISHER) |
    (packetId === 0 ? 0 : PACKET_ID);
  const passedBytes = passed?.length ?? 0;
  if (passedBytes === 0 && flags <= RETAIN) return flags === RETAIN ? RETAIN_ONLY : undefined;
  const size = 1 + (flags & EXPIRES ? 8 : 0) + (flags & PUBLISHER ? 8 : 0) + (flags & PACKET_ID ? 2 : 0);
  const bytes = Buffer.allocUnsafe(size + passedBytes);
  let at = bytes.writeUInt8(flags, 0);
  if (expiresAt !== undefined) at = bytes.writeDoubleLE(expiresAt, at);
  if (publisher !== 0) at = bytes.writeDoubleLE(publisher, at);
  if (packetId !== 0) at = bytes.writeUInt16LE(packetId, at);
  if (passed !== undefined) bytes.set(passed, at);
  return bytes;
}

/** What a later version may have written is read as far as it is known. */
export function decodeMeta(bytes: Uint8Array | undefined): Meta {
  const flags = bytes?.[0] ?? 0;
  if (bytes === undefined || (flags & ~KNOWN) !== 0) return NOTHING;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 1;
  const float = (flag: number): number | undefined => {
    if ((flags & flag) === 0) return undefined;
    at += 8;
    return view.getFloat64(at - 8, true);
  };
  const expiresAt = float(EXPIRES);
  const publisher = float(PUBLISHER) ?? 0;
  let packetId = 0;
  if ((flags & PACKET_ID) !== 0) {
    packetId = view.getUint16(at, true);
    at += 2;
  }
  const passed = at < bytes.length ? bytes.subarray(at) : undefined;
  return { retain: (flags & RETAIN) !== 0, expiresAt, publisher, packetId, passed };
}

/** A message as the log has it; views into the record. */
export function asMessage(record: LogRecord): Message {
  const { topic, payload, qos, offset } = record;
  const { retain, passed, expiresAt, publisher } = decodeMeta(record.meta);
  return { topic, payload, qos, retain, passed, expiresAt, publisher, offset };
}

/** A retained message as a new subscription gets it. */
export const retainedMessage = ({ topic, payload, qos, passed, expiresAt }: Retained): Message => ({
  topic,
  payload,
  qos,
  retain: true,
  passed,
  expiresAt,
  publisher: 0,
  offset: 0,
});

/** Seconds a message has left, rounded up; 0 or less = it may not be delivered any more [MQTT-3.3.2-5]. */
export const secondsLeft = (expiresAt: number, now: number): number => Math.ceil((expiresAt - now) / 1_000);
