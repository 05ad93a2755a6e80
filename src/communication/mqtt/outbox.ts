/**
 * What one client is to be sent. Written joined, once per turn; when the client stops reading, its messages are held
 * up to a bound and then dropped, counted, so that nobody else waits. Answers go before messages and are never dropped.
 */
import type { Socket } from 'node:net';
import { BoundedQueue } from '../../base/bounded-queue.ts';
import {
  MQTT_ANSWERS_MAX_BYTES,
  MQTT_INFLIGHT_MAX,
  MQTT_OUTBOX_MAX_BYTES,
  MQTT_OUTBOX_MAX_MESSAGES,
  MQTT_UNACKNOWLEDGED_MAX,
} from '../../base/limits.ts';
import type { Acknowledgement, Encoded } from './codec/write.ts';
import { PacketQueue } from './packet-queue.ts';

/** So much in one turn is written before the turn ends: a fast reader then never meets a bound. */
const EARLY_FLUSH_BYTES = 262_144;

const SHELF_BYTES = 16_384;

/** The outboxes that have something to write at the end of this turn. */
export class WriteTurn {
  #outboxes: Outbox[] = [];
  #isPlanned = false;

  add(outbox: Outbox): void {
    this.#outboxes.push(outbox);
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    setImmediate(() => {
      this.#isPlanned = false;
      this.flush();
    });
  }

  flush(): void {
    const outboxes = this.#outboxes;
    if (outboxes.length === 0) return;
    this.#outboxes = [];
    for (const outbox of outboxes) outbox.flush();
  }
}

export class Outbox {
  readonly #socket: Socket;
  readonly #turn: WriteTurn;
  readonly #answers = new PacketQueue();
  readonly #messages = new PacketQueue();
  #isPlanned = false;
  /** Packet ids of QoS 1 messages the client has not acknowledged. */
  #inFlight: Set<number> | undefined;
  #waiting: BoundedQueue<Encoded> | undefined;
  #waitingBytes = 0;
  #nextId = 0;
  /** Where messages that wait are put side by side. */
  #shelf: Buffer | undefined;
  #shelfAt = 0;

  constructor(socket: Socket, turn: WriteTurn) {
    this.#socket = socket;
    this.#turn = turn;
  }

  /** The client does not take the answers it asks for: time to stop reading its requests. */
  get isCrowded(): boolean {
    return this.#answers.bytes > MQTT_ANSWERS_MAX_BYTES && this.#socket.writableNeedDrain;
  }

  /** It waits for the client: for its socket to drain, or for its PUBACK. */
  get isHeldUp(): boolean {
    return this.#socket.writableNeedDrain || this.#waitingBytes > 0;
  }

  /** More can be handed in without coming near a bound. */
  get isRoomy(): boolean {
    return !this.isHeldUp && this.#heldBytes < EARLY_FLUSH_BYTES;
  }

  send(answer: Buffer): void {
    this.#answers.push(answer);
    this.#plan();
  }

  acknowledge(type: Acknowledgement, packetId: number): void {
    this.#answers.acknowledge(type, packetId);
    this.#plan();
  }

  /** A message; false when dropped. */
  deliver(message: Encoded): boolean {
    const { length } = message.bytes;
    if (this.#messages.bytes > EARLY_FLUSH_BYTES) this.flush();
    if (this.#heldBytes + length > MQTT_OUTBOX_MAX_BYTES) return false;
    const isStalled = this.#socket.writableNeedDrain;
    if (isStalled && this.#messages.length > MQTT_OUTBOX_MAX_MESSAGES) return false;
    const held = isStalled ? this.#shelve(message) : message;
    if (message.idAt === 0) {
      this.#messages.push(held.bytes);
      this.#plan();
      return true;
    }
    this.#inFlight ??= new Set();
    if (this.#inFlight.size < MQTT_UNACKNOWLEDGED_MAX) {
      this.#sendWithId(held, this.#inFlight);
      return true;
    }
    this.#waiting ??= new BoundedQueue(MQTT_OUTBOX_MAX_MESSAGES);
    if (!this.#waiting.push(isStalled ? held : this.#shelve(message))) return false;
    this.#waitingBytes += length;
    return true;
  }

  /** PUBACK from the client: the next may go. */
  acknowledged(packetId: number): void {
    if (this.#inFlight?.delete(packetId) !== true) return;
    const next = this.#waiting?.shift();
    if (next === undefined) {
      this.#shelf = undefined;
      return;
    }
    this.#waitingBytes -= next.bytes.length;
    this.#sendWithId(next, this.#inFlight);
  }

  /** Writes until the socket has enough. */
  flush(): void {
    this.#isPlanned = false;
    this.#answers.writeTo(this.#socket);
    this.#messages.writeTo(this.#socket);
  }

  /** Hands everything to the socket: its last words. */
  finish(): void {
    this.#answers.finish(this.#socket);
    this.#messages.finish(this.#socket);
    this.#waiting = undefined;
    this.#waitingBytes = 0;
  }

  /**
   * What waits is copied next to what waits with it. Left where it was encoded, one short message could keep alive a
   * large buffer that it shares with messages long sent to others, and the bounds above would bound nothing.
   */
  #shelve({ bytes, idAt }: Encoded): Encoded {
    const { length } = bytes;
    if (length > SHELF_BYTES / 4)
      return bytes.length * 2 > bytes.buffer.byteLength ? { bytes, idAt } : { bytes: ownCopy(bytes), idAt };
    if (this.#shelf === undefined || this.#shelfAt + length > SHELF_BYTES) {
      this.#shelf = Buffer.allocUnsafeSlow(SHELF_BYTES);
      this.#shelfAt = 0;
    }
    const own = this.#shelf.subarray(this.#shelfAt, this.#shelfAt + length);
    own.set(bytes);
    this.#shelfAt += length;
    return { bytes: own, idAt };
  }

  get #heldBytes(): number {
    return this.#answers.bytes + this.#messages.bytes + this.#waitingBytes + this.#socket.writableLength;
  }

  #plan(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    this.#turn.add(this);
  }

  #sendWithId(message: Encoded, inFlight: Set<number>): void {
    do this.#nextId = (this.#nextId % MQTT_INFLIGHT_MAX) + 1;
    while (inFlight.has(this.#nextId));
    inFlight.add(this.#nextId);
    this.#messages.pushWithId(message, this.#nextId);
    this.#plan();
  }
}

function ownCopy(bytes: Buffer): Buffer {
  const own = Buffer.allocUnsafeSlow(bytes.length);
  own.set(bytes);
  return own;
}
