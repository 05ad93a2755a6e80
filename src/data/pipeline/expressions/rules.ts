import type { Scope } from '../../../compute/expressions/expression.ts';

/** What the expressions of a profile become in the pipeline. Knows nothing of how they are compiled. */

/** A finite number or a boolean; a text says why there is none. */
export type Evaluate = (scope: Scope) => number | boolean | string;

/** A metric that others are derived from: its number, and theirs. */
export interface Input {
  readonly index: number;
  readonly feeds: readonly number[];
}

/** An expression that was good when its profile was put, and is not for this version: every reading says so. */
export const never =
  (reason: string): Evaluate =>
  () =>
    reason;
