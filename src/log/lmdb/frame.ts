/**
 * The bytes of one record. Owns the layout and nothing else: it must not know of blocks, offsets or LMDB.
 *
 * Little endian: u32 length of the frame · u8 layout version · u8 flags · f64 receivedAt · u16 length of origin ·
 * u16 length of topic · origin · topic · payload. Layout 2, for packets with meta, has u16 length of meta · meta before
the payload; packets without it keep layout 1.
 */
import { LOG_NAMES_CACHED_MAX } from '../../base/limits.ts';
import type { DataPacket, PayloadFormat } from '../../model/packet.ts';

export const FRAME_PLAIN = 1;
export const FRAME_WITH_META = 2;
/** Bytes before origin and topic. */
export const FRAME_HEAD_BYTES = 18;
export const META_HEAD_BYTES = 2;
const NAMES_AT = 14;
const NAME_MAX_BYTES = 0xffff;

// On disk: a number once given to a format is never given to another.
const FORMAT_CODES: Readonly<Record<PayloadFormat, number>> = {
  auto: 0,
  json: 1,
  ndjson: 2,
  csv: 3,
  'senml+json': 4,
  'senml+cbor': 5,
};
const FORMATS = Object.keys(FORMAT_CODES) as PayloadFormat[];
const CHECKED = 0b100;

/** Flags: bits 0–1 QoS, bit 2 checked, bits 3–5 format. */
const packFlags = (packet: DataPacket): number =>
  packet.qos | (packet.checked ? CHECKED : 0) | (FORMAT_CODES[packet.format] << 3);

export const qosOf = (flags: number): 0 | 1 | 2 => (flags & 0b11) as 0 | 1 | 2;
export const isChecked = (flags: number): boolean => (flags & CHECKED) !== 0;
export const formatOf = (flags: number): PayloadFormat | undefined => FORMATS[(flags >> 3) & 0b111];

/** Writes the frame of `packet` at `at`; `names` is its encoded origin and topic, `size` the whole frame. */
export function writeFrame(
  target: { readonly bytes: Uint8Array; readonly view: DataView },
  at: number,
  size: number,
  packet: DataPacket,
  names: Uint8Array,
): void {
  const { bytes, view } = target;
  const { meta, payload } = packet;
  view.setUint32(at, size, true);
  bytes[at + 4] = meta === undefined ? FRAME_PLAIN : FRAME_WITH_META;
  bytes[at + 5] = packFlags(packet);
  view.setFloat64(at + 6, packet.receivedAt, true);
  bytes.set(names, at + NAMES_AT);
  if (meta !== undefined) {
    const metaAt = at + NAMES_AT + names.length;
    view.setUint16(metaAt, meta.length, true);
    bytes.set(meta, metaAt + META_HEAD_BYTES);
  }
  bytes.set(payload, at + size - payload.length);
}

/** Size of the frame of a packet whose names are encoded already. */
export function frameSize(names: Uint8Array, { payload, meta }: DataPacket): number {
  const size = NAMES_AT + names.length + payload.length;
  return meta === undefined ? size : size + META_HEAD_BYTES + meta.length;
}

/**
 * Encoded origin and topic by (origin, topic). Devices publish to a handful of topics: a record then costs two
 * lookups and two copies, and no encoding.
 */
export class EncodedNames {
  #byOrigin = new Map<string, Map<string, Uint8Array>>();
  #count = 0;

  /** Lengths, origin and topic as they stand in a frame; undefined when one of them is too long for it. */
  get(origin: string, topic: string): Uint8Array | undefined {
    const names = this.#byOrigin.get(origin)?.get(topic);
    return names ?? this.#encode(origin, topic);
  }

  #encode(origin: string, topic: string): Uint8Array | undefined {
    const originBytes = Buffer.from(origin);
    const topicBytes = Buffer.from(topic);
    if (originBytes.length > NAME_MAX_BYTES || topicBytes.length > NAME_MAX_BYTES) return undefined;
    const names = Buffer.allocUnsafeSlow(4 + originBytes.length + topicBytes.length);
    names.writeUInt16LE(originBytes.length, 0);
    names.writeUInt16LE(topicBytes.length, 2);
    names.set(originBytes, 4);
    names.set(topicBytes, 4 + originBytes.length);
    this.#remember(origin, topic, names);
    return names;
  }

  #remember(origin: string, topic: string, names: Uint8Array): void {
    // Forgetting all at once costs an encoding per pair and needs no bookkeeping per record.
    if (this.#count >= LOG_NAMES_CACHED_MAX) {
      this.#byOrigin = new Map();
      this.#count = 0;
    }
    let byTopic = this.#byOrigin.get(origin);
    if (byTopic === undefined) this.#byOrigin.set(origin, (byTopic = new Map()));
    byTopic.set(topic, names);
    this.#count += 1;
  }
}
