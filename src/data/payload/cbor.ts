import { BATCH_MAX_ITEMS, JSON_DEPTH_MAX } from '../../base/limits.ts';
import type { Refusal } from './sink.ts';
import { textOf } from './text.ts';

/**
 * The part of CBOR (RFC 8949) that SenML packs use, into the values JSON would have. A general decoder brings
 * regular expressions, records and shared references on behalf of whoever sends a tag, and allocates the length
 * an array claims; this one creates plain values only, and never more of them than the payload has bytes.
 */

/** What stops decoding; caught at the door of this file. */
class Fault extends Error {
  readonly code: 'payload.not_cbor' | 'payload.too_many';

  constructor(message: string, code: Fault['code'] = 'payload.not_cbor') {
    super(message);
    this.code = code;
  }
}

export function decodeCbor(bytes: Uint8Array): { readonly root: unknown } | Refusal {
  const reader = new Reader(bytes);
  try {
    const root = reader.item(0);
    if (reader.ended) return { root };
    return ['payload.not_cbor', `byte ${reader.position}: there is more after the first item`];
  } catch (cause) {
    if (cause instanceof Fault) return [cause.code, `byte ${reader.position}: ${cause.message}`];
    throw cause;
  }
}

const MAJOR = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const;
const INDEFINITE = 31;
const BREAK = 0xff;
const TAG_DECIMAL_FRACTION = 4;
/** Self-described CBOR (RFC 8949 §3.4.6), and the mark JavaScript encoders put on maps with integer keys. */
const TRANSPARENT_TAGS = new Set([55_799, 259]);

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get ended(): boolean {
    return this.position === this.#bytes.length;
  }

  item(depth: number): unknown {
    if (depth > JSON_DEPTH_MAX) throw new Fault(`nested more than ${JSON_DEPTH_MAX} levels`);
    const initial = this.#byte();
    const major = initial >> 5;
    const info = initial & 0x1f;
    switch (major) {
      case MAJOR.unsigned:
        return this.#argument(info);
      case MAJOR.negative:
        return -1 - this.#argument(info);
      case MAJOR.bytes:
        return this.#string(info, MAJOR.bytes);
      case MAJOR.text:
        return this.#text(info);
      case MAJOR.array:
        return this.#array(info, depth);
      case MAJOR.map:
        return this.#map(info, depth);
      case MAJOR.tag:
        return this.#tagged(this.#argument(info), depth);
      default:
        return this.#simple(info);
    }
  }

  #byte(): number {
    this.#need(1);
    const byte = this.#view.getUint8(this.position);
    this.position += 1;
    return byte;
  }

  #need(count: number): void {
    if (count > this.#bytes.length - this.position) throw new Fault('the payload ends inside an item');
  }

  #advance(count: number): number {
    this.#need(count);
    const at = this.position;
    this.position += count;
    return at;
  }

  /** RFC 8949 §3: the argument stands in the initial byte or in the 1, 2, 4 or 8 bytes after it. */
  #argument(info: number): number {
    if (info < 24) return info;
    if (info === 24) return this.#byte();
    if (info === 25) return this.#view.getUint16(this.#advance(2));
    if (info === 26) return this.#view.getUint32(this.#advance(4));
    if (info === 27) return Number(this.#view.getBigUint64(this.#advance(8)));
    throw new Fault('an item has a malformed length');
  }

  #string(info: number, major: number): Uint8Array {
    if (info !== INDEFINITE) {
      const length = this.#argument(info);
      const start = this.#advance(length);
      return this.#bytes.subarray(start, start + length);
    }
    // RFC 8949 §3.2.3: definite chunks of the same type, then a break.
    const chunks: Uint8Array[] = [];
    while (!this.#takeBreak()) {
      const initial = this.#byte();
      if (initial >> 5 !== major || (initial & 0x1f) === INDEFINITE)
        throw new Fault('a chunk has the wrong type');
      chunks.push(this.#string(initial & 0x1f, major));
    }
    return Buffer.concat(chunks);
  }

  #text(info: number): string {
    const text = textOf(this.#string(info, MAJOR.text));
    if (text === undefined) throw new Fault('a text is not UTF-8');
    return text;
  }

  #array(info: number, depth: number): unknown[] {
    const items: unknown[] = [];
    this.#repeat(info, 1, () => {
      if (items.length === BATCH_MAX_ITEMS)
        throw new Fault(`more than ${BATCH_MAX_ITEMS} items`, 'payload.too_many');
      items.push(this.item(depth + 1));
    });
    return items;
  }

  /** A map as an object without a prototype; integer keys as their decimal text. The last of equal keys wins. */
  #map(info: number, depth: number): Record<string, unknown> {
    const map: Record<string, unknown> = { __proto__: null };
    this.#repeat(info, 2, () => {
      const key = this.item(depth + 1);
      if (typeof key !== 'string' && typeof key !== 'number')
        throw new Fault('a key is neither text nor integer');
      map[String(key)] = this.item(depth + 1);
    });
    return map;
  }

  #repeat(info: number, bytesEach: number, each: () => void): void {
    if (info === INDEFINITE) {
      while (!this.#takeBreak()) each();
      return;
    }
    const count = this.#argument(info);
    // An item takes a byte at least: what claims more than is left is a lie, found out before the loop.
    this.#need(count * bytesEach);
    for (let done = 0; done < count; done += 1) each();
  }

  #takeBreak(): boolean {
    this.#need(1);
    if (this.#bytes[this.position] !== BREAK) return false;
    this.position += 1;
    return true;
  }

  #tagged(tag: number, depth: number): unknown {
    const content = this.item(depth + 1);
    if (TRANSPARENT_TAGS.has(tag)) return content;
    if (tag !== TAG_DECIMAL_FRACTION) throw new Fault(`tag ${tag} has no place in SenML`);
    // RFC 8428 §6 allows [exponent, mantissa]; going through text rounds once, as a JSON number does.
    const [exponent, mantissa] = Array.isArray(content) ? (content as unknown[]) : [];
    if (!Number.isInteger(exponent) || !Number.isInteger(mantissa))
      throw new Fault('a decimal fraction is malformed');
    return Number(`${String(mantissa)}e${String(exponent)}`);
  }

  #simple(info: number): unknown {
    if (info === 20) return false;
    if (info === 21) return true;
    if (info === 22 || info === 23) return null;
    if (info === 25) return this.#half();
    if (info === 26) return this.#view.getFloat32(this.#advance(4));
    if (info === 27) return this.#view.getFloat64(this.#advance(8));
    throw new Fault('a simple value is unknown');
  }

  /** IEEE 754 half precision (RFC 8949 appendix D). */
  #half(): number {
    const bits = this.#view.getUint16(this.#advance(2));
    const sign = bits >> 15 === 1 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) return sign * 2 ** -24 * fraction;
    if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return sign * 2 ** (exponent - 25) * (1_024 + fraction);
  }
}
