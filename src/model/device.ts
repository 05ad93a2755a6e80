import type { XStatic } from 'typebox/schema';
import { DEVICE_GROUPS_MAX, DEVICE_IDENTIFIERS_MAX, DEVICE_TAGS_MAX, TAG_MAX_CHARS } from '../base/limits.ts';
import type { DeviceId, ProfileId } from './ids.ts';

/** Foreign topic layouts that the pipeline can read. */
export const TOPIC_PRESETS = ['zigbee2mqtt', 'tasmota', 'shelly', 'homeassistant'] as const;
export type TopicPreset = (typeof TOPIC_PRESETS)[number];

// Plain JSON Schema: one source for types, checks and OpenAPI that costs the start nothing (typebox compiles it later).
const text = (maxLength: number, description: string) =>
  ({ type: 'string', maxLength, description }) as const;

const changeable = {
  name: text(256, 'For people'),
  profile: text(128, 'Profile id; default "open"'),
  gateway: { type: 'boolean', description: 'Speaks for children' },
  topicBase: text(256, 'Topic prefix of the preset, where it is not the default'),
  tags: {
    type: 'array',
    items: { type: 'string', minLength: 1, maxLength: TAG_MAX_CHARS },
    maxItems: DEVICE_TAGS_MAX,
    description: 'Free labels: letters, digits, . _ : / = -',
  },
  groups: {
    type: 'array',
    items: { type: 'string', minLength: 1, maxLength: 128 },
    maxItems: DEVICE_GROUPS_MAX,
    description: 'Ids of groups that exist',
  },
  identifiers: {
    type: 'object',
    additionalProperties: { type: 'string', minLength: 1, maxLength: 128 },
    maxProperties: DEVICE_IDENTIFIERS_MAX,
    description:
      'What the thing itself is known by, one device each: {"mac":"aa:bb:cc:dd:ee:ff","serial":"7"}',
  },
  attributes: { type: 'object', additionalProperties: {}, description: 'Whatever is worth knowing' },
} as const;
const preset = 'Foreign topics this device speaks';
const parent = 'Gateway this device hangs on';

export const DeviceInput = {
  type: 'object',
  required: ['id'],
  properties: {
    id: { type: 'string', minLength: 1, maxLength: 128, description: 'Letters, digits, . _ : -' },
    ...changeable,
    preset: { enum: TOPIC_PRESETS, description: preset },
    parent: text(128, parent),
  },
  additionalProperties: false,
} as const;
export type DeviceInput = XStatic<typeof DeviceInput>;

export const DevicePatch = {
  type: 'object',
  properties: {
    ...changeable,
    preset: { enum: [...TOPIC_PRESETS, null], description: `${preset}; null = none any more` },
    parent: { type: ['string', 'null'], maxLength: 128, description: `${parent}; null = none any more` },
  },
  additionalProperties: false,
} as const;
export type DevicePatch = XStatic<typeof DevicePatch>;

export interface Device {
  readonly id: DeviceId;
  readonly name: string;
  readonly profile: ProfileId;
  readonly gateway: boolean;
  readonly parent?: DeviceId | undefined;
  readonly preset?: TopicPreset | undefined;
  readonly topicBase?: string | undefined;
  /** In order, each once; absent = none. */
  readonly tags?: readonly string[] | undefined;
  readonly groups?: readonly string[] | undefined;
  /** Scheme to value, normalized; no two devices have the same. */
  readonly identifiers?: Readonly<Record<string, string>> | undefined;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Raised by each change; the ETag of the API. */
  readonly version: number;
}
