import { TEXT_VALUE_MAX_CHARS } from '../../base/limits.ts';
import type { ErrorCode } from '../../model/errors.ts';
import type { MetricSchema, Profile } from '../../model/profile.ts';

/** What a profile says about one metric, laid out for the hot path. */
export interface MetricRule {
  /** Stored under this name. */
  readonly name: string;
  readonly type: MetricSchema['type'] | undefined;
  readonly unit: string | undefined;
  /** Stored value = sent value × scale + offset. */
  readonly scale: number;
  readonly offset: number;
  /** Of the stored value; infinite where the profile has none. */
  readonly minimum: number;
  readonly maximum: number;
  readonly allowed: ReadonlySet<number | string | boolean> | undefined;
  readonly maxLength: number;
  /** 0 = no limit. */
  readonly maxRatePerSecond: number;
  /** False: any finite number will do. */
  readonly judgesNumbers: boolean;
}

export interface ProfileRules {
  /** The rule of a sent metric name; undefined = not in the profile, and the profile takes no others. */
  rule(metric: string): MetricRule | undefined;
}

/** Any metric, no ranges: the built-in profile 'open', and what a device has whose profile is not known. */
const OPEN_RULES: ProfileRules = { rule: (metric) => toRule(metric, undefined) };

const compiled = new WeakMap<Profile, ProfileRules>();

/** Compiled once per profile object. */
export function profileRules(profile: Profile | undefined): ProfileRules {
  if (profile === undefined) return OPEN_RULES;
  const known = compiled.get(profile);
  if (known !== undefined) return known;
  const rules = new Map(
    Object.entries(profile.metrics).map(([metric, schema]) => [metric, toRule(metric, schema)]),
  );
  const takesOthers = profile.additionalMetrics ?? true;
  const made: ProfileRules = {
    rule: (metric) => rules.get(metric) ?? (takesOthers ? toRule(metric, undefined) : undefined),
  };
  compiled.set(profile, made);
  return made;
}

function toRule(metric: string, schema: MetricSchema | undefined): MetricRule {
  return {
    name: schema?.rename ?? metric,
    type: schema?.type,
    unit: schema?.unit,
    scale: schema?.scale ?? 1,
    offset: schema?.offset ?? 0,
    minimum: schema?.minimum ?? Number.NEGATIVE_INFINITY,
    maximum: schema?.maximum ?? Number.POSITIVE_INFINITY,
    allowed: schema?.enum === undefined ? undefined : new Set(schema.enum),
    maxLength: Math.min(schema?.maxLength ?? TEXT_VALUE_MAX_CHARS, TEXT_VALUE_MAX_CHARS),
    maxRatePerSecond: schema?.maxRatePerSecond ?? 0,
    judgesNumbers: schema !== undefined,
  };
}

/** A finite number as sent, against the rule; range and enum are those of the stored value. */
export function judgeNumber(rule: MetricRule, value: number): ErrorCode | undefined {
  if (rule.type === 'integer' ? !Number.isInteger(value) : rule.type !== 'number') return 'reading.type';
  const stored = value * rule.scale + rule.offset;
  if (!Number.isFinite(stored)) return 'reading.not_finite';
  if (stored < rule.minimum || stored > rule.maximum) return 'reading.out_of_range';
  return rule.allowed === undefined || rule.allowed.has(stored) ? undefined : 'reading.out_of_range';
}

export function judgeBoolean(rule: MetricRule, value: boolean): ErrorCode | undefined {
  if (rule.type !== undefined && rule.type !== 'boolean') return 'reading.type';
  return rule.allowed === undefined || rule.allowed.has(value) ? undefined : 'reading.out_of_range';
}

export function judgeText(rule: MetricRule, value: string): ErrorCode | undefined {
  if (rule.type !== undefined && rule.type !== 'string') return 'reading.type';
  if (value.length > rule.maxLength) return 'reading.text_too_long';
  return rule.allowed === undefined || rule.allowed.has(value) ? undefined : 'reading.out_of_range';
}
