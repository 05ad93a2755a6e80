import { EXPRESSION_INPUTS_MAX } from '../../base/limits.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import type { DerivedSchema, MetricSchema, ProfileInput } from '../../model/profile.ts';
import { compileExpression, type Expression, type VariableType } from './expression.ts';

/**
 * The expressions of a profile: which variables each has, and what it must give. The registry asks when a profile is
 * put, the pipeline when it begins to use one; both get the same answer.
 */

/** A derived metric's expression, and the stored metric behind each variable it reads. */
export interface DerivedExpression {
  readonly expression: Expression;
  /** Variable by stored metric name. */
  readonly inputs: ReadonlyMap<string, string>;
}

const resultOf = (type: MetricSchema['type']): 'number' | 'boolean' =>
  type === 'boolean' ? 'boolean' : 'number';
const variableOf = (type: MetricSchema['type']): VariableType => (type === 'integer' ? 'number' : type);

/** Of a metric with an `expression`: from the value as sent to the value as stored. */
export function compileMetric(schema: MetricSchema, source: string): Result<Expression, SensoriumError> {
  if (schema.type === 'string') return err(problem('expression.invalid', 'an expression gives no text'));
  const value = schema.sent ?? variableOf(schema.type);
  const variables = { value, ts: 'time', metric: 'string', device: 'string' } as const;
  return compileExpression({ source, variables, result: resultOf(schema.type) });
}

export function compileDerived(
  schema: DerivedSchema,
  metrics: ProfileInput['metrics'],
): Result<DerivedExpression, SensoriumError> {
  const variables: Record<string, VariableType> = { ts: 'time', device: 'string' };
  const behind = new Map<string, string>();
  const stored = new Map(Object.entries(metrics).map(([name, { rename, type }]) => [rename ?? name, type]));
  for (const word of wordsOf(schema.expression)) {
    const metric =
      schema.inputs !== undefined && Object.hasOwn(schema.inputs, word) ? schema.inputs[word] : word;
    const type = stored.get(metric ?? word);
    if (type === undefined || (word === metric && Object.hasOwn(variables, word))) continue;
    variables[word] = variableOf(type);
    behind.set(word, metric ?? word);
  }
  const { expression: source, type = 'number' } = schema;
  const made = compileExpression({ source, variables, result: resultOf(type) });
  if (!made.ok) return made;
  const read = [...made.value.names].filter((name) => behind.has(name));
  if (read.length === 0) return err(problem('expression.invalid', 'reads no metric of this profile'));
  if (read.length > EXPRESSION_INPUTS_MAX) {
    return err(problem('expression.too_costly', `reads more than ${EXPRESSION_INPUTS_MAX} metrics`));
  }
  return ok({
    expression: made.value,
    inputs: new Map(read.map((name) => [behind.get(name) ?? name, name])),
  });
}

/** What may be the name of a variable: no function, nothing behind a dot. */
const wordsOf = (source: string): ReadonlySet<string> =>
  new Set(source.match(/(?<![\w.])[A-Za-z_]\w*(?![\w]|\s*\()/g));

/** The first expression of a profile that is not good, with the metric it belongs to. */
export function expressionFault(profile: ProfileInput): SensoriumError | undefined {
  for (const [name, schema] of Object.entries(profile.metrics)) {
    if (schema.expression === undefined) continue;
    const made = compileMetric(schema, schema.expression);
    if (!made.ok) return about('metric', name, made.error);
  }
  for (const [name, schema] of Object.entries(profile.derived ?? {})) {
    const made = compileDerived(schema, profile.metrics);
    if (!made.ok) return about('derived', name, made.error);
  }
  return undefined;
}

const about = (kind: string, name: string, { code, message }: SensoriumError): SensoriumError =>
  problem(code, `${kind} ${JSON.stringify(name.slice(0, 128))}: ${message}`);
