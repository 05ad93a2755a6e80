import { PROFILE_METRICS_MAX } from '../../base/limits.ts';
import { type MetricSchema, ProfileInput } from '../../model/profile.ts';
import { schemaFault } from './schema-check.ts';
import { isPlainText, isReservedKey, quoted } from './text-rules.ts';

type Rule = (metric: MetricSchema) => string | undefined;

const isNumeric = ({ type }: MetricSchema): boolean => type === 'number' || type === 'integer';

/** What a schema cannot say: the parts of one metric must fit each other. */
const metricRules: readonly Rule[] = [
  (metric) => {
    if (isNumeric(metric)) return undefined;
    const only = (['minimum', 'maximum', 'scale', 'offset', 'maxRatePerSecond', 'unit'] as const).find(
      (key) => metric[key] !== undefined,
    );
    return only === undefined ? undefined : `${only} is for numbers, not for ${metric.type}`;
  },
  ({ minimum, maximum }) =>
    minimum !== undefined && maximum !== undefined && minimum > maximum
      ? `minimum ${minimum} is above maximum ${maximum}`
      : undefined,
  ({ type, maxLength }) =>
    maxLength !== undefined && type !== 'string' ? `maxLength is for strings, not for ${type}` : undefined,
  ({ scale }) => (scale === 0 ? 'scale 0 would lose every value' : undefined),
  enumFault,
  ({ title = '', description = '', unit = '' }) => {
    const plain = isPlainText(title) && isPlainText(unit) && isPlainText(description.replaceAll('\n', ' '));
    return plain ? undefined : 'control characters and direction marks are not allowed in texts';
  },
];

/** Why this cannot be a profile, in one line; undefined when it can. */
export async function profileFault(input: ProfileInput): Promise<string | undefined> {
  const fault = await schemaFault(ProfileInput, input);
  if (fault !== undefined) return fault;
  if (!isPlainText(input.title ?? '')) return 'title: control characters are not allowed';
  const names = Object.keys(input.metrics);
  if (names.length > PROFILE_METRICS_MAX) return `more than ${PROFILE_METRICS_MAX} metrics`;
  for (const [name, metric] of Object.entries(input.metrics)) {
    const wrong = nameFault(name) ?? metricFault(metric);
    if (wrong !== undefined) return `metric ${quoted(name)}: ${wrong}`;
  }
  return renameFault(input);
}

function metricFault(metric: MetricSchema): string | undefined {
  if (metric.rename !== undefined) {
    const fault = nameFault(metric.rename);
    if (fault !== undefined) return `rename: ${fault}`;
  }
  for (const rule of metricRules) {
    const fault = rule(metric);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** The names the pipeline takes (error `reading.name`). */
function nameFault(name: string): string | undefined {
  if (isReservedKey(name)) return 'the name is reserved';
  return /^[\p{L}\p{N}_\-.:/ ]{1,128}$/u.test(name) ? undefined : 'use letters, digits, _ - . : / or spaces';
}

function enumFault(metric: MetricSchema): string | undefined {
  const values = metric.enum;
  if (values === undefined) return undefined;
  if (values.length === 0) return 'enum has no values';
  if (new Set(values).size !== values.length) return 'enum repeats a value';
  const { minimum = -Infinity, maximum = Infinity } = metric;
  for (const value of values) {
    const type = isNumeric(metric) ? 'number' : metric.type;
    if (typeof value !== type) return `enum value ${quoted(String(value))} is not a ${metric.type}`;
    if (typeof value !== 'number') continue;
    if (metric.type === 'integer' && !Number.isInteger(value)) return `enum value ${value} is not an integer`;
    if (value < minimum || value > maximum) return `enum value ${value} is outside minimum and maximum`;
  }
  return undefined;
}

/** Two metrics stored under one name would mix two series. */
function renameFault({ metrics }: ProfileInput): string | undefined {
  const stored = new Map<string, string>();
  for (const [name, { rename = name }] of Object.entries(metrics)) {
    const other = stored.get(rename);
    if (other !== undefined)
      return `metrics ${quoted(other)} and ${quoted(name)} are both stored as ${quoted(rename)}`;
    stored.set(rename, name);
  }
  return undefined;
}
