import { type Static, Type } from 'typebox';
import type { ProfileId } from './ids.ts';

/** One metric of a profile: a JSON Schema of the value, with the unit (UCUM) beside it. */
export const MetricSchema = Type.Object(
  {
    type: Type.Union([
      Type.Literal('number'),
      Type.Literal('integer'),
      Type.Literal('boolean'),
      Type.Literal('string'),
    ]),
    title: Type.Optional(Type.String({ maxLength: 256 })),
    description: Type.Optional(Type.String({ maxLength: 2_000 })),
    unit: Type.Optional(
      Type.String({ maxLength: 64, description: 'UCUM code: Cel, %, Pa, V, A, W, kW.h …' }),
    ),
    minimum: Type.Optional(Type.Number()),
    maximum: Type.Optional(Type.Number()),
    enum: Type.Optional(
      Type.Array(Type.Union([Type.Number(), Type.String(), Type.Boolean()]), { maxItems: 256 }),
    ),
    maxLength: Type.Optional(Type.Integer({ minimum: 1, maximum: 4_096 })),
    /** Transform: stored value = sent value × scale + offset; range and unit are those of the stored value. */
    scale: Type.Optional(Type.Number()),
    offset: Type.Optional(Type.Number()),
    /** Transform: stored under this metric name. */
    rename: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
    /** Analyze: largest plausible change per second; faster ones raise a finding, they are stored all the same. */
    maxRatePerSecond: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
  },
  { additionalProperties: false },
);
export type MetricSchema = Static<typeof MetricSchema>;

/** A versioned device model. `metrics` is the `properties` of a JSON Schema object. */
export const ProfileInput = Type.Object(
  {
    id: Type.String({ minLength: 1, maxLength: 128, pattern: '^[A-Za-z0-9][A-Za-z0-9._:-]*$' }),
    version: Type.Integer({ minimum: 1 }),
    title: Type.Optional(Type.String({ maxLength: 256 })),
    metrics: Type.Record(Type.String({ minLength: 1, maxLength: 128 }), MetricSchema),
    additionalMetrics: Type.Optional(
      Type.Boolean({ description: 'Accept metrics that are not listed; default true' }),
    ),
  },
  { additionalProperties: false },
);
export type ProfileInput = Static<typeof ProfileInput>;

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
