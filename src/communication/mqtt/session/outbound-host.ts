/** What the outbound half of a session needs around it. */
import type { Offset } from '../../../model/packet.ts';
import type { Encodings } from '../broker/encodings.ts';
import type { Message } from '../broker/message.ts';
import type { Retained } from '../broker/retained.ts';

export type DropReason =
  | 'slow_subscriber'
  | 'too_large'
  | 'offline'
  | 'queue_full'
  | 'expired'
  | 'session_ended'
  | 'no_longer_kept'
  | 'no_longer_allowed';

/** Goes on with what it has when asked. */
export interface Pump {
  pump(): void;
}

/** What the outbound half asks of the broker and of its session. */
export interface OutboundHost {
  readonly encodings: Encodings;
  now(): number;
  /** First offset that is not on disk yet. */
  readonly durable: Offset;
  /** All queues together are at their bound. */
  readonly isFull: boolean;
  /** A committed message that is still kept, and when it was received. */
  read(offset: Offset): { readonly message: Message; readonly receivedAt: number } | undefined;
  retained(topic: string): Retained | undefined;
  delivered(qos: 0 | 1 | 2): void;
  dropped(reason: DropReason): void;
  /** `pump` is to be called when the log has committed more. */
  awaitCommit(waiting: Pump): void;
}

export interface Owner {
  /** Its state outlives the connection, and the process. */
  readonly isKept: boolean;
  mayReceive(topic: string): boolean;
  /** State changed; kept sessions are stored soon. */
  changed(): void;
  /** Calls back when the state as it is now is on disk; at once for a session that is not kept. */
  whenStored(then: () => void): void;
  /** Identifiers of the subscriptions that match. */
  idsFor(topic: string): readonly number[] | undefined;
}
