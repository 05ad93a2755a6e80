import { TEXT_VALUE_MAX_CHARS } from '../../base/limits.ts';
import { compileDerived, compileMetric } from '../../compute/expressions/profile-expressions.ts';
import type { ErrorCode } from '../../model/errors.ts';
import type { DerivedSchema, MetricSchema, Profile } from '../../model/profile.ts';
import { type AnalysisPlan, analysisPlan } from './analyze/plan.ts';
import { type Evaluate, type Input, never } from './expressions/rules.ts';
import { type WindowPlan, windowPlans } from './windows/window-plan.ts';

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
  /** From the value as sent to the value as stored, in the place of scale and offset. */
  readonly expression: Evaluate | undefined;
  /** Type of the value as sent, where there is an expression. */
  readonly sent: 'number' | 'boolean' | 'string';
  /** What is looked for in its readings. */
  readonly analysis: AnalysisPlan | undefined;
  /** Where the metrics derived from it find it. */
  readonly input: Input | undefined;
  /** False: any finite number will do. */
  readonly judgesNumbers: boolean;
}

/** A derived metric. */
interface DerivedRule {
  readonly rule: MetricRule;
  readonly evaluate: Evaluate;
  /** All have to be there. */
  readonly variables: readonly { readonly input: number; readonly variable: string }[];
  readonly readsTime: boolean;
}

export interface ProfileRules {
  /** The rule of a sent metric name; undefined = not in the profile, and the profile takes no others. */
  rule(metric: string): MetricRule | undefined;
  /** What is computed from other metrics, as far as the profile says. */
  readonly derived: readonly DerivedRule[];
  /** What is looked for in a stored metric, in this unit. */
  analysisOf(storedMetric: string, unit: string): AnalysisPlan | undefined;
  /** The windows of a metric, by the name it is stored under. */
  windows(storedMetric: string): WindowPlan | undefined;
  /** Something is looked for in some metric. */
  readonly analyzes: boolean;
  /** Some metric is to be missed when it is silent. */
  readonly missesSilence: boolean;
}

/** Any metric, no ranges: the built-in profile 'open', and what a device has whose profile is not known. */
const OPEN_RULES: ProfileRules = {
  rule: (metric) => toRule(metric, undefined, undefined),
  derived: [],
  analysisOf: () => undefined,
  analyzes: false,
  windows: () => undefined,
  missesSilence: false,
};

const compiled = new WeakMap<Profile, ProfileRules>();

/** Compiled once per profile object. */
export function profileRules(profile: Profile | undefined): ProfileRules {
  if (profile === undefined) return OPEN_RULES;
  const known = compiled.get(profile);
  if (known !== undefined) return known;
  const made = compile(profile);
  compiled.set(profile, made);
  return made;
}

function compile(profile: Profile): ProfileRules {
  const { derived, inputs } = derivedRules(profile);
  const rules = new Map(
    Object.entries(profile.metrics).map(([metric, schema]) => [
      metric,
      toRule(metric, schema, inputs.get(schema.rename ?? metric)),
    ]),
  );
  const computed = new Set(derived.map(({ rule }) => rule.name));
  const takesOthers = profile.additionalMetrics ?? true;
  const all = [...rules.values(), ...derived.map(({ rule }) => rule)];
  const stored = new Map(all.map((rule) => [rule.name, rule]));
  return {
    rule: (metric) => {
      const listed = rules.get(metric);
      if (listed !== undefined) return listed;
      // What is computed is not sent, too: two sources would mix in one series.
      return takesOthers && !computed.has(metric) ? toRule(metric, undefined, undefined) : undefined;
    },
    derived,
    analysisOf: (metric, unit) => {
      const rule = stored.get(metric);
      return rule === undefined ? undefined : analysisIn(rule, unit);
    },
    windows: windowPlans(profile),
    analyzes: all.some(({ analysis }) => analysis !== undefined),
    missesSilence: all.some(({ analysis }) => analysis?.missing !== undefined),
  };
}

/** Limits are in the unit of the profile: what comes in another one is not held against them. */
export const analysisIn = ({ unit, analysis }: MetricRule, sentUnit: string): AnalysisPlan | undefined =>
  unit === undefined || unit === sentUnit ? analysis : undefined;

/** Numbers the metrics that others are derived from. */
function derivedRules(profile: Profile): {
  readonly derived: readonly DerivedRule[];
  readonly inputs: ReadonlyMap<string, Input>;
} {
  const inputs = new Map<string, { readonly index: number; readonly feeds: number[] }>();
  const derived = Object.entries(profile.derived ?? {}).map(([name, schema], number): DerivedRule => {
    const made = compileDerived(schema, profile.metrics);
    const rule = toRule(name, computedSchema(schema), undefined);
    if (!made.ok) return { rule, evaluate: never(made.error.message), variables: [], readsTime: false };
    const variables = [...made.value.inputs].map(([metric, variable]) => {
      const input = inputs.get(metric) ?? { index: inputs.size, feeds: [] };
      inputs.set(metric, input);
      input.feeds.push(number);
      return { input: input.index, variable };
    });
    const { expression } = made.value;
    return { rule, evaluate: expression.evaluate, variables, readsTime: expression.names.has('ts') };
  });
  return { derived, inputs };
}

const computedSchema = ({
  type = 'number',
  unit,
  minimum,
  maximum,
  analysis,
}: DerivedSchema): MetricSchema => ({
  type,
  unit,
  minimum,
  maximum,
  analysis,
});

function toRule(metric: string, schema: MetricSchema | undefined, input: Input | undefined): MetricRule {
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
    expression: schema?.expression === undefined ? undefined : evaluateOf(schema, schema.expression),
    sent: schema?.sent ?? (schema?.type === 'integer' ? 'number' : (schema?.type ?? 'number')),
    analysis: analysisPlan(schema?.analysis, schema?.maxRatePerSecond),
    input,
    judgesNumbers: schema !== undefined,
  };
}

function evaluateOf(schema: MetricSchema, source: string): Evaluate {
  const made = compileMetric(schema, source);
  return made.ok ? made.value.evaluate : never(made.error.message);
}

/** A finite number as sent, against the rule; range and enum are those of the stored value. */
export function judgeNumber(rule: MetricRule, value: number): ErrorCode | undefined {
  if (rule.type === 'integer' ? !Number.isInteger(value) : rule.type !== 'number') return 'reading.type';
  const stored = value * rule.scale + rule.offset;
  return Number.isFinite(stored) ? judgeRange(rule, stored) : 'reading.not_finite';
}

/** What an expression gave, against the rule. */
export function judgeComputed(rule: MetricRule, value: number | boolean): ErrorCode | undefined {
  if (typeof value === 'boolean') return judgeBoolean(rule, value);
  return rule.type === 'integer' && !Number.isInteger(value) ? 'reading.type' : judgeRange(rule, value);
}

function judgeRange(rule: MetricRule, stored: number): ErrorCode | undefined {
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
