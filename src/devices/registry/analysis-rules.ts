import { type AnalysisSchema, DETECTORS, type Detector } from '../../model/analysis.ts';
import type { MetricSchema } from '../../model/profile.ts';

/** What the schema of an analysis cannot say: a detector must fit its metric, and a finding must be able to end. */

type ValueType = MetricSchema['type'];

/** What kinds of value a detector understands. */
const DETECTOR_TYPES: Readonly<Record<Detector, readonly ValueType[]>> = {
  range: ['number', 'integer'],
  rate: ['number', 'integer'],
  stuck: ['number', 'integer', 'boolean'],
  zscore: ['number', 'integer'],
  ewma: ['number', 'integer'],
  missing: ['number', 'integer', 'boolean', 'string'],
};

/** Why this cannot be looked for in values of a type, in one line; undefined when it can. */
export function analysisFault(type: ValueType, analysis: AnalysisSchema = {}): string | undefined {
  for (const detector of DETECTORS) {
    const isAsked = analysis[detector] !== undefined;
    if (isAsked && !DETECTOR_TYPES[detector].includes(type)) return `analysis.${detector} is not for ${type}`;
  }
  return rangeFault(analysis.range) ?? marginFault(analysis);
}

function rangeFault(range: AnalysisSchema['range']): string | undefined {
  if (range === undefined) return undefined;
  const { low = -Infinity, high = Infinity, margin = 0 } = range;
  if (low === -Infinity && high === Infinity) return 'analysis.range needs low or high';
  return low + margin > high - margin ? 'analysis.range leaves nothing between its limits' : undefined;
}

function marginFault({ rate, zscore, ewma }: AnalysisSchema): string | undefined {
  const margins = [
    ['rate', rate?.margin, rate?.perSecond],
    ['zscore', zscore?.margin, zscore?.limit ?? 3],
    ['ewma', ewma?.margin, ewma?.limit ?? 3],
  ] as const;
  const endless = margins.find(([, margin = 0, limit = Infinity]) => margin >= limit);
  return endless && `analysis.${endless[0]} could never end: its margin is not below its limit`;
}
