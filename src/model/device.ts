import type { XStatic } from 'typebox/schema';
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
  preset: { enum: TOPIC_PRESETS, description: 'Foreign topics this device speaks' },
  topicBase: text(256, 'Topic prefix of the preset, where it is not the default'),
  attributes: { type: 'object', additionalProperties: {}, description: 'Whatever is worth knowing' },
} as const;

export const DeviceInput = {
  type: 'object',
  required: ['id'],
  properties: {
    id: { type: 'string', minLength: 1, maxLength: 128, description: 'Letters, digits, . _ : -' },
    ...changeable,
    gateway: { type: 'boolean', description: 'Speaks for children' },
    parent: text(128, 'Gateway this device hangs on'),
  },
  additionalProperties: false,
} as const;
export type DeviceInput = XStatic<typeof DeviceInput>;

export const DevicePatch = {
  type: 'object',
  properties: changeable,
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
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Raised by each change; the ETag of the API. */
  readonly version: number;
}
