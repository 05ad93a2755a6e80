import type { XStatic } from 'typebox/schema';
import { PROFILE_COMMANDS_MAX, WINDOWS_PER_PROFILE_MAX } from '../base/limits.ts';
import { AnalysisSchema } from './analysis.ts';
import { CommandSchema } from './commands.ts';
import type { ProfileId } from './ids.ts';
import { PresenceSchema } from './presence.ts';
import { RetentionSchema } from './retention.ts';
import { WindowSchema } from './windows.ts';

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
      description: 'Short for analysis.rate.perSecond',
    },
    expression: {
      type: 'string',
      minLength: 1,
      maxLength: 1_000,
      description:
        'CEL, in the place of scale and offset: stored value from `value`, `ts`, `metric`, `device`',
    },
    sent: {
      enum: ['number', 'boolean', 'string'],
      description: 'Type of the value as sent, where an expression makes another of it; default: `type`',
    },
    analysis: AnalysisSchema,
    retention: RetentionSchema,
  },
  additionalProperties: false,
} as const;
export type MetricSchema = XStatic<typeof MetricSchema>;

/** A metric that no device sends: computed from metrics of the same packet and time. */
export const DerivedSchema = {
  type: 'object',
  required: ['expression'],
  properties: {
    type: { enum: ['number', 'integer', 'boolean'], description: 'Default number' },
    title: MetricSchema.properties.title,
    description: MetricSchema.properties.description,
    unit: MetricSchema.properties.unit,
    minimum: MetricSchema.properties.minimum,
    maximum: MetricSchema.properties.maximum,
    expression: {
      type: 'string',
      minLength: 1,
      maxLength: 1_000,
      description: 'CEL of stored values by metric name, of `ts` and `device`',
    },
    inputs: {
      type: 'object',
      description: 'Variables for metrics whose names are none in CEL: {"t": "outdoor temp"}',
      propertyNames: { type: 'string', pattern: '^[A-Za-z_][A-Za-z0-9_]{0,63}$' },
      additionalProperties: { type: 'string', maxLength: 128 },
      maxProperties: 32,
    },
    analysis: AnalysisSchema,
    retention: RetentionSchema,
  },
  additionalProperties: false,
} as const;
export type DerivedSchema = XStatic<typeof DerivedSchema>;

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
    derived: {
      type: 'object',
      description:
        'Computed metrics: {"dew_point": {"expression": "temperature - (100.0 - humidity) / 5.0"}}',
      propertyNames: { type: 'string', minLength: 1, maxLength: 128 },
      additionalProperties: DerivedSchema,
    },
    windows: {
      type: 'object',
      description:
        'Windows kept of its metrics: {"10min": {"kind": "hopping", "size": "10m", "advance": "1m", "quantiles": [0.5, 0.95]}}',
      propertyNames: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' },
      additionalProperties: WindowSchema,
      maxProperties: WINDOWS_PER_PROFILE_MAX,
    },
    commands: {
      type: 'object',
      description: 'What its devices can be told: {"reboot": {"timeout": "30s"}}; absent = anything',
      propertyNames: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' },
      additionalProperties: CommandSchema,
      maxProperties: PROFILE_COMMANDS_MAX,
    },
    retention: RetentionSchema,
    presence: PresenceSchema,
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
