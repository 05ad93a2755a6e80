/** The query of the telemetry route: from text, checked, with the parameter named that is wrong. */
import {
  DOWNSAMPLE_POINTS_DEFAULT,
  DOWNSAMPLE_POINTS_MAX,
  METRICS_PER_QUERY_MAX,
  QUERY_LIMIT_DEFAULT,
  QUERY_LIMIT_MAX,
} from '../base/limits.ts';
import { err, ok, type Result } from '../base/result.ts';
import { parseDuration } from '../base/time-units.ts';
import type { JsonSchema } from '../communication/http/route-schema.ts';
import { problem, type SensoriumError } from '../model/errors.ts';
import {
  AGGREGATES,
  type Aggregate,
  DOWNSAMPLINGS,
  type Downsampling,
  type ReadingsQuery,
} from '../model/ports/history.ts';
import { parseTime } from './time-text.ts';

const FORMATS = ['json', 'csv', 'parquet'] as const;
export type Format = (typeof FORMATS)[number];

export interface ReadingsParameters {
  readonly metric?: readonly string[];
  readonly from?: string;
  readonly to?: string;
  readonly interval?: string;
  readonly agg?: Aggregate;
  readonly limit?: number;
  readonly order?: 'asc' | 'desc';
  readonly format?: Format;
  readonly downsample?: Downsampling['method'];
  readonly points?: number;
}

const time = 'Milliseconds since the epoch, ISO 8601, or before now: -1h, -7d';

export const METRIC_PARAMETER: JsonSchema = {
  type: 'array',
  items: { type: 'string', minLength: 1, maxLength: METRICS_PER_QUERY_MAX * 129 },
  maxItems: METRICS_PER_QUERY_MAX,
  description: 'Repeated, or a list with commas; all metrics when absent',
};

/** Both ends of a time range; `readRange` reads them. */
export const RANGE_PARAMETERS = {
  from: { type: 'string', maxLength: 64, description: `${time}. Inclusive` },
  to: { type: 'string', maxLength: 64, description: `${time}. Exclusive` },
} as const satisfies Readonly<Record<string, JsonSchema>>;

export const READINGS_PARAMETERS: Readonly<Record<string, JsonSchema>> = {
  metric: METRIC_PARAMETER,
  ...RANGE_PARAMETERS,
  interval: {
    type: 'string',
    maxLength: 32,
    description: 'Width of a bucket: 10s, 1m, 1h, 1d, or milliseconds',
  },
  agg: { enum: AGGREGATES, description: 'How a bucket becomes a value; default avg. Needs interval' },
  limit: {
    type: 'integer',
    minimum: 1,
    maximum: QUERY_LIMIT_MAX,
    description: `Default ${QUERY_LIMIT_DEFAULT}`,
  },
  order: { enum: ['asc', 'desc'], description: 'By time; default asc. desc for raw readings only' },
  downsample: {
    enum: DOWNSAMPLINGS,
    description:
      'Only the readings that draw the same line: m4 to the pixel, lttb to the eye. Raw readings, oldest first, as json; ' +
      'text is left out, limit does not count',
  },
  points: {
    type: 'integer',
    minimum: 4,
    maximum: DOWNSAMPLE_POINTS_MAX,
    description: `Readings of each metric at most, with downsample; default ${DOWNSAMPLE_POINTS_DEFAULT}`,
  },
  format: { enum: FORMATS, description: 'Default json, or what Accept asks for' },
};

export function readingsQuery(
  device: string,
  parameters: ReadingsParameters,
  now: number,
): Result<ReadingsQuery, SensoriumError> {
  const { metric, interval, agg, order, limit = QUERY_LIMIT_DEFAULT } = parameters;
  const range = readRange(parameters, now);
  if (!range.ok) return range;
  const intervalMs = interval === undefined ? undefined : parseDuration(interval);
  if (interval !== undefined && intervalMs === undefined) {
    return invalid('interval', `"${interval}" is no duration: use 10s, 1m, 1h, 1d, or milliseconds`);
  }
  if (agg !== undefined && intervalMs === undefined) return invalid('agg', 'needs interval');
  const descending = order === 'desc';
  if (descending && intervalMs !== undefined)
    return invalid('order', 'desc is for raw readings, without interval');
  const metrics = metricsFrom(metric);
  if (metrics !== undefined && metrics.length > METRICS_PER_QUERY_MAX) {
    return invalid('metric', `names more than ${METRICS_PER_QUERY_MAX} metrics`);
  }
  const downsampling = downsamplingOf(parameters);
  if (!downsampling.ok) return downsampling;
  const aggregate = intervalMs === undefined ? undefined : (agg ?? 'avg');
  return ok({
    device,
    metrics,
    ...range.value,
    intervalMs,
    aggregate,
    limit,
    descending,
    downsampling: downsampling.value,
  });
}

function downsamplingOf(parameters: ReadingsParameters): Result<Downsampling | undefined, SensoriumError> {
  const { downsample, points, interval, order, format = 'json' } = parameters;
  if (downsample === undefined)
    return points === undefined ? ok(undefined) : invalid('points', 'needs downsample');
  if (interval !== undefined || order === 'desc' || format !== 'json')
    return invalid('downsample', 'is for raw readings, oldest first, as json');
  return ok({ method: downsample, points: points ?? DOWNSAMPLE_POINTS_DEFAULT });
}

/** The times of a query; absent = open on that side. */
export function readRange(
  parameters: Pick<ReadingsParameters, 'from' | 'to'>,
  now: number,
): Result<{ readonly from: number | undefined; readonly to: number | undefined }, SensoriumError> {
  const from = timeOf('from', parameters.from, now);
  if (!from.ok) return from;
  const to = timeOf('to', parameters.to, now);
  if (!to.ok) return to;
  if (from.value !== undefined && to.value !== undefined && from.value >= to.value) {
    return invalid('from', 'must be before to');
  }
  return ok({ from: from.value, to: to.value });
}

/** `metric=a&metric=b,c` → a, b, c. */
export function metricsFrom(metric: readonly string[] | undefined): readonly string[] | undefined {
  const names = metric?.flatMap((part) => part.split(',')).filter((name) => name !== '') ?? [];
  return names.length === 0 ? undefined : [...new Set(names)];
}

/** The format asked for: parameter over header over JSON. */
export function formatOf(parameters: ReadingsParameters, accept: string | undefined): Format {
  if (parameters.format !== undefined) return parameters.format;
  const types = (accept ?? '').toLowerCase();
  if (types.includes('text/csv')) return 'csv';
  return types.includes('application/vnd.apache.parquet') ? 'parquet' : 'json';
}

function timeOf(
  name: string,
  text: string | undefined,
  now: number,
): Result<number | undefined, SensoriumError> {
  if (text === undefined) return ok(undefined);
  const ms = parseTime(text, now);
  return ms === undefined ? invalid(name, `"${text}" is no time. ${time}`) : ok(ms);
}

const invalid = (parameter: string, what: string): Result<never, SensoriumError> =>
  err(problem('query.invalid', `${parameter}: ${what}`));
