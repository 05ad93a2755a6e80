/**
 * Cuts the byte stream of one connection into packets [MQTT-2.2.3]. Whole packets are handed on as views into the
 * socket's chunk; only a packet that arrives in pieces is copied, once, into a buffer of its own size.
 */
import { PACKET_MAX_BYTES } from '../../../base/limits.ts';

export type PacketHandler = (header: number, chunk: Buffer, start: number, end: number) => boolean;

/** The largest fixed header: one byte of type and flags, four of length. */
const HEADER_MAX_BYTES = 5;
/** Topic and packet id on top of the payload. */
const REMAINING_MAX = PACKET_MAX_BYTES + 65_535 + 4;

export class Framing {
  readonly #handler: PacketHandler;
  /** A packet whose length is known and whose bytes are not all here. */
  #partial: Buffer | undefined;
  #partialHeader = 0;
  #filled = 0;
  /** A fixed header cut in two, or what waits while suspended. */
  #head: Buffer | undefined;
  #suspended = false;

  /** `handler` answers false to stop: the connection is being closed. */
  constructor(handler: PacketHandler) {
    this.#handler = handler;
  }

  /** Bytes held of a packet that is not complete. */
  get heldBytes(): number {
    return this.#filled + (this.#head?.length ?? 0);
  }

  /** Nothing behind the packet being handled is looked at until `resume`. */
  suspend(): void {
    this.#suspended = true;
  }

  resume(): boolean {
    this.#suspended = false;
    return this.push(Buffer.alloc(0));
  }

  /** False when the stream is malformed or the handler stopped: nothing more is read. */
  push(chunk: Buffer): boolean {
    let at = 0;
    if (this.#partial !== undefined) {
      const taken = chunk.copy(this.#partial, this.#filled);
      this.#filled += taken;
      if (this.#filled < this.#partial.length) return true;
      const whole = this.#partial;
      this.#partial = undefined;
      this.#filled = 0;
      if (!this.#handler(this.#partialHeader, whole, 0, whole.length)) return false;
      at = taken;
    }
    if (this.#head !== undefined) {
      chunk = Buffer.concat([this.#head, chunk.subarray(at)]);
      this.#head = undefined;
      at = 0;
    }
    while (at < chunk.length) {
      if (this.#suspended) {
        this.#head = Buffer.from(chunk.subarray(at));
        break;
      }
      const next = this.#one(chunk, at);
      if (next < 0) return false;
      if (next === at) break;
      at = next;
    }
    return true;
  }

  /** One packet at `at`: where the next begins, `at` when it is not complete, -1 when malformed or stopped. */
  #one(chunk: Buffer, at: number): number {
    let length = 0;
    let shift = 0;
    let p = at + 1;
    for (;;) {
      if (p >= chunk.length) {
        if (chunk.length - at >= HEADER_MAX_BYTES) return -1;
        this.#head = Buffer.from(chunk.subarray(at));
        return at;
      }
      const byte = chunk[p] ?? 0;
      p += 1;
      length += (byte & 0x7f) << shift;
      if (byte < 0x80) break;
      shift += 7;
      if (shift > 21) return -1;
    }
    if (length > REMAINING_MAX) return -1;
    const header = chunk[at] ?? 0;
    const end = p + length;
    if (end <= chunk.length) return this.#handler(header, chunk, p, end) ? end : -1;
    this.#partial = Buffer.allocUnsafeSlow(length);
    this.#partialHeader = header;
    this.#filled = chunk.copy(this.#partial, 0, p);
    return chunk.length;
  }
}
