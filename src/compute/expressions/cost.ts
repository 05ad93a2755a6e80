import type { ASTNode } from '@marcbachmann/cel-js';
import { EXPRESSION_NESTING_MAX, EXPRESSION_STEPS_MAX, EXPRESSION_TEXT_STEPS } from '../../base/limits.ts';
import { MATH_FUNCTIONS } from './cel.ts';

/**
 * What an expression may consist of, and how long it can take at most, told from its syntax tree alone. CEL is not
 * Turing-complete, but its cost is open: regular expressions backtrack, bound lists and texts double. Here a list is
 * always one that is written out, and nothing else makes values that grow.
 */

/** A part that is not allowed, and where. */
export interface CostFault {
  readonly code: 'expression.invalid' | 'expression.too_costly';
  readonly message: string;
  /** 0-based character of the source. */
  readonly position: number;
}

export interface Cost {
  /** Nodes evaluated at most. */
  readonly steps: number;
  /** The variables it reads. */
  readonly names: ReadonlySet<string>;
}

const CONVERSIONS = new Set(['bool', 'double', 'duration', 'int', 'size', 'timestamp']);
const TEXT_METHODS = new Set([
  'contains',
  'endsWith',
  'indexOf',
  'lastIndexOf',
  'lowerAscii',
  'size',
  'startsWith',
  'substring',
  'trim',
  'upperAscii',
]);
/** Without a time zone: with one they would cost a formatter per reading. */
const TIME_METHODS = new Set([
  'getDayOfMonth',
  'getDayOfWeek',
  'getFullYear',
  'getHours',
  'getMilliseconds',
  'getMinutes',
  'getMonth',
  'getSeconds',
]);
const LOOPS = new Set(['all', 'exists', 'exists_one', 'filter', 'map']);

class Refused extends Error {
  readonly fault: CostFault;

  constructor(code: CostFault['code'], message: string, node: ASTNode) {
    super(message);
    this.fault = { code, message, position: node.pos };
  }
}

export function costOf(ast: ASTNode): Cost | CostFault {
  const names = new Set<string>();
  try {
    const steps = walk(ast, { names, loops: [] });
    if (steps > EXPRESSION_STEPS_MAX) {
      throw new Refused('expression.too_costly', `may take ${steps} steps of ${EXPRESSION_STEPS_MAX}`, ast);
    }
    return { steps, names };
  } catch (cause) {
    if (cause instanceof Refused) return cause.fault;
    throw cause;
  }
}

interface Surroundings {
  readonly names: Set<string>;
  /** The variables of the loops around. */
  readonly loops: readonly string[];
}

function walk(node: ASTNode, around: Surroundings): number {
  switch (node.op) {
    case 'value':
      return literalSteps(node);
    case 'id':
      if (!around.loops.includes(node.args)) around.names.add(node.args);
      return 1;
    case '.':
    case '.?':
    case '[?]':
      throw new Refused('expression.invalid', 'there are no fields to select', node);
    case 'map':
      throw new Refused('expression.invalid', 'maps are not supported', node);
    case 'call':
      return callSteps(node, around);
    case 'rcall':
      return methodSteps(node, around);
    case 'list':
      return 1 + sum(node.args, around);
    case '!_':
    case '-_':
      return 1 + walk(node.args, around);
    default:
      return 1 + sum(node.args, around);
  }
}

const sum = (nodes: readonly ASTNode[], around: Surroundings): number =>
  nodes.reduce((steps, node) => steps + walk(node, around), 0);

function literalSteps(node: ASTNode): number {
  const isPlain = ['number', 'bigint', 'boolean', 'string'].includes(typeof node.args);
  if (isPlain) return 1;
  throw new Refused('expression.invalid', 'use numbers, texts, true and false', node);
}

function callSteps(node: Extract<ASTNode, { op: 'call' }>, around: Surroundings): number {
  const [name, args] = node.args;
  if (!CONVERSIONS.has(name)) throw notThere(`${name}()`, node);
  return EXPRESSION_TEXT_STEPS + sum(args, around);
}

function methodSteps(node: Extract<ASTNode, { op: 'rcall' }>, around: Surroundings): number {
  const [name, receiver, args] = node.args;
  if (receiver.op === 'id' && receiver.args === 'math') {
    if (!MATH_FUNCTIONS.has(name)) throw notThere(`math.${name}()`, node);
    return 1 + sum(args, around);
  }
  if (LOOPS.has(name)) return loopSteps(node, around);
  if (TEXT_METHODS.has(name)) return EXPRESSION_TEXT_STEPS + walk(receiver, around) + sum(args, around);
  if (TIME_METHODS.has(name) && args.length === 0) return 1 + walk(receiver, around);
  throw notThere(`.${name}(${args.length === 0 ? '' : '…'})`, node);
}

function loopSteps(node: Extract<ASTNode, { op: 'rcall' }>, around: Surroundings): number {
  const [name, receiver, [variable, ...bodies]] = node.args;
  const times = listSize(receiver);
  if (times === undefined) {
    throw new Refused('expression.invalid', `${name} is for lists that are written out`, node);
  }
  if (variable?.op !== 'id') throw new Refused('expression.invalid', `${name} needs a variable`, node);
  const loops = [...around.loops, variable.args];
  if (loops.length > EXPRESSION_NESTING_MAX) {
    throw new Refused(
      'expression.too_costly',
      `more than ${EXPRESSION_NESTING_MAX} loops inside each other`,
      node,
    );
  }
  return walk(receiver, around) + times * (1 + sum(bodies, { ...around, loops }));
}

/** Elements at most; undefined where it is no list that is written out. */
function listSize(node: ASTNode): number | undefined {
  if (node.op === 'list') return node.args.length;
  if (node.op !== 'rcall') return undefined;
  const [name, receiver] = node.args;
  return name === 'map' || name === 'filter' ? listSize(receiver) : undefined;
}

const notThere = (what: string, node: ASTNode): Refused =>
  new Refused('expression.invalid', `${what} is not available`, node);
