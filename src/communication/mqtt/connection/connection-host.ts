/** What a connection needs of the server around it, and what it tells it. */

import type { Principal, SecurityFacade } from '../../../model/ports/security.ts';
import type { DisconnectReason } from '../../../model/presence.ts';
import type { ConnectPacket } from '../codec/connect.ts';
import type { Fault } from '../codec/reason.ts';
import type { Session } from '../session/session.ts';
import type { ListenerName } from '../transport/link.ts';
import type { WriteTurn } from './outbox.ts';
import type { MessageSink } from './publisher.ts';
import type { SubscriptionHost } from './subscriber.ts';

/** A session that a connection may have. */
export interface Admission {
  readonly session: Session;
  readonly isPresent: boolean;
  /** CONNACK waits for the disk. */
  readonly mustBeStored: boolean;
}

/** How a connection ended, as its session needs to know. */
export interface Ending {
  readonly reason: DisconnectReason;
  readonly sendsWill: boolean;
  /** As DISCONNECT changed it. */
  readonly expiryS: number | undefined;
}

/** A connection as the server knows it. */
interface Client {
  readonly address: string;
  readonly listener: ListenerName;
  /** When its CONNECT came, among all. */
  readonly connectOrder: number;
}

export interface ConnectionHost extends SubscriptionHost {
  readonly security: Pick<SecurityFacade, 'connect' | 'exchange'>;
  readonly sink: MessageSink;
  readonly turn: WriteTurn;
  /** Decides at once, and makes room: the later of two CONNECTs has the session, whichever is known first. */
  admit(connection: Client, packet: ConnectPacket, principal: Principal): Admission | Fault;
  /** Calls back when the sessions are on disk as they are now. */
  whenStored(then: () => void): void;
  /** The client is in: told before its first packet is read. */
  opened(connection: Client, session: Session): void;
  /** The protocol has ended. */
  closed(connection: Client, session: Session | undefined, ending: Ending): void;
  /** The link has ended. */
  gone(connection: Client): void;
  /** Packets handled. */
  count(packets: number): void;
  /** A packet that was refused, or ended the connection. */
  faulty(fault: Fault): void;
  nextOrder(): number;
  now(): number;
  monotonic(): number;
}
