/**
 * What one client is to be sent. Collects packets and writes them once per turn; holds back what the client does not
 * take, up to a bound, and then drops that client's messages, counted, so that nobody else waits.
 */
import type { Socket } from 'node:net';
import { BoundedQueue } from '../../base/bounded-queue.ts';
import {
  MQTT_OUTBOX_MAX_BYTES,
  MQTT_OUTBOX_MAX_MESSAGES,
  MQTT_UNACKNOWLEDGED_MAX,
} from '../../base/limits.ts';

/** Below this, several packets are copied into one write; above, they are handed over as they are. */
const JOIN_MAX_BYTES = 65_536;

export class Outbox {
  readonly #socket: Socket;
  readonly #schedule: () => void;
  #packets: Buffer[] = [];
  #bytes = 0;
  /** Packet ids of QoS 1 messages the client has not acknowledged. */
  readonly #inFlight = new Set<number>();
  #waiting: BoundedQueue<{ readonly bytes: Buffer; readonly idAt: number }> | undefined;
  #waitingBytes = 0;
  #nextId = 0;

  /** `schedule` asks for one call of `flush` at the end of this turn. */
  constructor(socket: Socket, schedule: () => void) {
    this.#socket = socket;
    this.#schedule = schedule;
  }

  get queuedBytes(): number {
    return this.#bytes + this.#waitingBytes + this.#socket.writableLength;
  }

  /** Protocol answers: never dropped, bounded by what the client asks. */
  send(bytes: Buffer): void {
    if (this.#packets.length === 0) this.#schedule();
    this.#packets.push(bytes);
    this.#bytes += bytes.length;
  }

  /** A QoS 0 message; false when dropped. */
  deliver(bytes: Buffer): boolean {
    if (this.queuedBytes + bytes.length > MQTT_OUTBOX_MAX_BYTES) return false;
    this.send(bytes);
    return true;
  }

  /** A QoS 1 message whose packet id is still to be given; false when dropped. `bytes` must be this client's own. */
  deliverAcknowledged(bytes: Buffer, idAt: number): boolean {
    if (this.queuedBytes + bytes.length > MQTT_OUTBOX_MAX_BYTES) return false;
    if (this.#inFlight.size < MQTT_UNACKNOWLEDGED_MAX) {
      this.#sendWithId(bytes, idAt);
      return true;
    }
    this.#waiting ??= new BoundedQueue(MQTT_OUTBOX_MAX_MESSAGES);
    if (!this.#waiting.push({ bytes, idAt })) return false;
    this.#waitingBytes += bytes.length;
    return true;
  }

  acknowledged(packetId: number): void {
    if (!this.#inFlight.delete(packetId)) return;
    const next = this.#waiting?.shift();
    if (next === undefined) return;
    this.#waitingBytes -= next.bytes.length;
    this.#sendWithId(next.bytes, next.idAt);
  }

  flush(): void {
    const packets = this.#packets;
    if (packets.length === 0) return;
    this.#packets = [];
    const bytes = this.#bytes;
    this.#bytes = 0;
    if (this.#socket.destroyed) return;
    const [only] = packets;
    if (packets.length === 1 && only !== undefined) this.#socket.write(only);
    else if (bytes <= JOIN_MAX_BYTES) this.#socket.write(Buffer.concat(packets, bytes));
    else {
      this.#socket.cork();
      for (const packet of packets) this.#socket.write(packet);
      this.#socket.uncork();
    }
  }

  #sendWithId(bytes: Buffer, idAt: number): void {
    do this.#nextId = (this.#nextId % 65_535) + 1;
    while (this.#inFlight.has(this.#nextId));
    this.#inFlight.add(this.#nextId);
    bytes.writeUInt16BE(this.#nextId, idAt);
    this.send(bytes);
  }
}
