import type { XStatic } from 'typebox/schema';
import {
  COMMAND_EXPIRY_DEFAULT_MS,
  COMMAND_RETRIES_DEFAULT,
  COMMAND_RETRIES_MAX,
  COMMAND_TIMEOUT_DEFAULT_MS,
} from '../base/limits.ts';
import { parseDuration } from '../base/time-units.ts';
import type { DeviceId } from './ids.ts';

/** Commands: what a profile says of them, and what becomes of one that is sent. */

export const DELIVERIES = ['at-most-once', 'at-least-once'] as const;
export type Delivery = (typeof DELIVERIES)[number];

const duration = { type: 'string', pattern: '^[0-9]{1,15}(ms|s|m|h|d|w)$', maxLength: 20 } as const;

/** How a command is sent; of a request what differs from the profile, of a profile what differs from the defaults. */
export const commandTerms = {
  delivery: {
    enum: DELIVERIES,
    description: 'at-least-once (default): sent again until answered; at-most-once: never sent again',
  },
  timeout: {
    ...duration,
    description: `A reply may take so long, each time it is sent; default ${COMMAND_TIMEOUT_DEFAULT_MS / 1_000}s`,
  },
  expiry: {
    ...duration,
    description: `Not sent later than this after it was asked for; default ${COMMAND_EXPIRY_DEFAULT_MS / 1_000}s`,
  },
  retries: {
    type: 'integer',
    minimum: 0,
    maximum: COMMAND_RETRIES_MAX,
    description: `Sent again so many times; default ${COMMAND_RETRIES_DEFAULT}, at-most-once none`,
  },
} as const;

export const CommandSchema = {
  type: 'object',
  properties: {
    title: { type: 'string', maxLength: 256 },
    description: { type: 'string', maxLength: 2_000 },
    arguments: {
      type: 'object',
      additionalProperties: {},
      description: 'JSON Schema of the arguments, an object; any when absent',
    },
    reply: {
      type: 'object',
      additionalProperties: {},
      description: 'JSON Schema of the result; any when absent',
    },
    ...commandTerms,
  },
  additionalProperties: false,
} as const;
export type CommandSchema = XStatic<typeof CommandSchema>;

export const CommandTerms = {
  type: 'object',
  properties: commandTerms,
  additionalProperties: false,
} as const;
export type CommandTerms = XStatic<typeof CommandTerms>;

export interface Terms {
  readonly delivery: Delivery;
  readonly timeoutMs: number;
  readonly expiryMs: number;
  readonly retries: number;
}

const msOr = (text: string | undefined, absent: number): number => parseDuration(text ?? '') ?? absent;

/** The first that says something, else the default. */
export function resolveTerms(asked: CommandTerms, profile: CommandTerms): Terms {
  const delivery = asked.delivery ?? profile.delivery ?? 'at-least-once';
  const retries = asked.retries ?? profile.retries ?? COMMAND_RETRIES_DEFAULT;
  return {
    delivery,
    timeoutMs: msOr(asked.timeout ?? profile.timeout, COMMAND_TIMEOUT_DEFAULT_MS),
    expiryMs: msOr(asked.expiry ?? profile.expiry, COMMAND_EXPIRY_DEFAULT_MS),
    retries: delivery === 'at-most-once' ? 0 : retries,
  };
}

/**
 * queued: waits for its device · sent: waits for the reply · answered, failed: the device said so · expired: no reply
 * came, or it was not sent at all (`reason`).
 */
export const COMMAND_STATES = ['queued', 'sent', 'answered', 'failed', 'expired'] as const;
type CommandState = (typeof COMMAND_STATES)[number];

/** timeout: no reply · offline: the device did not come in time · cancelled · removed: the device is gone. */
export const EXPIRY_REASONS = ['timeout', 'offline', 'cancelled', 'removed'] as const;
export type ExpiryReason = (typeof EXPIRY_REASONS)[number];

interface CommandProgress {
  readonly at: number;
  /** 0 to 100. */
  readonly percent?: number | undefined;
  readonly message?: string | undefined;
}

/** Times are milliseconds since the epoch. */
export interface Command extends Terms {
  /** The request of its topics; later ones are greater. */
  readonly id: string;
  readonly device: DeviceId;
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly by: string;
  readonly state: CommandState;
  readonly reason?: ExpiryReason | undefined;
  /** Times it was sent. */
  readonly attempts: number;
  readonly createdAt: number;
  readonly sentAt?: number | undefined;
  readonly endedAt?: number | undefined;
  readonly progress?: CommandProgress | undefined;
  readonly result?: unknown;
  /** What the device said was wrong, or what is wrong with its reply. */
  readonly error?: { readonly code?: string | undefined; readonly message: string } | undefined;
}

export const isOpen = ({ state }: Pick<Command, 'state'>): boolean => state === 'queued' || state === 'sent';
