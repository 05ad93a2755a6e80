/** JSON Schemas of the answers, and of the query parameters that several routes share. */
import { PAGE_DEFAULT, PAGE_MAX } from '../base/limits.ts';
import type { JsonSchema } from '../communication/http/route-schema.ts';
import { DeviceInput, DevicePatch, TOPIC_PRESETS } from '../model/device.ts';
import { ProfileInput } from '../model/profile.ts';

const text: JsonSchema = { type: 'string' };
const count: JsonSchema = { type: 'integer', minimum: 0 };
const time: JsonSchema = { type: 'integer', description: 'Milliseconds since the epoch' };

export const record = (
  properties: Readonly<Record<string, JsonSchema>>,
  optional: readonly string[] = [],
): JsonSchema => ({
  type: 'object',
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  properties,
});

export const listOf = (items: JsonSchema): JsonSchema => ({ type: 'array', items });

const client: Readonly<Record<string, JsonSchema>> = {
  id: { ...count, description: 'Of its session; never given twice' },
  clientId: text,
  principal: record({ kind: { enum: ['device', 'user'] }, id: text }),
  connected: { type: 'boolean' },
  connection: {
    ...record({
      version: { enum: ['3.1', '3.1.1', '5.0'] },
      listener: text,
      address: text,
      openedAt: time,
      keepAliveS: { ...count, description: '0 = none' },
    }),
    description: 'Absent while there is none',
  },
  createdAt: time,
  disconnectedAt: time,
  expiresAt: { ...time, description: 'When its session ends if it does not come back' },
  sessionExpiryS: {
    ...count,
    description: 'How long its session is kept without a connection; 0 = not at all',
  },
  subscriptionCount: count,
  waiting: { ...count, description: 'Messages that wait for it' },
  waitingBytes: count,
  inFlight: { ...count, description: 'Messages sent to it and not acknowledged' },
  unreleased: { ...count, description: 'QoS 2 messages of its own that are not released' },
  hasWill: { type: 'boolean' },
};
const CLIENT_OPTIONAL = ['connection', 'disconnectedAt', 'expiresAt'];
const subscription = record(
  {
    filter: { type: 'string', description: 'As subscribed, $share included' },
    group: text,
    qos: { enum: [0, 1, 2] },
    noLocal: { type: 'boolean' },
    retainAsPublished: { type: 'boolean' },
    identifier: count,
  },
  ['group', 'identifier'],
);

const ledgerCounts = {
  received: count,
  stored: count,
  forwarded: count,
  quarantined: { ...count, description: 'In the quarantine now' },
  dropped: count,
  reasons: { type: 'object', additionalProperties: count, description: 'Dropped, by reason' },
  pending: { ...count, description: 'In the log and not yet in history' },
  missing: { type: 'integer', description: 'Received and nowhere; 0 where the row adds up' },
} as const;

/** Shared by name in the document: `{ $ref: 'Device#' }`. */
export const SHARED_SCHEMAS = {
  Problem: {
    ...record(
      {
        type: { type: 'string', format: 'uri' },
        title: text,
        status: { type: 'integer' },
        detail: text,
        code: { type: 'string', description: 'Stable: scripts may match on it' },
        cure: { type: 'string', description: 'What to do' },
        instance: { type: 'string', description: 'The number of the request, as in the server log' },
        errors: listOf(
          record({ field: text, message: text, allowed: { type: 'array', items: {} } }, ['allowed']),
        ),
      },
      ['instance', 'errors'],
    ),
    description: 'RFC 9457 problem document',
  },
  Device: record(
    {
      id: text,
      name: text,
      profile: text,
      gateway: { type: 'boolean' },
      parent: text,
      preset: { enum: TOPIC_PRESETS },
      topicBase: text,
      attributes: { type: 'object' },
      createdAt: time,
      updatedAt: time,
      version: { ...count, description: 'Raised by each change; the ETag' },
    },
    ['parent', 'preset', 'topicBase'],
  ),
  Client: record(client, CLIENT_OPTIONAL),
  ClientDetail: record({ ...client, subscriptions: listOf(subscription) }, CLIENT_OPTIONAL),
  Profile: { ...ProfileInput },
  Reading: record(
    {
      metric: text,
      ts: time,
      value: { type: ['number', 'boolean', 'string'] },
      unit: { type: 'string', description: 'UCUM code' },
    },
    ['unit'],
  ),
  QuarantineRow: record({
    offset: { ...count, description: 'Of the packet in the log: its name' },
    device: text,
    origin: { type: 'string', description: 'Who sent it: the device, its gateway, or @user' },
    topic: text,
    receivedAt: time,
    index: { type: 'integer', description: 'Item of the packet; -1 = the packet as a whole' },
    code: text,
    message: text,
    sample: { type: 'string', description: 'How the payload begins' },
    stored: { type: 'boolean', description: 'Other readings of the packet are in history' },
    profile: { type: 'string', description: 'What refused it; empty where the device was not known' },
    profileVersion: count,
    bytes: { ...count, description: 'Of the payload' },
    replayable: { type: 'boolean', description: 'The payload is kept' },
  }),
  QuarantineOutcome: record(
    {
      tried: count,
      stored: { ...count, description: 'Packets of which nothing is refused any more' },
      forwarded: { ...count, description: 'Packets that carry no readings, by today’s rules' },
      partly: { ...count, description: 'Packets of which more is stored, and some is still refused' },
      left: { ...count, description: 'Packets refused again' },
      dropped: count,
      readings: { ...count, description: 'New in history' },
      codes: { type: 'object', additionalProperties: count, description: 'Why packets stay' },
      next: { ...count, description: 'For the next step; absent = that was the last' },
    },
    ['next'],
  ),
  LedgerRow: record({
    sender: {
      type: 'string',
      description: 'Who sent: a device, a gateway (for its children, too), @user, (others)',
    },
    hour: { ...time, description: 'Start of the hour of receipt' },
    ...ledgerCounts,
  }),
  LedgerTotal: record(ledgerCounts),
  Health: record({
    status: { enum: ['up', 'degraded', 'down'] },
    managers: {
      type: 'object',
      additionalProperties: record({ status: { enum: ['up', 'degraded', 'down'] }, reasons: listOf(text) }),
    },
  }),
} as const satisfies Record<string, JsonSchema>;

export const ref = (name: keyof typeof SHARED_SCHEMAS): JsonSchema => ({ $ref: `${name}#` });

export const TOKEN_ANSWER = record({ token: text, expiresAt: time });
export const DEVICE_INPUT: JsonSchema = { ...DeviceInput };
export const DEVICE_PATCH: JsonSchema = { ...DevicePatch };
export const PROFILE_INPUT: JsonSchema = { ...ProfileInput };

export const pageSize = (max = PAGE_MAX): JsonSchema => ({
  type: 'integer',
  minimum: 1,
  maximum: max,
  description: `Default ${PAGE_DEFAULT}`,
});

export const shortText = (description: string): JsonSchema => ({
  type: 'string',
  maxLength: 256,
  description,
});
