import type { XStatic } from 'typebox/schema';

/** A group of devices: for people, for searches, for whatever is done to many at once. */
export const GroupInput = {
  type: 'object',
  required: ['id'],
  properties: {
    id: { type: 'string', minLength: 1, maxLength: 128, description: 'Letters, digits, . _ : -' },
    name: { type: 'string', maxLength: 256, description: 'For people' },
    description: { type: 'string', maxLength: 2_000 },
  },
  additionalProperties: false,
} as const;
export type GroupInput = XStatic<typeof GroupInput>;

export interface DeviceGroup {
  readonly id: string;
  readonly name: string;
  readonly description?: string | undefined;
  readonly createdAt: number;
  readonly updatedAt: number;
}
