/**
 * What one client is to be sent. Written joined, once per turn; when the client stops reading, its QoS 0 messages are
 * held up to a bound and then dropped, and it has no room for others. Answers go before messages and are never dropped.
 */
import {
  MQTT_ANSWERS_MAX_BYTES,
  MQTT_OUTBOX_DIRECT_BYTES,
  MQTT_OUTBOX_MAX_BYTES,
  MQTT_OUTBOX_MAX_MESSAGES,
  MQTT_OUTBOX_TIGHT_BYTES,
  MQTT_OUTBOXES_MAX_BYTES,
} from '../../../base/limits.ts';
import type { Acknowledgement, Encoded } from '../codec/write.ts';
import type { Link } from '../transport/link.ts';
import { PacketQueue } from './packet-queue.ts';

/** So much in one turn is written before the turn ends: a fast reader then never meets a bound. */
const EARLY_FLUSH_BYTES = 262_144;

const SHELF_BYTES = 16_384;

/** The outboxes that have something to write at the end of this turn, and what all of them hold. */
export class WriteTurn {
  #outboxes: Outbox[] = [];
  #isPlanned = false;
  /** Bytes of messages handed to outboxes and not to their sockets. */
  heldBytes = 0;

  /** All slow clients together hold too much: each has little room until some of it has left. */
  get isTight(): boolean {
    return this.heldBytes > MQTT_OUTBOXES_MAX_BYTES;
  }

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
  readonly #link: Link;
  readonly #turn: WriteTurn;
  readonly #onRoom: () => void;
  readonly #answers = new PacketQueue();
  readonly #messages = new PacketQueue();
  #isPlanned = false;
  /** Somebody asked for room in vain. */
  #isWanted = false;
  /** Where messages that wait are put side by side. */
  #shelf: Buffer | undefined;
  #shelfAt = 0;

  /** `onRoom`: there is room again for whoever asked in vain. */
  constructor(options: { readonly link: Link; readonly turn: WriteTurn; readonly onRoom: () => void }) {
    this.#link = options.link;
    this.#turn = options.turn;
    this.#onRoom = options.onRoom;
  }

  /** The client does not take the answers it asks for: time to stop reading its requests. */
  get isCrowded(): boolean {
    return this.#answers.bytes > MQTT_ANSWERS_MAX_BYTES && this.#link.writableNeedDrain;
  }

  /** A message handed in now leaves soon; else `onRoom` tells when. */
  get hasRoom(): boolean {
    const limit = this.#turn.isTight ? MQTT_OUTBOX_TIGHT_BYTES : MQTT_OUTBOX_DIRECT_BYTES;
    if (this.#heldBytes < limit) return true;
    this.#isWanted = true;
    return false;
  }

  send(answer: Buffer): void {
    this.#answers.push(answer);
    this.#plan();
  }

  acknowledge(type: Acknowledgement, packetId: number): void {
    this.#answers.acknowledge(type, packetId);
    this.#plan();
  }

  /** May a QoS 0 message of about so many bytes be handed in? */
  takes(length: number): boolean {
    const limit = this.#turn.isTight ? MQTT_OUTBOX_TIGHT_BYTES : MQTT_OUTBOX_MAX_BYTES;
    if (this.#heldBytes + length > limit) return false;
    return !this.#link.writableNeedDrain || this.#messages.length <= MQTT_OUTBOX_MAX_MESSAGES;
  }

  /** A message; with QoS 1 or 2 its packet id is written into this client's copy. The caller has asked for room. */
  deliver(message: Encoded, packetId: number): void {
    if (this.#messages.bytes > EARLY_FLUSH_BYTES) this.#write();
    const held = this.#link.writableNeedDrain ? this.#shelve(message) : message;
    if (packetId === 0) this.#messages.push(held.bytes);
    else this.#messages.pushWithId(held, packetId);
    this.#turn.heldBytes += held.bytes.length;
    this.#plan();
  }

  /** Writes until the socket has enough. */
  flush(): void {
    this.#isPlanned = false;
    this.#write();
    if (!this.#isWanted || !this.hasRoom) return;
    this.#isWanted = false;
    this.#onRoom();
  }

  /** Hands everything to the socket, `farewell` last: nothing follows DISCONNECT [MQTT-3.14.4-1]. */
  finish(farewell?: Buffer): void {
    this.#answers.finish(this.#link);
    const before = this.#messages.bytes;
    this.#messages.finish(this.#link);
    this.#turn.heldBytes -= before;
    if (farewell !== undefined && this.#link.writable) this.#link.write(farewell);
    this.#isWanted = false;
  }

  #write(): void {
    this.#answers.writeTo(this.#link);
    const before = this.#messages.bytes;
    this.#messages.writeTo(this.#link);
    this.#turn.heldBytes -= before - this.#messages.bytes;
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
    return this.#answers.bytes + this.#messages.bytes + this.#link.writableLength;
  }

  #plan(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    this.#turn.add(this);
  }
}

function ownCopy(bytes: Buffer): Buffer {
  const own = Buffer.allocUnsafeSlow(bytes.length);
  own.set(bytes);
  return own;
}
