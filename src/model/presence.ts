/**
 * Presence: whether a device is there, and why we think so. Owns the words; the rules are in `devices/presence`.
 */
import type { XStatic } from 'typebox/schema';

/**
 * `connected`: has a connection, has said nothing on it. `reporting`: its data comes. `sleeping`: away, as it declared.
 * `overdue`: should have been heard of by now. `blocked`: its credentials were revoked.
 */
export const PRESENCE_STATES = [
  'unknown',
  'connecting',
  'connected',
  'reporting',
  'sleeping',
  'overdue',
  'disconnected',
  'blocked',
] as const;
export type PresenceState = (typeof PRESENCE_STATES)[number];

/** Why a connection ended. */
export type DisconnectReason =
  | 'clean'
  | 'keep-alive'
  | 'taken-over'
  | 'protocol-error'
  | 'network'
  | 'kicked'
  | 'shutdown';

/** `not-back`: was connected before a restart, and has not come back. */
export type AbsenceReason = DisconnectReason | 'not-back';

export type PresenceReason =
  | AbsenceReason
  | 'never-seen'
  | 'handshake'
  | 'link'
  | 'data'
  | 'declared'
  | 'silent'
  /** The gateway it hangs on is not there. */
  | 'gateway'
  | 'revoked';

/** Times are milliseconds since the epoch, for people: nothing is decided by them. */
export interface Presence {
  readonly state: PresenceState;
  readonly reason: PresenceReason;
  readonly since?: number | undefined;
  /** False for a while after a start: as it was before, and not heard of since. */
  readonly confirmed: boolean;
  readonly connections: number;
  /** Of the last connection. */
  readonly transport?: string | undefined;
  readonly address?: string | undefined;
  readonly connectedAt?: number | undefined;
  readonly disconnectedAt?: number | undefined;
  readonly lastDataAt?: number | undefined;
  /** How often it said it would be heard of; absent = it said nothing. */
  readonly everyMs?: number | undefined;
  /** It is away between. */
  readonly sleeps: boolean;
  /** Transitions not told as events, because it flaps. */
  readonly held: number;
}

/** What a profile declares; a device says otherwise in its attribute `presence`. */
export const PresenceSchema = {
  type: 'object',
  required: ['every'],
  properties: {
    every: {
      type: 'string',
      pattern: '^[0-9]{1,15}(ms|s|m|h|d|w)$',
      description: 'Is heard of at least so often: "10s", "15m". Late by half of it, and it is overdue',
    },
    sleeps: { type: 'boolean', description: 'Has no connection between; default false' },
  },
  additionalProperties: false,
} as const;
export type PresenceSchema = XStatic<typeof PresenceSchema>;
