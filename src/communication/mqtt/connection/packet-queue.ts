/**
 * Packets on their way into one socket, in order. Owns how they are joined into few writes; it must not know which of
 * them may be dropped.
 */
import { ACKNOWLEDGEMENT_BYTES, type Acknowledgement, type Encoded } from '../codec/write.ts';
import type { Link } from '../transport/link.ts';

/** Packets are copied into writes of up to this size; a larger one is handed over as it is. */
const JOIN_MAX_BYTES = 65_536;
/** A stamp says "the packet before me gets this id here": packet id above, position below, negative. */
const STAMP_BITS = 11;
const STAMP_MASK = (1 << STAMP_BITS) - 1;

export class PacketQueue {
  /** Packets; an acknowledgement as a number (type << 16 | id); a stamp behind a packet that gets an id. */
  #items: (Buffer | number)[] = [];
  #bytes = 0;

  /** About how many packets wait. */
  get length(): number {
    return this.#items.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(packet: Buffer): void {
    this.#items.push(packet);
    this.#bytes += packet.length;
  }

  /** The packet is shared with other receivers; the id is written into this client's copy when it is sent. */
  pushWithId({ bytes, idAt }: Encoded, packetId: number): void {
    this.push(bytes);
    this.#items.push(-((packetId << STAMP_BITS) | idAt));
  }

  acknowledge(type: Acknowledgement, packetId: number): void {
    this.#items.push((type << 16) | packetId);
    this.#bytes += ACKNOWLEDGEMENT_BYTES;
  }

  /** Writes until the socket has enough. */
  writeTo(socket: Link): void {
    let at = 0;
    while (at < this.#items.length && socket.writable && !socket.writableNeedDrain)
      at = this.#writeRun(socket, at);
    if (at === this.#items.length || !socket.writable) this.clear();
    else if (at > 0) this.#items = this.#items.slice(at);
  }

  /** Writes all of it, whatever the socket says: the last words before a close. */
  finish(socket: Link): void {
    let at = 0;
    while (at < this.#items.length && socket.writable) at = this.#writeRun(socket, at);
    this.clear();
  }

  clear(): void {
    this.#items = [];
    this.#bytes = 0;
  }

  /** Writes what fits into one write from `from` on; answers where the next begins. */
  #writeRun(socket: Link, from: number): number {
    const first = this.#items[from];
    if (typeof first === 'object' && first.length >= JOIN_MAX_BYTES)
      return this.#writeLarge(socket, first, from);
    let length = 0;
    let to = from;
    for (; to < this.#items.length; to += 1) {
      const item = this.#items[to] ?? 0;
      const size = typeof item === 'object' ? item.length : item < 0 ? 0 : ACKNOWLEDGEMENT_BYTES;
      if (size > 0 && length + size > JOIN_MAX_BYTES) break;
      length += size;
    }
    this.#bytes -= length;
    // Behind a slow reader a small write would wait as a slice of a large pooled buffer, and hold all of it.
    const isSlow = socket.writableLength > 0;
    const joined = isSlow ? Buffer.allocUnsafeSlow(length) : Buffer.allocUnsafe(length);
    this.#join(from, to, joined);
    socket.write(joined);
    return to;
  }

  #join(from: number, to: number, joined: Buffer): void {
    let at = 0;
    let packetAt = 0;
    for (let i = from; i < to; i += 1) {
      const item = this.#items[i] ?? 0;
      if (typeof item === 'object') {
        packetAt = at;
        joined.set(item, at);
        at += item.length;
      } else if (item < 0) {
        writeStamp(joined, packetAt, item);
      } else {
        joined[at] = item >>> 16;
        joined[at + 1] = 2;
        joined[at + 2] = (item >>> 8) & 0xff;
        joined[at + 3] = item & 0xff;
        at += ACKNOWLEDGEMENT_BYTES;
      }
    }
  }

  /** Its head is this client's own where it carries an id; the payload stays shared. */
  #writeLarge(socket: Link, packet: Buffer, at: number): number {
    this.#bytes -= packet.length;
    const stamp = this.#items[at + 1];
    if (typeof stamp !== 'number' || stamp >= 0) {
      socket.write(packet);
      return at + 1;
    }
    const headBytes = (-stamp & STAMP_MASK) + 2;
    const head = Buffer.from(packet.subarray(0, headBytes));
    writeStamp(head, 0, stamp);
    socket.cork();
    socket.write(head);
    socket.write(packet.subarray(headBytes));
    socket.uncork();
    return at + 2;
  }
}

function writeStamp(bytes: Buffer, packetAt: number, stamp: number): void {
  const idAt = packetAt + (-stamp & STAMP_MASK);
  const packetId = -stamp >>> STAMP_BITS;
  bytes[idAt] = packetId >>> 8;
  bytes[idAt + 1] = packetId & 0xff;
}
