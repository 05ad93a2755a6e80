/** What one file refers to: imports and exports of every form, and the files it hands to workers. */
import { type Token, tokenize } from './tokens.ts';

export interface ModuleEdge {
  /** `type` is erased at run time; `worker` is `new URL('…', import.meta.url)`; `computed` cannot be read here. */
  readonly kind: 'static' | 'type' | 'dynamic' | 'worker' | 'computed';
  readonly specifier: string;
  readonly line: number;
}

export function moduleEdges(source: string): readonly ModuleEdge[] {
  const tokens = tokenize(source);
  const edges: ModuleEdge[] = [];
  for (let at = 0; at < tokens.length; at += 1) {
    edges.push(...workersAt(tokens, at));
    const edge = edgeAt(tokens, at);
    if (edge !== undefined) edges.push(edge);
  }
  return edges;
}

function edgeAt(tokens: readonly Token[], at: number): ModuleEdge | undefined {
  const token = tokens[at];
  if (token?.kind !== 'word' || tokens[at - 1]?.text === '.') return undefined;
  if (token.text === 'import') return importAt(tokens, at);
  if (token.text === 'export') return exportAt(tokens, at);
  if (token.text === 'require' && textAt(tokens, at + 1) === '(') return callAt(tokens, at);
  return undefined;
}

function importAt(tokens: readonly Token[], at: number): ModuleEdge | undefined {
  const next = tokens[at + 1];
  if (next === undefined || next.text === '.') return undefined; // import.meta
  if (next.text === '(') return callAt(tokens, at);
  if (next.kind === 'string') return { kind: 'static', specifier: next.text, line: next.line };
  // `import type from './x.ts'` imports a default called type.
  const erased = next.text === 'type' && textAt(tokens, at + 2) !== 'from' && textAt(tokens, at + 2) !== ',';
  return fromAt(tokens, at + 1, erased);
}

function exportAt(tokens: readonly Token[], at: number): ModuleEdge | undefined {
  const erased = textAt(tokens, at + 1) === 'type';
  const opening = textAt(tokens, erased ? at + 2 : at + 1);
  if (opening !== '*' && opening !== '{') return undefined;
  return fromAt(tokens, at + 1, erased);
}

/** The clause up to `from '…'`; anything that cannot stand in one means there is none (an export of locals). */
function fromAt(tokens: readonly Token[], start: number, erased: boolean): ModuleEdge | undefined {
  for (let at = start; at < tokens.length; at += 1) {
    const token = tokens[at];
    const target = tokens[at + 1];
    if (token?.text === 'from' && token.kind === 'word' && target?.kind === 'string') {
      return { kind: erased ? 'type' : 'static', specifier: target.text, line: target.line };
    }
    const inClause = token?.kind === 'word' || token?.kind === 'string' || /^[{},*]$/.test(token?.text ?? '');
    if (!inClause || (token?.text === '}' && textAt(tokens, at + 1) !== 'from')) return undefined;
  }
  return undefined;
}

/** `import(…)` and `require(…)`. */
function callAt(tokens: readonly Token[], at: number): ModuleEdge | undefined {
  const argument = tokens[at + 2];
  if (argument === undefined) return undefined;
  const literal = argument.kind === 'string' && /^[),]$/.test(textAt(tokens, at + 3));
  return literal
    ? { kind: 'dynamic', specifier: argument.text, line: argument.line }
    : { kind: 'computed', specifier: '', line: argument.line };
}

/**
 * `URL('./x.ts', import.meta.url)`, also where a condition chooses between names. It is code of ours only where the
 * path ends like code.
 */
function workersAt(tokens: readonly Token[], at: number): readonly ModuleEdge[] {
  if (tokens[at]?.kind !== 'word' || textAt(tokens, at) !== 'URL' || textAt(tokens, at + 1) !== '(')
    return [];
  let depth = 0;
  let end = at + 1;
  for (; end < tokens.length; end += 1) {
    if (textAt(tokens, end) === '(') depth += 1;
    if (textAt(tokens, end) === ')') depth -= 1;
    if (depth === 0) break;
  }
  return tokens
    .slice(at + 2, end)
    .filter(({ kind, text }) => kind === 'string' && /^\.{1,2}\/.*\.[cm]?[jt]s$/.test(text))
    .map(({ text, line }) => ({ kind: 'worker', specifier: text, line }));
}

const textAt = (tokens: readonly Token[], at: number): string => tokens[at]?.text ?? '';
