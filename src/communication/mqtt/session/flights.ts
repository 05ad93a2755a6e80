/**
 * The messages on their way to one client, by packet id, in the order they were sent. Owns packet ids: one is in use
 * until its message is acknowledged [MQTT-2.2.1-4]. It must not know what is in a message.
 */
import { MQTT_INFLIGHT_MAX } from '../../../base/limits.ts';
import type { Offset } from '../../../model/packet.ts';

export interface Flight {
  readonly offset: Offset;
  readonly qos: 1 | 2;
  readonly isShared: boolean;
  readonly retain: boolean;
  /** PUBREC has come: only PUBREL and PUBCOMP are left. */
  readonly isReleased: boolean;
  /** A retained message at subscription: its content is not in the log. */
  readonly isReplay: boolean;
}

/** One number each: the offset above, six flags below (2^47 offsets are 22 years at 200,000 a second). Bits of the low half survive `&`. */
const SHIFT = 64;
const SHARED = 4;
const RETAIN = 8;
const RELEASED = 16;
const REPLAY = 32;

export class Flights {
  readonly #byId = new Map<number, number>();
  #lastId = 0;

  get size(): number {
    return this.#byId.size;
  }

  /** The next free packet id; 0 when all are in use. */
  newId(): number {
    if (this.#byId.size >= MQTT_INFLIGHT_MAX) return 0;
    do this.#lastId = (this.#lastId % MQTT_INFLIGHT_MAX) + 1;
    while (this.#byId.has(this.#lastId));
    return this.#lastId;
  }

  set(id: number, flight: Flight): void {
    this.#byId.set(id, pack(flight));
  }

  /** The usual case, without an object: QoS 1, not released. */
  setPlain(id: number, offset: Offset, isShared: boolean, retain: boolean): void {
    this.#byId.set(id, offset * SHIFT + 1 + (isShared ? SHARED : 0) + (retain ? RETAIN : 0));
  }

  /** As `entries` gave it. */
  restore(id: number, packed: number): void {
    this.#byId.set(id, packed);
    this.#lastId = id;
  }

  get(id: number): Flight | undefined {
    const packed = this.#byId.get(id);
    return packed === undefined ? undefined : unpack(packed);
  }

  /** QoS of the message; 0 when there is none. */
  qosOf(id: number): number {
    return (this.#byId.get(id) ?? 0) & 3;
  }

  isReleased(id: number): boolean {
    return ((this.#byId.get(id) ?? 0) & RELEASED) !== 0;
  }

  markReleased(id: number): void {
    const packed = this.#byId.get(id);
    if (packed !== undefined && !this.isReleased(id)) this.#byId.set(id, packed + RELEASED);
  }

  delete(id: number): boolean {
    return this.#byId.delete(id);
  }

  forget(isGone: (flight: Flight) => boolean): void {
    for (const [id, packed] of this.#byId) if (isGone(unpack(packed))) this.#byId.delete(id);
  }

  ids(): IterableIterator<number> {
    return this.#byId.keys();
  }

  entries(): IterableIterator<[number, number]> {
    return this.#byId.entries();
  }

  /** Offsets below `limit` whose messages may have to be sent again. */
  *offsetsBefore(limit: Offset): Generator<Offset> {
    for (const packed of this.#byId.values()) {
      const { offset, isReplay, isReleased } = unpack(packed);
      if (!isReplay && !isReleased && offset < limit) yield offset;
    }
  }

  /** The oldest offset still needed; Infinity when none. */
  get oldest(): Offset {
    let oldest = Number.POSITIVE_INFINITY;
    for (const offset of this.offsetsBefore(oldest)) if (offset < oldest) oldest = offset;
    return oldest;
  }
}

const pack = ({ offset, qos, isShared, retain, isReleased, isReplay }: Flight): number =>
  offset * SHIFT +
  qos +
  (isShared ? SHARED : 0) +
  (retain ? RETAIN : 0) +
  (isReleased ? RELEASED : 0) +
  (isReplay ? REPLAY : 0);

export function unpack(packed: number): Flight {
  const flags = packed & (SHIFT - 1);
  return {
    offset: (packed - flags) / SHIFT,
    qos: (flags & 3) === 2 ? 2 : 1,
    isShared: (flags & SHARED) !== 0,
    retain: (flags & RETAIN) !== 0,
    isReleased: (flags & RELEASED) !== 0,
    isReplay: (flags & REPLAY) !== 0,
  };
}
