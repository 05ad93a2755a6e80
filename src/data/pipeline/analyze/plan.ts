import { parseDuration } from '../../../base/time-units.ts';
import type { AnalysisSchema, Detector } from '../../../model/analysis.ts';

/**
 * What a profile asks to be noticed about one metric, with its defaults filled in and its durations in milliseconds.
 * Compiled once per profile; knows neither series nor readings.
 */

/** When enough readings in a row, and enough time, speak for a beginning or an end. */
export interface HysteresisLimits {
  readonly raiseAfter: number;
  readonly raiseForMs: number;
  readonly clearAfter: number;
  readonly clearForMs: number;
}

interface Config extends HysteresisLimits {
  /** Good again only this far inside, in the measure of the detector. */
  readonly margin: number;
}

export interface RangeConfig extends Config {
  /** Infinite where there is none. */
  readonly low: number;
  readonly high: number;
}

export interface RateConfig extends Config {
  readonly perSecond: number;
}

export interface StuckConfig extends Config {
  /** Infinite where time does not matter. */
  readonly forMs: number;
  readonly readings: number;
  readonly tolerance: number;
}

export interface ZscoreConfig extends Config {
  readonly window: number;
  readonly limit: number;
  readonly minDeviation: number;
}

export interface EwmaConfig extends Config {
  readonly lambda: number;
  readonly limit: number;
  readonly target: number | undefined;
  readonly deviation: number | undefined;
  readonly baseline: number;
}

export interface MissingConfig extends Config {
  readonly afterMs: number;
}

/** At most one detector of each kind. */
export interface AnalysisPlan {
  readonly range?: RangeConfig | undefined;
  readonly rate?: RateConfig | undefined;
  readonly stuck?: StuckConfig | undefined;
  readonly zscore?: ZscoreConfig | undefined;
  readonly ewma?: EwmaConfig | undefined;
  readonly missing?: MissingConfig | undefined;
}

/** Unchanged readings that are suspicious where the profile gives neither time nor number. */
const STUCK_READINGS = 100;
const WINDOW = 60;
const BASELINE = 100;
/** Three deviations, after Shewhart (1931). */
const LIMIT = 3;
/** Finds shifts of one deviation in about ten readings (Lucas and Saccucci 1990, table 3). */
const LAMBDA = 0.2;

interface Written {
  readonly raiseAfter?: number | undefined;
  readonly raiseFor?: string | undefined;
  readonly clearAfter?: number | undefined;
  readonly clearFor?: string | undefined;
  readonly margin?: number | undefined;
}

const msOf = (text: string | undefined, otherwise: number): number =>
  text === undefined ? otherwise : (parseDuration(text) ?? otherwise);

const common = ({ raiseAfter, raiseFor, clearAfter, clearFor, margin }: Written): Config => ({
  raiseAfter: raiseAfter ?? 1,
  raiseForMs: msOf(raiseFor, 0),
  clearAfter: clearAfter ?? 1,
  clearForMs: msOf(clearFor, 0),
  margin: margin ?? 0,
});

type Compile<K extends Detector> = (schema: NonNullable<AnalysisSchema[K]>) => NonNullable<AnalysisPlan[K]>;

const compile: { readonly [K in Detector]: Compile<K> } = {
  range: (schema) => ({
    ...common(schema),
    low: schema.low ?? Number.NEGATIVE_INFINITY,
    high: schema.high ?? Number.POSITIVE_INFINITY,
  }),
  rate: (schema) => ({ ...common(schema), perSecond: schema.perSecond }),
  stuck: (schema) => ({
    ...common(schema),
    forMs: msOf(schema.for, Number.POSITIVE_INFINITY),
    readings: schema.readings ?? (schema.for === undefined ? STUCK_READINGS : Number.POSITIVE_INFINITY),
    tolerance: schema.tolerance ?? 0,
  }),
  zscore: (schema) => ({
    ...common(schema),
    window: schema.window ?? WINDOW,
    limit: schema.limit ?? LIMIT,
    minDeviation: schema.minDeviation ?? 0,
  }),
  ewma: (schema) => ({
    ...common(schema),
    lambda: schema.lambda ?? LAMBDA,
    limit: schema.limit ?? LIMIT,
    target: schema.target,
    deviation: schema.deviation,
    baseline: schema.baseline ?? BASELINE,
  }),
  missing: (schema) => ({ ...common(schema), afterMs: msOf(schema.after, Number.POSITIVE_INFINITY) }),
};

/** Undefined where nothing is asked for. `maxRatePerSecond` is the older way to ask for a rate. */
export function analysisPlan(
  asked: AnalysisSchema | undefined,
  maxRatePerSecond?: number,
): AnalysisPlan | undefined {
  const { range, rate, stuck, zscore, ewma, missing } = asked ?? {};
  const rateAsked = rate ?? (maxRatePerSecond === undefined ? undefined : { perSecond: maxRatePerSecond });
  const plan: AnalysisPlan = {
    range: range && compile.range(range),
    rate: rateAsked && compile.rate(rateAsked),
    stuck: stuck && compile.stuck(stuck),
    zscore: zscore && compile.zscore(zscore),
    ewma: ewma && compile.ewma(ewma),
    missing: missing && compile.missing(missing),
  };
  return Object.values(plan).every((config) => config === undefined) ? undefined : plan;
}
