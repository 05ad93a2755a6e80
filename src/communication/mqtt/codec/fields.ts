/**
 * Reads the fields of one packet, strictly: what does not fit or is not well-formed is a fault, the first fault stays,
 * and everything read behind it is empty. It must not know packets.
 */
import { isUtf8 } from 'node:buffer';
import { type Fault, REASON } from './reason.ts';

const NOTHING = Buffer.alloc(0);

export class Fields {
  readonly #bytes: Buffer;
  #end: number;
  #at: number;
  #fault: Fault | undefined;

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** The first thing that was wrong. */
  get fault(): Fault | undefined {
    return this.#fault;
  }

  get at(): number {
    return this.#at;
  }

  get atEnd(): boolean {
    return this.#at >= this.#end;
  }

  /** True while there is more to read, and sense in reading it. */
  get hasMore(): boolean {
    return this.#fault === undefined && this.#at < this.#end;
  }

  fail(fault: number, why: string): void {
    this.#fault ??= { fault, why };
  }

  /** Narrows what may be read to `length` bytes; answers the end from before, for `leave`. */
  enter(length: number): number {
    const outer = this.#end;
    if (this.#has(length)) this.#end = this.#at + length;
    return outer;
  }

  leave(outer: number): void {
    this.#end = outer;
  }

  byte(): number {
    if (!this.#has(1)) return 0;
    const value = this.#bytes[this.#at] ?? 0;
    this.#at += 1;
    return value;
  }

  uint16(): number {
    if (!this.#has(2)) return 0;
    const value = this.#bytes.readUInt16BE(this.#at);
    this.#at += 2;
    return value;
  }

  uint32(): number {
    if (!this.#has(4)) return 0;
    const value = this.#bytes.readUInt32BE(this.#at);
    this.#at += 4;
    return value;
  }

  /** Not 0 [MQTT-2.2.1-3], in 3.1.1 [MQTT-2.3.1-1]. */
  packetId(): number {
    const id = this.uint16();
    if (id === 0) this.fail(REASON.protocolError, 'packet identifier 0');
    return id;
  }

  /** At most four bytes, and the fewest that hold the value [MQTT-1.5.5-1]. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      if (byte === 0 && shift > 0) this.fail(REASON.malformed, 'a variable byte integer is padded');
      return value;
    }
    this.fail(REASON.malformed, 'a variable byte integer has more than four bytes');
    return 0;
  }

  /** Length-prefixed bytes, as a view. */
  binary(): Buffer {
    const from = this.#skip();
    return this.#fault === undefined ? this.#bytes.subarray(from, this.#at) : NOTHING;
  }

  skipBinary(): void {
    this.#skip();
  }

  /** UTF-8 without surrogates or overlong forms [MQTT-1.5.4-1] and without U+0000 [MQTT-1.5.4-2]. */
  text(): string {
    const from = this.#skip();
    this.#check(from);
    return this.#fault === undefined ? this.#bytes.toString('utf8', from, this.#at) : '';
  }

  /** Judged as `text`, but not made into a string. */
  skipText(): void {
    this.#check(this.#skip());
  }

  #skip(): number {
    const length = this.uint16();
    const from = this.#at;
    if (this.#has(length)) this.#at += length;
    return from;
  }

  #check(from: number): void {
    let isAscii = true;
    for (let i = from; i < this.#at; i += 1) {
      const byte = this.#bytes[i] ?? 0;
      if (byte === 0) this.fail(REASON.malformed, 'U+0000 in a text');
      if (byte >= 0x80) isAscii = false;
    }
    // Most texts are ASCII: no view is made for them.
    if (!isAscii && !isUtf8(this.#bytes.subarray(from, this.#at)))
      this.fail(REASON.malformed, 'a text is not well-formed UTF-8');
  }

  #has(count: number): boolean {
    if (this.#fault !== undefined) return false;
    if (this.#at + count <= this.#end) return true;
    this.fail(REASON.malformed, 'a field ends behind its packet');
    return false;
  }
}
