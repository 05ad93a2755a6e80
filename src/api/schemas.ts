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
