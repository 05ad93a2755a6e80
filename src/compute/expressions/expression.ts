import type { ParseResult } from '@marcbachmann/cel-js';
import { EXPRESSION_MAX_CHARS } from '../../base/limits.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import { celLibrary, newEnvironment } from './cel.ts';
import { costOf } from './cost.ts';

/**
 * Expressions in CEL (https://github.com/google/cel-spec), compiled and type-checked once, evaluated millions of times
 * a second. Promises that an evaluation ends after a bounded number of steps and never throws. Knows nothing of
 * profiles, rules, or whoever writes expressions.
 */

/** Numbers are CEL doubles, times CEL timestamps (a Date in the scope). */
export type VariableType = 'number' | 'boolean' | 'string' | 'time';
type Variables = Readonly<Record<string, VariableType>>;
/** The values of the variables by name: what the expression reads has to be there. */
export type Scope = Readonly<Record<string, unknown>>;

const CEL_TYPES: Readonly<Record<VariableType, string>> = {
  number: 'double',
  boolean: 'bool',
  string: 'string',
  time: 'google.protobuf.Timestamp',
};
const RESULT_TYPES = {
  number: new Set<unknown>(['double', 'int', 'uint']),
  boolean: new Set<unknown>(['bool']),
} as const;

export interface Expression {
  readonly source: string;
  /** The variables it reads. */
  readonly names: ReadonlySet<string>;
  /** Nodes evaluated at most. */
  readonly steps: number;
  /** A finite number or a boolean as compiled for; a text says why there is none. */
  readonly evaluate: (scope: Scope) => number | boolean | string;
}

interface ExpressionOptions {
  readonly source: string;
  readonly variables: Variables;
  readonly result: keyof typeof RESULT_TYPES;
}

/** Errors: 'expression.invalid', 'expression.too_costly', both with the character at which (1-based). */
export function compileExpression(options: ExpressionOptions): Result<Expression, SensoriumError> {
  const { source, variables, result } = options;
  if (source.length > EXPRESSION_MAX_CHARS) {
    return err(problem('expression.too_costly', `more than ${EXPRESSION_MAX_CHARS} characters`));
  }
  try {
    const parsed = withVariables(variables).parse(source);
    const cost = costOf(parsed.ast);
    if ('code' in cost) return err(problem(cost.code, `${at(cost.position)}: ${cost.message}`));
    const checked = parsed.check();
    if (!checked.valid) return err(toProblem(checked.error));
    if (!RESULT_TYPES[result].has(checked.type)) {
      return err(problem('expression.invalid', `gives ${checked.type ?? 'nothing'}, not a ${result}`));
    }
    const { names, steps } = cost;
    return ok({ source, names: known(names, variables), steps, evaluate: evaluator(parsed, result) });
  } catch (cause) {
    return err(toProblem(cause));
  }
}

function withVariables(variables: Variables): ReturnType<typeof newEnvironment> {
  const environment = newEnvironment();
  for (const [name, type] of Object.entries(variables)) environment.registerVariable(name, CEL_TYPES[type]);
  return environment;
}

const known = (names: ReadonlySet<string>, variables: Variables): ReadonlySet<string> =>
  new Set([...names].filter((name) => Object.hasOwn(variables, name)));

function evaluator(parsed: ParseResult, result: ExpressionOptions['result']): Expression['evaluate'] {
  if (result === 'boolean') {
    return (scope) => {
      try {
        return parsed(scope) === true;
      } catch (cause) {
        return reasonOf(cause);
      }
    };
  }
  return (scope) => {
    try {
      const value: unknown = parsed(scope);
      const number = typeof value === 'number' ? value : Number(value);
      return Number.isFinite(number) ? number : `gives ${number}`;
    } catch (cause) {
      return reasonOf(cause);
    }
  };
}

const at = (position: number): string => `at character ${position + 1}`;

function reasonOf(cause: unknown): string {
  const { EvaluationError } = celLibrary();
  if (cause instanceof EvaluationError) return cause.summary;
  return cause instanceof Error ? cause.message : String(cause);
}

function toProblem(cause: unknown): SensoriumError {
  const { ParseError, TypeError } = celLibrary();
  if (!(cause instanceof ParseError || cause instanceof TypeError)) {
    return problem('expression.invalid', cause instanceof Error ? cause.message : String(cause));
  }
  const { code, range, summary } = cause;
  const hint =
    code === 'no_such_overload' && summary.includes('int') ? ' (numbers are doubles: write 2.0, not 2)' : '';
  const where = range === undefined ? '' : `${at(range.start)}: `;
  return problem(
    code === 'limit_exceeded' ? 'expression.too_costly' : 'expression.invalid',
    `${where}${summary}${hint}`,
  );
}
