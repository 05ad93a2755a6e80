import { PROFILE_DERIVED_MAX, PROFILE_METRICS_MAX } from '../../base/limits.ts';
import { type DerivedSchema, type MetricSchema, ProfileInput } from '../../model/profile.ts';
import { readWindow } from '../../model/windows.ts';
import { commandsFault } from '../commands/command-rules.ts';
import { analysisFault } from './analysis-rules.ts';
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
  ({ expression, scale, offset, sent }) => {
    if (expression === undefined) return sent && 'sent is for metrics with an expression';
    const isScaled = scale !== undefined || offset !== undefined;
    return isScaled ? 'an expression takes the place of scale and offset' : undefined;
  },
  ({ type, analysis, maxRatePerSecond }) =>
    analysis?.rate !== undefined && maxRatePerSecond !== undefined
      ? 'maxRatePerSecond is short for analysis.rate; give one of them'
      : analysisFault(type, analysis),
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
  return renameFault(input) ?? derivedFault(input) ?? windowsFault(input) ?? commandsFault(input.commands);
}

function derivedFault({ metrics, derived = {} }: ProfileInput): string | undefined {
  const names = Object.keys(derived);
  if (names.length > PROFILE_DERIVED_MAX) return `more than ${PROFILE_DERIVED_MAX} derived metrics`;
  const stored = new Set(Object.entries(metrics).map(([name, { rename = name }]) => rename));
  for (const [name, schema] of Object.entries(derived)) {
    const isTaken = stored.has(name) || Object.hasOwn(metrics, name);
    const wrong = isTaken ? 'a metric has this name' : (nameFault(name) ?? computedFault(schema, stored));
    if (wrong !== undefined) return `derived ${quoted(name)}: ${wrong}`;
  }
  return undefined;
}

function computedFault(schema: DerivedSchema, stored: ReadonlySet<string>): string | undefined {
  const { type = 'number', inputs = {}, title, description, unit, minimum, maximum, analysis } = schema;
  const unknown = Object.values(inputs).find((metric) => !stored.has(metric));
  if (unknown !== undefined) return `no metric is stored as ${quoted(unknown)}`;
  return metricFault({ type, title, description, unit, minimum, maximum, analysis });
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

function windowsFault({
  metrics,
  additionalMetrics = true,
  windows = {},
  ...rest
}: ProfileInput): string | undefined {
  const derived = 'derived' in rest ? Object.keys(rest.derived ?? {}) : [];
  const stored = new Set([...Object.entries(metrics).map(([name, { rename = name }]) => rename), ...derived]);
  for (const [name, input] of Object.entries(windows)) {
    const read = readWindow(name, input);
    if (!read.ok) return `window ${quoted(name)}: ${read.error}`;
    const strange = additionalMetrics ? undefined : input.metrics?.find((metric) => !stored.has(metric));
    if (strange !== undefined) return `window ${quoted(name)}: no metric is stored as ${quoted(strange)}`;
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
