import type { XStatic } from 'typebox/schema';
import type { ProfileId } from './ids.ts';

/** One metric of a profile: a JSON Schema of the value, with the unit (UCUM) beside it. */
export const MetricSchema = {
  type: 'object',
  required: ['type'],
  properties: {
    type: { enum: ['number', 'integer', 'boolean', 'string'] },
    title: { type: 'string', maxLength: 256 },
    description: { type: 'string', maxLength: 2_000 },
    unit: { type: 'string', maxLength: 64, description: 'UCUM code: Cel, %, Pa, V, A, W, kW.h …' },
    minimum: { type: 'number' },
    maximum: { type: 'number' },
    enum: { type: 'array', items: { type: ['number', 'string', 'boolean'] }, maxItems: 256 },
    maxLength: { type: 'integer', minimum: 1, maximum: 4_096 },
    scale: {
      type: 'number',
      description: 'Stored value = sent value × scale + offset; range and unit are those of the stored value',
    },
    offset: { type: 'number' },
    rename: { type: 'string', minLength: 1, maxLength: 128, description: 'Stored under this metric name' },
    maxRatePerSecond: {
      type: 'number',
      exclusiveMinimum: 0,
      description: 'Largest plausible change per second; faster ones are stored and reported as a finding',
    },
  },
  additionalProperties: false,
} as const;
export type MetricSchema = XStatic<typeof MetricSchema>;

/** A versioned device model. `metrics` is the `properties` of a JSON Schema object. */
export const ProfileInput = {
  type: 'object',
  required: ['id', 'version', 'metrics'],
  properties: {
    id: { type: 'string', minLength: 1, maxLength: 128, pattern: '^[A-Za-z0-9][A-Za-z0-9._:-]*$' },
    version: { type: 'integer', minimum: 1 },
    title: { type: 'string', maxLength: 256 },
    metrics: {
      type: 'object',
      propertyNames: { type: 'string', minLength: 1, maxLength: 128 },
      additionalProperties: MetricSchema,
    },
    additionalMetrics: { type: 'boolean', description: 'Accept metrics that are not listed; default true' },
  },
  additionalProperties: false,
} as const;
export type ProfileInput = XStatic<typeof ProfileInput>;

export interface Profile extends ProfileInput {
  readonly id: ProfileInput['id'] & ProfileId;
}

/** What a device has that was given none: any metric, no ranges. */
export const OPEN_PROFILE: Profile = {
  id: 'open' as Profile['id'],
  version: 1,
  title: 'Open: any metric',
  metrics: {},
  additionalMetrics: true,
};
