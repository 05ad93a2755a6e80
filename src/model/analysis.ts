import type { XStatic } from 'typebox/schema';

/**
 * What a profile may ask to be noticed about a metric, and the finding that is told of it. A finding is neither a
 * refused reading (it is stored) nor an alarm (nobody made a rule): it begins once and ends once.
 */

export const DETECTORS = ['range', 'rate', 'stuck', 'zscore', 'ewma', 'missing'] as const;
export type Detector = (typeof DETECTORS)[number];

const DURATION = { type: 'string', pattern: '^[0-9]{1,15}(ms|s|m|h|d|w)$', maxLength: 20 } as const;

/** The same for every detector: a finding begins, and ends, when enough readings in a row and enough time say so. */
const CLEAR = {
  clearAfter: {
    type: 'integer',
    minimum: 1,
    maximum: 10_000,
    description: 'Good readings in a row that end it; default 1',
  },
  clearFor: { ...DURATION, description: 'And how long these must have been good: "5m"; default 0' },
} as const;
const HYSTERESIS = {
  raiseAfter: {
    type: 'integer',
    minimum: 1,
    maximum: 10_000,
    description: 'Bad readings in a row that begin it; default 1',
  },
  raiseFor: { ...DURATION, description: 'And how long these must have been bad: "30s"; default 0' },
  ...CLEAR,
} as const;
const margin = (unit: string) =>
  ({
    type: 'number',
    minimum: 0,
    description: `Good again only this far inside, in ${unit}; default 0`,
  }) as const;

/** All of the stored value, in its unit. */
export const AnalysisSchema = {
  type: 'object',
  properties: {
    range: {
      type: 'object',
      description: 'Warn limits; unlike minimum and maximum they refuse nothing',
      properties: {
        low: { type: 'number' },
        high: { type: 'number' },
        margin: margin('units of the metric'),
        ...HYSTERESIS,
      },
      additionalProperties: false,
    },
    rate: {
      type: 'object',
      description: 'Rate of change between two readings, either way',
      required: ['perSecond'],
      properties: {
        perSecond: { type: 'number', exclusiveMinimum: 0 },
        margin: margin('units per second'),
        ...HYSTERESIS,
      },
      additionalProperties: false,
    },
    stuck: {
      type: 'object',
      description:
        'A value that does not change for a time, for a number of readings, or whichever comes first',
      properties: {
        for: { ...DURATION, description: 'Unchanged for so long: "6h"' },
        readings: {
          type: 'integer',
          minimum: 2,
          maximum: 1_000_000,
          description: 'So many readings the same',
        },
        tolerance: { type: 'number', minimum: 0, description: 'Changes up to this are none; default 0' },
        ...CLEAR,
      },
      additionalProperties: false,
    },
    zscore: {
      type: 'object',
      description: 'Distance from the mean of the last readings, in their standard deviations',
      properties: {
        window: { type: 'integer', minimum: 8, maximum: 1_000, description: 'Readings; default 60' },
        limit: { type: 'number', exclusiveMinimum: 0, maximum: 1_000, description: 'Default 3' },
        minDeviation: {
          type: 'number',
          minimum: 0,
          description: 'Smallest standard deviation reckoned with: the noise of the sensor; default 0',
        },
        margin: margin('standard deviations'),
        ...HYSTERESIS,
      },
      additionalProperties: false,
    },
    ewma: {
      type: 'object',
      description: 'Control chart of the exponentially weighted moving average: finds small lasting shifts',
      properties: {
        lambda: {
          type: 'number',
          exclusiveMinimum: 0,
          maximum: 1,
          description: 'Weight of a reading; default 0.2',
        },
        limit: { type: 'number', exclusiveMinimum: 0, maximum: 1_000, description: 'Default 3' },
        target: { type: 'number', description: 'Default: learned from the baseline' },
        deviation: { type: 'number', exclusiveMinimum: 0, description: 'Default: learned from the baseline' },
        baseline: {
          type: 'integer',
          minimum: 8,
          maximum: 10_000,
          description: 'Readings to learn from, where something is to be learned; default 100',
        },
        margin: margin('standard deviations of the average'),
        ...HYSTERESIS,
      },
      additionalProperties: false,
    },
    missing: {
      type: 'object',
      description: 'No reading of a metric that has been there before',
      required: ['after'],
      properties: {
        after: { ...DURATION, description: 'Silence that begins it: "15m"' },
        clearAfter: CLEAR.clearAfter,
      },
      additionalProperties: false,
    },
  },
  additionalProperties: false,
} as const;
export type AnalysisSchema = XStatic<typeof AnalysisSchema>;

/** What the analysis noticed, or what is over. */
export interface Finding {
  readonly device: string;
  readonly metric: string;
  readonly unit?: string | undefined;
  readonly detector: Detector;
  readonly state: 'began' | 'ended';
  /** Of the reading that decided; of the clock where there was none. */
  readonly ts: number;
  /** Of that reading; of the last one where there was none. */
  readonly value: number;
  /** The limit in the measure of the detector: value, per second, milliseconds or readings, deviations. */
  readonly threshold: number;
  /** What it was decided by: every number has its unit last in its name where it is not that of the metric. */
  readonly evidence: Readonly<Record<string, number>>;
  /** The same for people. */
  readonly message: string;
}
