/** JSON Schemas of the answers, and of the query parameters that several routes share. */
import { PAGE_DEFAULT, PAGE_MAX } from '../base/limits.ts';
import type { JsonSchema } from '../communication/http/route-schema.ts';
import { COMMAND_STATES, DELIVERIES, EXPIRY_REASONS } from '../model/commands.ts';
import { DeviceInput, DevicePatch, TOPIC_PRESETS } from '../model/device.ts';
import { GroupInput } from '../model/device-group.ts';
import { DEVICE_CHANGES } from '../model/device-history.ts';
import { PRESENCE_STATES } from '../model/presence.ts';
import { ProfileInput } from '../model/profile.ts';
import { TWIN_PARTS } from '../model/twin.ts';

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

const presenceBrief: Readonly<Record<string, JsonSchema>> = {
  state: { enum: PRESENCE_STATES },
  reason: { type: 'string', description: 'link, data, declared, silent, gateway, why a connection ended …' },
  since: { ...time, description: 'Absent: never heard of' },
  confirmed: { type: 'boolean', description: 'False: as before a restart, and not heard of since' },
};
const presenceDetail: Readonly<Record<string, JsonSchema>> = {
  connections: count,
  transport: { type: 'string', description: 'Of the last connection' },
  address: text,
  connectedAt: time,
  disconnectedAt: time,
  lastDataAt: time,
  everyMs: { ...count, description: 'How often it declared to be heard of' },
  sleeps: { type: 'boolean', description: 'Has no connection between' },
  held: { ...count, description: 'Transitions not told as events, because it flaps' },
};
const PRESENCE_OPTIONAL = [
  'since',
  'transport',
  'address',
  'connectedAt',
  'disconnectedAt',
  'lastDataAt',
  'everyMs',
];
const twinDocument = record({
  version: { ...count, description: 'Raised by each change; 0 = nothing was ever said' },
  properties: { type: 'object' },
  metadata: {
    type: 'object',
    description: 'By JSON pointer of each value: since when, and by whom',
    additionalProperties: record({ at: time, by: text }),
  },
});

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
      tags: { ...listOf(text), description: 'Absent = none' },
      groups: { ...listOf(text), description: 'Absent = none' },
      identifiers: {
        type: 'object',
        additionalProperties: text,
        description: 'Scheme to value; absent = none',
      },
      attributes: { type: 'object' },
      createdAt: time,
      updatedAt: time,
      version: { ...count, description: 'Raised by each change; the ETag' },
    },
    ['parent', 'preset', 'topicBase', 'tags', 'groups', 'identifiers'],
  ),
  DeviceChange: record({
    at: time,
    by: { type: 'string', description: 'user:NAME, device:ID, or the gateway that brought a child' },
    kind: { enum: DEVICE_CHANGES },
    version: { ...count, description: 'Of the device after it; of a removed one the last' },
    changes: {
      type: 'object',
      additionalProperties: record({ from: {}, to: {} }, ['from', 'to']),
      description: 'By field; attributes as attributes.NAME; long values are text that is cut',
    },
  }),
  Group: record(
    {
      id: text,
      name: text,
      description: text,
      createdAt: time,
      updatedAt: time,
      devices: { ...count, description: 'In it' },
    },
    ['description'],
  ),
  Command: record(
    {
      id: { type: 'string', description: 'The request of its topics' },
      device: text,
      name: text,
      arguments: { type: 'object' },
      by: text,
      state: { enum: COMMAND_STATES },
      reason: { enum: EXPIRY_REASONS, description: 'Why it expired' },
      delivery: { enum: DELIVERIES },
      timeoutMs: count,
      expiryMs: count,
      retries: count,
      attempts: { ...count, description: 'Times it was sent' },
      createdAt: time,
      sentAt: time,
      endedAt: time,
      progress: record({ at: time, percent: { type: 'number' }, message: text }, ['percent', 'message']),
      result: { description: 'What the device answered' },
      error: record({ code: text, message: text }, ['code']),
    },
    ['reason', 'sentAt', 'endedAt', 'progress', 'result', 'error'],
  ),
  ListedDevice: {
    allOf: [{ $ref: 'Device#' }, record({ presence: record(presenceBrief, ['since']) })],
    description: 'A device, and whether it is there',
  },
  Presence: record({ device: text, ...presenceBrief, ...presenceDetail }, PRESENCE_OPTIONAL),
  Twin: record(
    {
      device: text,
      desired: twinDocument,
      reported: twinDocument,
      delta: { type: 'object', description: 'Of desired what is not reported; absent = all is done' },
    },
    ['delta'],
  ),
  TwinChange: record(
    {
      part: { enum: TWIN_PARTS },
      version: count,
      at: time,
      by: text,
      patch: { type: 'object', description: 'Absent: longer than the history keeps' },
    },
    ['patch'],
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
export const GROUP_INPUT: JsonSchema = { ...GroupInput };
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
