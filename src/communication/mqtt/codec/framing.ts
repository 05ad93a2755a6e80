/**
 * Cuts the byte stream of one connection into packets [MQTT-2.2.3]. Whole packets are handed on as views into the
 * socket's chunk; only a packet that arrives in pieces is copied. What is held grows with what has arrived, never
 * with what a header announces.
 */
import { PACKET_MAX_BYTES, UNAUTHENTICATED_MAX_BYTES } from '../../../base/limits.ts';
import { varintSize } from './varint.ts';

/** Why a stream cannot be read on. */
export type FramingFault = 'malformed' | 'tooLarge';

export type PacketHandler = (header: number, chunk: Buffer, start: number, end: number) => boolean;

/** Topic, packet id and properties on top of the largest payload. */
const REMAINING_MAX_BYTES = PACKET_MAX_BYTES + 2 + 65_535 + 2;
/** The same with the fixed header: what a client may be promised as maximum packet size [3.2.2.3.6]. */
export const MAXIMUM_PACKET_SIZE = 1 + varintSize(REMAINING_MAX_BYTES) + REMAINING_MAX_BYTES;
const FIRST_BYTES = 4_096;
/** Its type [MQTT-2.1.2]. */
const PUBLISH = 3;
const NOTHING = Buffer.alloc(0);

export class Framing {
  readonly #handler: PacketHandler;
  readonly #mayCome: (header: number) => boolean;
  /** A packet whose length is known and whose bytes are not all here. */
  #partial: Buffer | undefined;
  #partialHeader = 0;
  #partialLength = 0;
  #filled = 0;
  /** A fixed header cut in two, or what waits while suspended. */
  #rest: Buffer | undefined;
  #suspended = false;
  #maxBytes = UNAUTHENTICATED_MAX_BYTES;
  #packets = 0;
  #fault: FramingFault | undefined;
  #isMessage = false;
  #isMinimal = true;
  #mustBeMinimal = false;

  /**
   * `handler` answers false to stop: the connection is being closed. `mayCome` judges the first byte of a packet
   * whose rest is not here yet: what may not come is not waited for.
   */
  constructor(handler: PacketHandler, mayCome: (header: number) => boolean = () => true) {
    this.#handler = handler;
    this.#mayCome = mayCome;
  }

  /** Packets handed on so far. */
  get packets(): number {
    return this.#packets;
  }

  /** What was wrong with the stream itself; undefined when it was the handler that stopped. */
  get fault(): FramingFault | undefined {
    return this.#fault;
  }

  /** What was too large is a PUBLISH. */
  get isMessage(): boolean {
    return this.#isMessage;
  }

  /**
   * Every length so far took the fewest bytes. 3.1.1 does not ask for that; in version 5 anything else is malformed
   * [MQTT-1.5.5-1], also in front of the CONNECT that tells the version.
   */
  get isMinimal(): boolean {
    return this.#isMinimal;
  }

  /** Bytes a packet in progress still lacks. */
  get missingBytes(): number {
    return this.#partial === undefined ? 0 : this.#partialLength - this.#filled;
  }

  /** Nothing behind the packet being handled is looked at until `resume`. */
  suspend(): void {
    this.#suspended = true;
  }

  /** Goes on, from here on with packets of full size: the client is known. Version 5 asks for minimal lengths. */
  resume(mustBeMinimal = false): boolean {
    this.#mustBeMinimal = mustBeMinimal;
    this.#maxBytes = REMAINING_MAX_BYTES;
    return this.goOn();
  }

  /** Goes on as before `suspend`: who this is takes more than one packet. */
  goOn(): boolean {
    this.#suspended = false;
    return this.push(NOTHING);
  }

  /** False when the stream is malformed or the handler stopped: nothing more is read. */
  push(chunk: Buffer): boolean {
    let at = 0;
    if (this.#partial !== undefined) {
      at = this.#fill(this.#partial, chunk);
      if (this.#filled < this.#partialLength) return true;
      const whole = this.#partial;
      this.#partial = undefined;
      this.#filled = 0;
      this.#packets += 1;
      if (!this.#handler(this.#partialHeader, whole, 0, this.#partialLength)) return false;
    }
    let bytes = chunk;
    if (this.#rest !== undefined) {
      bytes = Buffer.concat([this.#rest, chunk.subarray(at)]);
      this.#rest = undefined;
      at = 0;
    }
    while (at < bytes.length) {
      if (this.#suspended) {
        this.#keep(bytes, at);
        return true;
      }
      const next = this.#one(bytes, at);
      if (next < 0) return false;
      if (next === at) return true;
      at = next;
    }
    return true;
  }

  /** One packet at `at`: where the next begins, `at` when its header is not complete, -1 when malformed or stopped. */
  #one(chunk: Buffer, at: number): number {
    const header = chunk[at] ?? 0;
    let length = 0;
    let shift = 0;
    let p = at + 1;
    for (;;) {
      if (p >= chunk.length) {
        if (!this.#mayCome(header)) return this.#fail('malformed');
        this.#keep(chunk, at);
        return at;
      }
      const byte = chunk[p] ?? 0;
      p += 1;
      length += (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) this.#isMinimal = false;
        break;
      }
      shift += 7;
      // Four bytes of length at most [2.2.3].
      if (shift > 21) return this.#fail('malformed');
    }
    if (this.#mustBeMinimal && !this.#isMinimal) return this.#fail('malformed');
    if (length > this.#maxBytes) {
      this.#isMessage = header >> 4 === PUBLISH;
      return this.#fail('tooLarge');
    }
    const end = p + length;
    if (end <= chunk.length) {
      this.#packets += 1;
      return this.#handler(header, chunk, p, end) ? end : -1;
    }
    if (!this.#mayCome(header)) return this.#fail('malformed');
    this.#partialHeader = header;
    this.#partialLength = length;
    this.#partial = Buffer.allocUnsafeSlow(Math.min(length, Math.max(FIRST_BYTES, 2 * (chunk.length - p))));
    this.#filled = chunk.copy(this.#partial, 0, p);
    return chunk.length;
  }

  #fail(fault: FramingFault): -1 {
    this.#fault = fault;
    return -1;
  }

  /** Takes what belongs to the packet in progress; answers how much of `chunk` that was. */
  #fill(partial: Buffer, chunk: Buffer): number {
    const taken = Math.min(chunk.length, this.#partialLength - this.#filled);
    const needed = this.#filled + taken;
    let target = partial;
    if (needed > partial.length) {
      target = Buffer.allocUnsafeSlow(Math.min(this.#partialLength, 2 * needed));
      partial.copy(target, 0, 0, this.#filled);
      this.#partial = target;
    }
    chunk.copy(target, this.#filled, 0, taken);
    this.#filled = needed;
    return taken;
  }

  /** A copy of its own: a view would hold the whole chunk in memory. */
  #keep(bytes: Buffer, at: number): void {
    this.#rest = Buffer.allocUnsafeSlow(bytes.length - at);
    bytes.copy(this.#rest, 0, at);
  }
}
