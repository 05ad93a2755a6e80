import { createRequire } from 'node:module';
import type * as Cel from '@marcbachmann/cel-js';
import { EXPRESSION_DEPTH_MAX, EXPRESSION_LIST_MAX, EXPRESSION_NODES_MAX } from '../../base/limits.ts';

/**
 * The CEL library with our functions in it. It is loaded with the first expression, synchronously: most servers
 * have none, and loading takes 25 ms in each thread.
 */

/** The receiver of `math.sqrt(x)` and its like; the names are those of the math extension of cel-go, and then some. */
class MathNamespace {
  readonly name = 'math';
}

const UNARY: Readonly<Record<string, (x: number) => number>> = {
  abs: Math.abs,
  ceil: Math.ceil,
  exp: Math.exp,
  floor: Math.floor,
  ln: Math.log,
  log10: Math.log10,
  round: Math.round,
  sign: Math.sign,
  sqrt: Math.sqrt,
  trunc: Math.trunc,
};
const BINARY: Readonly<Record<string, (x: number, y: number) => number>> = {
  greatest: Math.max,
  least: Math.min,
  pow: Math.pow,
};

/** The names behind `math.`. */
export const MATH_FUNCTIONS: ReadonlySet<string> = new Set([...Object.keys(UNARY), ...Object.keys(BINARY)]);

let library: typeof Cel | undefined;
let base: Cel.Environment | undefined;

export function celLibrary(): typeof Cel {
  library ??= createRequire(import.meta.url)('@marcbachmann/cel-js') as typeof Cel;
  return library;
}

/** An environment to add variables to. */
export function newEnvironment(): Cel.Environment {
  base ??= withMath(new (celLibrary().Environment)({ limits: LIMITS }));
  return base.clone();
}

const LIMITS = {
  maxAstNodes: EXPRESSION_NODES_MAX,
  maxDepth: EXPRESSION_DEPTH_MAX,
  maxListElements: EXPRESSION_LIST_MAX,
  maxMapEntries: 0,
  maxCallArguments: 4,
};

function withMath(environment: Cel.Environment): Cel.Environment {
  environment.registerType('MathNamespace', MathNamespace);
  environment.registerConstant('math', 'MathNamespace', new MathNamespace());
  for (const [name, apply] of Object.entries(UNARY)) {
    const signature = `MathNamespace.${name}(double): double`;
    environment.registerFunction(signature, (_math: unknown, x: number) => apply(x), { async: false });
  }
  for (const [name, apply] of Object.entries(BINARY)) {
    const signature = `MathNamespace.${name}(double, double): double`;
    const handler = (_math: unknown, x: number, y: number): number => apply(x, y);
    environment.registerFunction(signature, handler, { async: false });
  }
  return environment;
}
