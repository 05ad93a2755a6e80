/**
 * The usual telemetry message read straight from its bytes: one object of plain numbers, booleans and short ASCII texts,
 * flat or as `{"ts":…,"values":{…}}`. Promises either exactly what `JSON.parse` and `emitItem` would have handed on, or
 * to hand on nothing and say so: everything unusual, faults too, is theirs. No object is made on the way, and a metric
 * name that was seen before costs no string.
 */
import { JSON_SCAN_MAX_BYTES, JSON_SCAN_MAX_VALUES } from '../../base/limits.ts';
import type { ValueSink } from './sink.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const SPACE = 0x20;
const DELETE = 0x7f;
/** `e` and `E` differ in this bit. */
const LOWER = 0x20;

/** Below this a decimal's digits are a whole number that a double holds exactly. */
const MANTISSA_MAX = Number.MAX_SAFE_INTEGER;
/** 10^22 is the last power of ten that a double holds exactly: one rounding, as Clinger (1990) shows, is right. */
const POWERS = Float64Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));
/** Names met; a newcomer takes the place of whoever had it. */
const NAMES_CACHED_MAX = 1_024;

interface Name {
  readonly bytes: Uint8Array;
  readonly text: string;
}

type Value = number | boolean | string | null;

/** Members of one object, in the order sent. */
class Members {
  readonly names: string[] = new Array<string>(JSON_SCAN_MAX_VALUES).fill('');
  readonly values: Value[] = new Array<Value>(JSON_SCAN_MAX_VALUES).fill(null);
  size = 0;

  /** False where the object would not come out as JSON.parse makes it: a name twice, or too many members. */
  push(name: string, value: Value): boolean {
    const { size, names } = this;
    if (size === JSON_SCAN_MAX_VALUES) return false;
    for (let i = 0; i < size; i += 1) if (names[i] === name) return false;
    names[size] = name;
    this.values[size] = value;
    this.size = size + 1;
    return true;
  }

  clear(): void {
    this.size = 0;
  }
}

class Scanner {
  readonly #names = new Array<Name | undefined>(NAMES_CACHED_MAX);
  readonly #outer = new Members();
  readonly #inner = new Members();
  #bytes: Uint8Array = new Uint8Array();
  #end = 0;
  #at = 0;
  #hasEnvelope = false;
  #ts: Value | undefined;
  #value: Value = null;

  scan(bytes: Uint8Array, sink: ValueSink): boolean {
    this.#bytes = bytes;
    this.#end = bytes.length;
    this.#at = 0;
    this.#hasEnvelope = false;
    this.#ts = undefined;
    this.#outer.clear();
    this.#inner.clear();
    if (!this.#object(this.#outer, true) || this.#next() !== -1) return false;
    const { names, values, size } = this.#hasEnvelope ? this.#inner : this.#outer;
    if (size === 0) return false;
    for (let i = 0; i < size; i += 1) sink.value(0, names[i] ?? '', this.#ts, values[i]);
    return true;
  }

  /** The next byte that is no white space, not yet taken; -1 at the end. */
  #next(): number {
    const bytes = this.#bytes;
    while (this.#at < this.#end) {
      const byte = bytes[this.#at] ?? 0;
      if (byte !== SPACE && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
      this.#at += 1;
    }
    return -1;
  }

  #object(members: Members, isOuter: boolean): boolean {
    if (this.#next() !== OPEN) return false;
    this.#at += 1;
    do {
      if (this.#next() !== QUOTE) return false;
      const name = this.#name();
      if (name === undefined || this.#next() !== COLON) return false;
      this.#at += 1;
      if (!this.#member(name, members, isOuter)) return false;
      const byte = this.#next();
      this.#at += 1;
      if (byte === CLOSE) return true;
      if (byte !== COMMA) return false;
    } while (this.#at < this.#end);
    return false;
  }

  #member(name: string, members: Members, isOuter: boolean): boolean {
    if (isOuter && this.#next() === OPEN) {
      if (name !== 'values' || this.#hasEnvelope) return false;
      this.#hasEnvelope = true;
      return this.#object(this.#inner, false);
    }
    if (!this.#scalar()) return false;
    // The later of two members of one name counts.
    if (isOuter && this.#hasEnvelope && name === 'values') return false;
    if (!isOuter || name !== 'ts') return members.push(name, this.#value);
    if (this.#ts !== undefined) return false;
    this.#ts = this.#value;
    return true;
  }

  #scalar(): boolean {
    const byte = this.#next();
    if (byte === QUOTE) return this.#text();
    if (byte === MINUS || (byte >= ZERO && byte <= NINE)) return this.#number();
    if (byte === 0x74) return this.#word('true', true);
    if (byte === 0x66) return this.#word('false', false);
    return byte === 0x6e && this.#word('null', null);
  }

  #word(word: string, value: Value): boolean {
    for (let i = 0; i < word.length; i += 1)
      if (this.#bytes[this.#at + i] !== word.charCodeAt(i)) return false;
    this.#at += word.length;
    this.#value = value;
    return true;
  }

  /** After the quote; leaves behind the closing one. Integers as names would come out in another order [ECMA-262 10.1.11]. */
  #name(): string | undefined {
    const bytes = this.#bytes;
    const start = this.#at + 1;
    const first = bytes[start] ?? 0;
    if (first >= ZERO && first <= NINE) return undefined;
    let hash = 0;
    let at = start;
    for (let byte = bytes[at]; byte !== QUOTE; at += 1, byte = bytes[at]) {
      if (byte === undefined || byte < SPACE || byte >= DELETE || byte === BACKSLASH) return undefined;
      hash = Math.imul(hash ^ byte, 0x01000193);
    }
    this.#at = at + 1;
    const slot = (hash ^ (hash >>> 15)) & (NAMES_CACHED_MAX - 1);
    const known = this.#names[slot];
    if (known !== undefined && this.#isAt(known.bytes, start, at)) return known.text;
    const made = { bytes: bytes.slice(start, at), text: latin(bytes, start, at) };
    this.#names[slot] = made;
    return made.text;
  }

  #isAt(name: Uint8Array, start: number, end: number): boolean {
    if (name.length !== end - start) return false;
    const bytes = this.#bytes;
    for (let i = 0; i < name.length; i += 1) if (name[i] !== bytes[start + i]) return false;
    return true;
  }

  #text(): boolean {
    const bytes = this.#bytes;
    const start = this.#at + 1;
    let at = start;
    for (let byte = bytes[at]; byte !== QUOTE; at += 1, byte = bytes[at])
      if (byte === undefined || byte < SPACE || byte >= DELETE || byte === BACKSLASH) return false;
    this.#at = at + 1;
    this.#value = latin(bytes, start, at);
    return true;
  }

  /** RFC 8259 §6. What one division or multiplication cannot round rightly is left to the engine. */
  #number(): boolean {
    const bytes = this.#bytes;
    const start = this.#at;
    const isNegative = bytes[start] === MINUS;
    let at = isNegative ? start + 1 : start;
    const digits = at;
    let mantissa = 0;
    for (let byte = bytes[at] ?? 0; byte >= ZERO && byte <= NINE; at += 1, byte = bytes[at] ?? 0)
      mantissa = mantissa * 10 + (byte - ZERO);
    if (at === digits || (bytes[digits] === ZERO && at > digits + 1)) return false;
    let power = 0;
    if (bytes[at] === POINT) {
      at += 1;
      const fraction = at;
      for (let byte = bytes[at] ?? 0; byte >= ZERO && byte <= NINE; at += 1, byte = bytes[at] ?? 0)
        mantissa = mantissa * 10 + (byte - ZERO);
      power = fraction - at;
      if (power === 0) return false;
    }
    if (((bytes[at] ?? 0) | LOWER) === 0x65) {
      const sign = bytes[at + 1];
      at += sign === MINUS || sign === PLUS ? 2 : 1;
      const exponent = at;
      let size = 0;
      for (let byte = bytes[at] ?? 0; byte >= ZERO && byte <= NINE; at += 1, byte = bytes[at] ?? 0)
        size = size * 10 + (byte - ZERO);
      if (at === exponent) return false;
      power += sign === MINUS ? -size : size;
    }
    this.#at = at;
    const isExact = mantissa <= MANTISSA_MAX && power >= -22 && power <= 22;
    if (!isExact) {
      this.#value = Number(latin(bytes, start, at));
      return true;
    }
    const size = power < 0 ? mantissa / (POWERS[-power] ?? 1) : mantissa * (POWERS[power] ?? 1);
    this.#value = isNegative ? -size : size;
    return true;
  }
}

/** Only of bytes below 0x7f. */
function latin(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end; at += 1) text += String.fromCharCode(bytes[at] ?? 0);
  return text;
}

const scanner = new Scanner();

/** True: all values are with `sink`, as of item 0. False: it has been handed nothing, and the message is to be parsed. */
export function scanJson(payload: Uint8Array, sink: ValueSink): boolean {
  return payload.length <= JSON_SCAN_MAX_BYTES && scanner.scan(payload, sink);
}
