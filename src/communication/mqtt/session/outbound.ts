/**
 * What one session is to get: messages that wait as references into the log, and those on their way. Promises that a
 * QoS 1 or 2 message is kept until the client has it or a bound is met (then counted), that QoS 2 leaves only when its
 * packet id is on disk, and that what was sent and not acknowledged is sent again first. It must not know sockets.
 */
import { MQTT_QUEUE_MAX_AGE_MS } from '../../../base/limits.ts';
import type { Offset } from '../../../model/packet.ts';
import type { Delivery } from '../broker/delivery.ts';
import type { Encodings, Form } from '../broker/encodings.ts';
import { type Message, retainedMessage, secondsLeft } from '../broker/message.ts';
import type { Retained } from '../broker/retained.ts';
import { REASON } from '../codec/reason.ts';
import { type Flight, Flights, unpack } from './flights.ts';
import type { OutboundHost, Owner } from './outbound-host.ts';
import type { Receiver } from './receiver.ts';
import { flagsOf, type Reference, ReferenceQueue } from './reference-queue.ts';

const DISCARDED = 0x80;

export class Outbound {
  readonly #host: OutboundHost;
  readonly #owner: Owner;
  #queue: ReferenceQueue | undefined;
  #flights: Flights | undefined;
  /** Content of retained messages on their way. */
  #replays: Map<number, Retained> | undefined;
  #receiver: Receiver | undefined;
  /** On their way on this connection: what the window counts. */
  #outstanding = 0;
  /** Ids to be sent again on this connection. */
  #resend: number[] = [];
  /** QoS 2 ids whose assignment is not on disk yet. */
  #unsent: Set<number> | undefined;
  #isPumping = false;

  constructor(host: OutboundHost, owner: Owner) {
    this.#host = host;
    this.#owner = owner;
  }

  get waiting(): number {
    return this.#queue?.length ?? 0;
  }

  get waitingBytes(): number {
    return this.#queue?.bytes ?? 0;
  }

  get inFlight(): number {
    return this.#flights?.size ?? 0;
  }

  get queue(): ReferenceQueue | undefined {
    return this.#queue;
  }

  get flights(): Flights | undefined {
    return this.#flights;
  }

  /** Connected, and takes a message at once. */
  get isReady(): boolean {
    const hasNothingBefore = this.waiting === 0 && this.#resend.length === 0;
    return this.#receiver !== undefined && hasNothingBefore && this.#isOpen(this.#receiver);
  }

  /** Oldest log offset that is still needed; Infinity when none. */
  get oldest(): Offset {
    return Math.min(
      this.#queue?.oldest ?? Number.POSITIVE_INFINITY,
      this.#flights?.oldest ?? Number.POSITIVE_INFINITY,
    );
  }

  /** Topics of the retained messages on their way, by id. */
  get replays(): ReadonlyMap<number, Retained> | undefined {
    return this.#replays;
  }

  restore(queue: ReferenceQueue, flights: Flights, replays: ReadonlyMap<number, Retained>): void {
    this.#queue = queue.length === 0 && queue.tail === 0 ? undefined : queue;
    this.#flights = flights;
    this.#replays = replays.size === 0 ? undefined : new Map(replays);
  }

  /** What was on its way is sent again with its id, in order [MQTT-4.4.0-1, MQTT-4.6.0-1]; then what has waited. */
  attach(receiver: Receiver): void {
    this.#receiver = receiver;
    this.#outstanding = 0;
    this.#resend = [...(this.#flights?.ids() ?? [])];
    this.pump();
  }

  detach(): void {
    this.#receiver = undefined;
    this.#resend = [];
  }

  /** A message just published. The usual case comes first and allocates nothing. */
  deliver(encodings: Encodings, delivery: Delivery, isShared: boolean): void {
    const { message } = encodings;
    const receiver = this.#receiver;
    const qos = message.qos < delivery.qos ? message.qos : delivery.qos;
    const retain = message.retain && delivery.retainAsPublished;
    if (qos === 0) {
      this.#deliverPlain(encodings, { qos, retain, ids: delivery.ids, dup: false });
      return;
    }
    if (qos === 1 && receiver !== undefined && this.isReady) {
      this.#flights ??= new Flights();
      const id = this.#flights.newId();
      if (id !== 0) {
        this.#flights.setPlain(id, message.offset, isShared, retain);
        this.#send(encodings, { qos, retain, ids: delivery.ids, dup: false }, id);
        return;
      }
    }
    this.enqueue(message, flagsOf(qos, isShared, retain));
  }

  /** Over a bound the oldest go: for a client that comes back, the newest matter most. */
  enqueue({ offset, topic, payload }: Message, flags: number): void {
    this.#queue ??= new ReferenceQueue();
    const size = payload.length + topic.length;
    const gone = this.#queue.makeRoom(size, this.#host.isFull);
    for (let i = 0; i < gone; i += 1) this.#host.dropped('queue_full');
    this.#queue.push(offset, size, flags);
    this.#owner.changed();
    if (this.#receiver !== undefined) this.#host.awaitCommit(this);
  }

  /** A message that was routed before a crash and not stored with the session. */
  requeue(message: Message, delivery: Delivery, isShared: boolean): void {
    const qos = message.qos < delivery.qos ? message.qos : delivery.qos;
    if (qos > 0)
      this.enqueue(
        message,
        flagsOf(qos === 2 ? 2 : 1, isShared, message.retain && delivery.retainAsPublished),
      );
  }

  /** A retained message for a new subscription; false when there is no room now. */
  replay(retained: Retained, delivery: Delivery): boolean {
    const receiver = this.#receiver;
    if (receiver === undefined || !this.#isOpen(receiver)) return false;
    const qos = retained.qos < delivery.qos ? retained.qos : delivery.qos;
    const encodings = this.#host.encodings.of(retainedMessage(retained));
    // It says that it is a retained one [MQTT-3.3.1-8].
    const form: Form = { qos, retain: true, ids: delivery.ids, dup: false };
    if (qos === 0) {
      this.#deliverPlain(encodings, form);
      return true;
    }
    this.#flights ??= new Flights();
    const id = this.#flights.newId();
    if (id === 0) return false;
    const isReplay = true;
    this.#flights.set(id, { offset: 0, qos, isShared: false, retain: true, isReleased: false, isReplay });
    (this.#replays ??= new Map()).set(id, retained);
    if (qos === 1 || !this.#owner.isKept) this.#send(encodings, form, id);
    else this.#sendWhenStored(id);
    return true;
  }

  /** PUBACK; an id that is not on its way is left alone. */
  acknowledged(id: number): void {
    if (this.#flights?.qosOf(id) === 1) this.#ended(id);
  }

  /** PUBREC: PUBREL leaves when it is on disk that the message has arrived, or a crash would send it twice. */
  received(id: number, reason: number): void {
    const receiver = this.#receiver;
    if (this.#flights?.qosOf(id) !== 2) {
      receiver?.release(id, REASON.packetIdNotFound);
      return;
    }
    if (reason >= DISCARDED) {
      this.#ended(id);
      return;
    }
    this.#flights.markReleased(id);
    this.#replays?.delete(id);
    this.#owner.changed();
    this.#owner.whenStored(() => {
      if (this.#receiver === receiver) receiver?.release(id, REASON.success);
    });
  }

  /** PUBCOMP. */
  completed(id: number): void {
    if (this.#flights?.isReleased(id) === true) this.#ended(id);
  }

  /** Sends while the client takes more; called whenever it may have become able to, or there may be more. */
  pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#receiver !== undefined && this.#isOpen(this.#receiver) && this.#step(this.#receiver));
    } finally {
      this.#isPumping = false;
    }
  }

  /**
   * Offers shared messages that wait to others; `take` says whether somebody took it. With `all` those on their way,
   * too: the session ends, and what nobody takes is lost with it.
   */
  shareOut(all: boolean, take: (offset: Offset) => boolean): void {
    for (const [id, packed] of all ? [...(this.#flights?.entries() ?? [])] : []) {
      const { qos, isShared, offset } = unpack(packed);
      // QoS 2 that is on its way may have arrived: nobody else may get it [MQTT-4.8.2-5].
      const mayHaveArrived = qos === 2 && this.#unsent?.has(id) !== true;
      if (isShared && !mayHaveArrived && !take(offset)) this.#host.dropped('session_ended');
    }
    const before = this.waiting;
    this.#queue?.filter(({ isShared, offset }) => !isShared || !take(offset));
    if (this.waiting !== before) this.#owner.changed();
  }

  /** Log offsets below `limit` that are still needed. */
  *offsetsBefore(limit: Offset): Generator<Offset> {
    yield* this.#flights?.offsetsBefore(limit) ?? [];
    yield* this.#queue?.offsetsBefore(limit) ?? [];
  }

  /** The session is no more. */
  end(): void {
    this.#receiver = undefined;
    this.#queue = undefined;
    this.#flights = undefined;
    this.#replays = undefined;
    this.#unsent = undefined;
    this.#resend = [];
  }

  /** The log lost these before they were on disk: they never were. */
  forget(from: Offset, through: Offset): void {
    this.#queue?.filter(({ offset }) => offset < from || offset > through);
  }

  #isOpen(receiver: Receiver): boolean {
    return this.#outstanding < receiver.window && receiver.hasRoom;
  }

  #deliverPlain(encodings: Encodings, form: Form): void {
    const outcome = this.#receiver === undefined ? 'offline' : this.#receiver.deliver(encodings, form, 0);
    if (outcome === 'sent') this.#host.delivered(0);
    else this.#host.dropped(outcome);
  }

  /** One step of the pump; false when there is nothing to do now. */
  #step(receiver: Receiver): boolean {
    const again = this.#resend[0];
    if (again !== undefined) {
      // Its id is not on disk yet: all that is behind it waits with it, for the order's sake.
      if (this.#unsent?.has(again) === true) return false;
      if (this.#isUncommitted(again)) {
        this.#host.awaitCommit(this);
        return false;
      }
      this.#resend.shift();
      this.#sendAgain(receiver, again);
      return true;
    }
    const reference = this.#queue?.peek();
    if (reference === undefined) return false;
    if (reference.offset >= this.#host.durable) {
      this.#host.awaitCommit(this);
      return false;
    }
    return this.#sendQueued(reference);
  }

  #sendQueued(reference: Reference): boolean {
    const encodings = this.#encodings(reference.offset);
    if (typeof encodings === 'string') {
      this.#queue?.shift();
      this.#owner.changed();
      this.#host.dropped(encodings);
      return true;
    }
    const { offset, qos, isShared, retain } = reference;
    this.#flights ??= new Flights();
    const id = this.#flights.newId();
    if (id === 0) return false;
    this.#queue?.shift();
    this.#flights.set(id, { offset, qos, isShared, retain, isReleased: false, isReplay: false });
    if (qos === 2 && this.#owner.isKept) {
      this.#sendWhenStored(id);
    } else {
      const ids = this.#owner.idsFor(encodings.message.topic);
      this.#send(encodings, { qos, retain, ids, dup: false }, id);
    }
    return true;
  }

  /** Sent at once on an earlier connection, and not yet where it can be read back from. */
  #isUncommitted(id: number): boolean {
    const flight = this.#flights?.get(id);
    if (flight === undefined || flight.isReplay || flight.isReleased) return false;
    return flight.offset >= this.#host.durable;
  }

  #sendAgain(receiver: Receiver, id: number): void {
    const flight = this.#flights?.get(id);
    if (flight === undefined) return;
    if (flight.isReleased) {
      this.#outstanding += 1;
      // PUBREC may be younger than what is on disk, here as there.
      this.#owner.whenStored(() => {
        if (this.#receiver === receiver) receiver.release(id, REASON.success);
      });
      return;
    }
    this.#sendFlight(id, flight, true);
  }

  /** The id is taken, and counts; the message follows when that is on disk. */
  #sendWhenStored(id: number): void {
    this.#outstanding += 1;
    (this.#unsent ??= new Set()).add(id);
    this.#owner.changed();
    const receiver = this.#receiver;
    this.#owner.whenStored(() => {
      this.#unsent?.delete(id);
      const flight = this.#flights?.get(id);
      if (flight === undefined) return;
      // Its connection has ended meanwhile: a later one counts it anew, and sends it behind what it sends again.
      if (this.#receiver !== receiver) {
        this.pump();
        return;
      }
      this.#outstanding -= 1;
      this.#sendFlight(id, flight, false);
      this.pump();
    });
  }

  #sendFlight(id: number, flight: Flight, dup: boolean): void {
    const { offset, qos, retain, isReplay } = flight;
    const replay = isReplay ? this.#replays?.get(id) : undefined;
    const encodings =
      replay !== undefined
        ? this.#host.encodings.of(retainedMessage(replay))
        : isReplay
          ? 'no_longer_kept'
          : this.#encodings(offset, dup);
    if (typeof encodings === 'string') {
      this.#flights?.delete(id);
      this.#owner.changed();
      this.#host.dropped(encodings);
      return;
    }
    const ids = this.#owner.idsFor(encodings.message.topic);
    this.#send(encodings, { qos, retain, ids, dup }, id);
  }

  #send(encodings: Encodings, form: Form, id: number): void {
    const outcome = this.#receiver?.deliver(encodings, form, id) ?? 'offline';
    this.#owner.changed();
    if (outcome === 'sent') {
      this.#outstanding += 1;
      this.#host.delivered(form.qos);
    } else if (outcome === 'too_large') {
      // As if it had been delivered [MQTT-3.1.2-25].
      this.#flights?.delete(id);
      this.#replays?.delete(id);
      this.#host.dropped(outcome);
    }
  }

  /** What was sent once does not expire any more [MQTT-4.3.2-3, MQTT-4.3.3-7]. */
  #encodings(
    offset: Offset,
    wasSent = false,
  ): Encodings | 'expired' | 'no_longer_kept' | 'no_longer_allowed' {
    const record = this.#host.read(offset);
    if (record === undefined) return 'no_longer_kept';
    const { message, receivedAt } = record;
    const now = this.#host.now();
    const isOver = message.expiresAt !== undefined && secondsLeft(message.expiresAt, now) <= 0;
    if (!wasSent && (isOver || now - receivedAt > MQTT_QUEUE_MAX_AGE_MS)) return 'expired';
    return this.#owner.mayReceive(message.topic) ? this.#host.encodings.of(message) : 'no_longer_allowed';
  }

  #ended(id: number): void {
    this.#flights?.delete(id);
    this.#replays?.delete(id);
    this.#outstanding = Math.max(0, this.#outstanding - 1);
    this.#owner.changed();
    if (this.#resend.length > 0 || this.waiting > 0) this.pump();
  }
}
