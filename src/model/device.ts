import { type Static, Type } from 'typebox';
import type { DeviceId, ProfileId } from './ids.ts';

/** Foreign topic layouts that the pipeline can read. */
export const TOPIC_PRESETS = ['zigbee2mqtt', 'tasmota', 'shelly', 'homeassistant'] as const;
export type TopicPreset = (typeof TOPIC_PRESETS)[number];

export const DeviceInput = Type.Object(
  {
    id: Type.String({ minLength: 1, maxLength: 128, description: 'Letters, digits, . _ : -' }),
    name: Type.Optional(Type.String({ maxLength: 256 })),
    profile: Type.Optional(Type.String({ maxLength: 128, description: 'Profile id; default "open"' })),
    gateway: Type.Optional(Type.Boolean({ description: 'Speaks for children' })),
    parent: Type.Optional(Type.String({ maxLength: 128, description: 'Gateway this device hangs on' })),
    preset: Type.Optional(Type.Enum(TOPIC_PRESETS)),
    topicBase: Type.Optional(
      Type.String({ maxLength: 256, description: 'Topic prefix of the preset, where it is not the default' }),
    ),
    attributes: Type.Optional(Type.Record(Type.String({ maxLength: 128 }), Type.Unknown())),
  },
  { additionalProperties: false },
);
export type DeviceInput = Static<typeof DeviceInput>;

export const DevicePatch = Type.Object(
  {
    name: Type.Optional(Type.String({ maxLength: 256 })),
    profile: Type.Optional(Type.String({ maxLength: 128 })),
    preset: Type.Optional(Type.Enum(TOPIC_PRESETS)),
    topicBase: Type.Optional(Type.String({ maxLength: 256 })),
    attributes: Type.Optional(Type.Record(Type.String({ maxLength: 128 }), Type.Unknown())),
  },
  { additionalProperties: false },
);
export type DevicePatch = Static<typeof DevicePatch>;

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
