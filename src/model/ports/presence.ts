/** How presence is told what happens, and how others ask for it. */

import type { DeviceId } from '../ids.ts';
import type { DisconnectReason, Presence, PresenceState } from '../presence.ts';

export interface DeviceConnection {
  readonly device: DeviceId;
  readonly transport: string;
  readonly address: string;
}

/**
 * Told by listeners of every connection of a device, in the turn it happens and in the order it happens. After
 * `connecting` comes either `connected` and then `disconnected`, or `disconnected` alone with `wasConnected` false.
 */
export interface ConnectionWatch {
  /** Its credentials are right; the session is being made ready. */
  connecting(connection: DeviceConnection): void;
  connected(connection: DeviceConnection): void;
  disconnected(connection: DeviceConnection, reason: DisconnectReason, wasConnected: boolean): void;
}

/** Where nobody watches. */
export const unwatched: ConnectionWatch = {
  connecting: () => undefined,
  connected: () => undefined,
  disconnected: () => undefined,
};

/** What presence is told beside connections. Never waits, never throws. */
export interface PresenceWatch extends ConnectionWatch {
  /** Readings of it have been stored. */
  received(device: string): void;
  /** All its credentials have ended. */
  revoked(device: string): void;
}

/** For rooms that act on connections: events are held back when a device flaps, and after a restart. */
export interface DeviceLinks {
  /**
   * Told of each first connection of a device, and when it loses its last, in the turn it happens. What is published to a
   * connected device reaches it if it has subscribed, on this connection or in a session it comes back to.
   */
  onLink(listener: (device: DeviceId, isConnected: boolean) => void): () => void;
}

export interface PresenceBook {
  /** Of a device that is registered; what was never heard of is `unknown`. */
  get(device: string): Presence;
  /** How many devices are in a state; those never heard of are not counted. */
  count(state: PresenceState): number;
}
