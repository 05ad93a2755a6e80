/** Reads the fields of one packet, strictly: a field that does not fit or is not well-formed ends the reading. */
import { isUtf8 } from 'node:buffer';

export class Fields {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;
  #malformed = false;

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** True when every field fitted. */
  get wellFormed(): boolean {
    return !this.#malformed;
  }

  get atEnd(): boolean {
    return this.#at >= this.#end;
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

  /** Length-prefixed bytes, as a view. */
  binary(): Buffer {
    const length = this.uint16();
    if (!this.#has(length)) return this.#bytes.subarray(0, 0);
    const view = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return view;
  }

  /** UTF-8 without surrogates or overlong forms [MQTT-1.5.3-1] and without U+0000 [MQTT-1.5.3-2]. */
  text(): string {
    const view = this.binary();
    if (!isUtf8(view) || view.includes(0)) {
      this.#malformed = true;
      return '';
    }
    return view.toString('utf8');
  }

  #has(count: number): boolean {
    if (!this.#malformed && this.#at + count <= this.#end) return true;
    this.#malformed = true;
    return false;
  }
}
