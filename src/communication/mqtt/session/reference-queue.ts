/**
 * Messages that wait for one session, as references into the log: an offset, the size for the budget, and how each is to
 * be delivered. First in, first out, in chunks that are stored one by one; it must not know what a message is.
 */
import { MQTT_QUEUE_MAX_BYTES, MQTT_QUEUE_MAX_MESSAGES } from '../../../base/limits.ts';
import type { Offset } from '../../../model/packet.ts';

export interface Reference {
  readonly offset: Offset;
  readonly sizeBytes: number;
  readonly qos: 1 | 2;
  /** It came through a shared subscription. */
  readonly isShared: boolean;
  /** RETAIN is set on delivery (retain as published). */
  readonly retain: boolean;
}

/** 1.5 KiB: what a session with one waiting message costs. */
const PER_CHUNK = 128;
/** f64 offset, u32 size and flags. */
const ENTRY_BYTES = 12;
const FLAG_BITS = 4;
const SHARED = 4;
const RETAIN = 8;

interface Chunk {
  readonly offsets: Float64Array;
  readonly marks: Uint32Array;
}

interface QueueChanges {
  readonly put: readonly (readonly [chunk: number, bytes: Uint8Array])[];
  readonly gone: readonly number[];
  /** The store failed: the next changes are counted from where these were. */
  readonly undo: () => void;
}

const newChunk = (): Chunk => ({
  offsets: new Float64Array(PER_CHUNK),
  marks: new Uint32Array(PER_CHUNK),
});

export class ReferenceQueue {
  readonly #chunks = new Map<number, Chunk>();
  /** Positions since the session began; the queue is `head..tail-1`. */
  #head = 0;
  #tail = 0;
  #bytes = 0;
  /** Offsets rise, but for what another session passed on: the lowest of those, while any may be here. */
  #lowest: Offset = Number.POSITIVE_INFINITY;
  #last: Offset = 0;
  /** What the store has. */
  #storedHead = 0;
  #storedTail = 0;

  get length(): number {
    return this.#tail - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get head(): number {
    return this.#head;
  }

  get tail(): number {
    return this.#tail;
  }

  push(offset: Offset, sizeBytes: number, flags: number): void {
    const index = this.#tail % PER_CHUNK;
    const number = (this.#tail - index) / PER_CHUNK;
    let chunk = this.#chunks.get(number);
    if (chunk === undefined) this.#chunks.set(number, (chunk = newChunk()));
    chunk.offsets[index] = offset;
    this.#follow(offset);
    chunk.marks[index] = (sizeBytes << FLAG_BITS) | flags;
    this.#tail += 1;
    this.#bytes += sizeBytes;
  }

  /** Drops the oldest until one more of this size fits, or one of them where all queues are full; answers how many. */
  makeRoom(sizeBytes: number, isFull: boolean): number {
    const before = this.length;
    if (isFull) this.shift();
    while (this.length > 0 && this.#isOver(sizeBytes)) this.shift();
    return before - this.length;
  }

  peek(): Reference | undefined {
    return this.#head === this.#tail ? undefined : this.#at(this.#head);
  }

  /** Offset of the oldest one; Infinity when empty. */
  get oldest(): Offset {
    if (this.#head === this.#tail) return Number.POSITIVE_INFINITY;
    return Math.min(this.#lowest, this.#at(this.#head).offset);
  }

  /** Offsets below `limit`. */
  *offsetsBefore(limit: Offset): Generator<Offset> {
    const isInOrder = this.#lowest === Number.POSITIVE_INFINITY;
    for (const { offset } of this) {
      if (offset < limit) yield offset;
      else if (isInOrder) return;
    }
  }

  shift(): Reference | undefined {
    const first = this.peek();
    if (first === undefined) return undefined;
    this.#bytes -= first.sizeBytes;
    this.#head += 1;
    if (this.#head === this.#tail) this.clear();
    else if (this.#head % PER_CHUNK === 0) this.#chunks.delete(this.#head / PER_CHUNK - 1);
    return first;
  }

  /** Keeps what `isKept` says, in order. */
  filter(isKept: (reference: Reference) => boolean): void {
    const kept: Reference[] = [];
    for (let at = this.#head; at < this.#tail; at += 1) {
      const reference = this.#at(at);
      if (isKept(reference)) kept.push(reference);
    }
    if (kept.length === this.length) return;
    this.clear();
    for (const { offset, sizeBytes, qos, isShared, retain } of kept)
      this.push(offset, sizeBytes, flagsOf(qos, isShared, retain));
  }

  /** All of them, oldest first. */
  *[Symbol.iterator](): Generator<Reference> {
    for (let at = this.#head; at < this.#tail; at += 1) yield this.#at(at);
  }

  clear(): void {
    this.#head = this.#tail;
    this.#bytes = 0;
    this.#chunks.clear();
    this.#lowest = Number.POSITIVE_INFINITY;
    this.#last = 0;
  }

  /** Chunks that changed since the last call, and those that are gone; the caller stores all of it. */
  changes(): QueueChanges {
    const [storedHead, storedTail] = [this.#storedHead, this.#storedTail];
    const isEmpty = this.#head === this.#tail;
    const firstKept = isEmpty ? Math.ceil(this.#tail / PER_CHUNK) : Math.floor(this.#head / PER_CHUNK);
    const storedEnd = Math.ceil(this.#storedTail / PER_CHUNK);
    const gone: number[] = [];
    for (let n = Math.floor(this.#storedHead / PER_CHUNK); n < Math.min(firstKept, storedEnd); n += 1)
      gone.push(n);
    const put: (readonly [number, Uint8Array])[] = [];
    const from = Math.max(this.#storedTail, this.#head);
    for (let n = Math.floor(from / PER_CHUNK); from < this.#tail && n * PER_CHUNK < this.#tail; n += 1) {
      const chunk = this.#chunks.get(n);
      if (chunk !== undefined) put.push([n, encode(chunk)]);
    }
    this.#storedHead = this.#head;
    this.#storedTail = this.#tail;
    const undo = (): void => {
      this.#storedHead = storedHead;
      this.#storedTail = storedTail;
    };
    return { put, gone, undo };
  }

  /** Reads back what `changes` gave; a chunk that is missing is a hole that is skipped. */
  static restore(
    head: number,
    tail: number,
    read: (chunk: number) => Uint8Array | undefined,
  ): ReferenceQueue {
    const queue = new ReferenceQueue();
    queue.#head = head;
    queue.#tail = tail;
    queue.#storedHead = head;
    queue.#storedTail = tail;
    for (let n = Math.floor(head / PER_CHUNK); n * PER_CHUNK < tail; n += 1) {
      const bytes = read(n);
      queue.#chunks.set(n, bytes === undefined ? newChunk() : decode(bytes));
    }
    for (const { sizeBytes, offset } of queue) {
      queue.#bytes += sizeBytes;
      queue.#follow(offset);
    }
    // A topic has at least a character.
    queue.filter(({ sizeBytes }) => sizeBytes > 0);
    return queue;
  }

  #follow(offset: Offset): void {
    if (offset < this.#last) this.#lowest = Math.min(this.#lowest, offset);
    this.#last = offset;
  }

  #isOver(sizeBytes: number): boolean {
    return this.length >= MQTT_QUEUE_MAX_MESSAGES || this.#bytes + sizeBytes > MQTT_QUEUE_MAX_BYTES;
  }

  #at(position: number): Reference {
    const index = position % PER_CHUNK;
    const chunk = this.#chunks.get((position - index) / PER_CHUNK);
    const mark = chunk?.marks[index] ?? 0;
    return {
      offset: chunk?.offsets[index] ?? 0,
      sizeBytes: mark >>> FLAG_BITS,
      qos: (mark & 3) === 2 ? 2 : 1,
      isShared: (mark & SHARED) !== 0,
      retain: (mark & RETAIN) !== 0,
    };
  }
}

export const flagsOf = (qos: 1 | 2, isShared: boolean, retain: boolean): number =>
  qos | (isShared ? SHARED : 0) | (retain ? RETAIN : 0);

function encode({ offsets, marks }: Chunk): Uint8Array {
  const bytes = new Uint8Array(PER_CHUNK * ENTRY_BYTES);
  bytes.set(new Uint8Array(offsets.buffer), 0);
  bytes.set(new Uint8Array(marks.buffer), PER_CHUNK * 8);
  return bytes;
}

function decode(bytes: Uint8Array): Chunk {
  const chunk = newChunk();
  new Uint8Array(chunk.offsets.buffer).set(bytes.subarray(0, PER_CHUNK * 8));
  new Uint8Array(chunk.marks.buffer).set(bytes.subarray(PER_CHUNK * 8, PER_CHUNK * ENTRY_BYTES));
  return chunk;
}
