import { PRESET_TEMPLATE_MAX_CHARS } from '../../base/limits.ts';
import { numberOf } from '../payload/number-text.ts';

/**
 * The part of Home Assistant's value templates that is read: `{{ value }}`, `{{ value_json.a['b'][0] }}`, with
 * the filters float, int, round, default and is_defined. They are compiled into a path and a list, kept as
 * plain data, and never evaluated as code; every other template is not understood, and said so.
 */
export interface Template {
  /** Steps into the JSON payload; absent = the payload as text. */
  readonly path?: readonly (string | number)[];
  readonly filters: readonly Filter[];
}

interface Filter {
  readonly name: FilterName;
  readonly argument?: string | number | boolean;
}

const FILTERS = ['float', 'int', 'round', 'default', 'is_defined'] as const;
type FilterName = (typeof FILTERS)[number];

/** Undefined = the template says more than the subset can. */
export function compileTemplate(text: string): Template | undefined {
  if (text.length > PRESET_TEMPLATE_MAX_CHARS) return undefined;
  const body = /^\s*\{\{-?([^{}]*?)-?\}\}\s*$/.exec(text)?.[1];
  if (body === undefined) return undefined;
  const [source = '', ...pipes] = splitPipes(body);
  const path = readSource(source.trim());
  const filters = pipes.map((pipe) => readFilter(pipe.trim()));
  if (path === undefined || filters.includes(undefined)) return undefined;
  const read = filters.filter((filter) => filter !== undefined);
  return path === 'text' ? { filters: read } : { path, filters: read };
}

/** At the bars that stand outside quotes. */
function splitPipes(body: string): string[] {
  const parts: string[] = [''];
  let quote = '';
  for (const char of body) {
    if (quote === '' && char === '|') {
      parts.push('');
      continue;
    }
    if (quote === '' && (char === '"' || char === "'")) quote = char;
    else if (char === quote) quote = '';
    parts[parts.length - 1] += char;
  }
  return parts;
}

const STEP = /\.([A-Za-z_]\w*)|\[(\d{1,6})\]|\['([^'\\]*)'\]|\["([^"\\]*)"\]/y;

function readSource(source: string): readonly (string | number)[] | 'text' | undefined {
  if (source === 'value') return 'text';
  const root = 'value_json';
  if (!source.startsWith(root)) return undefined;
  const path: (string | number)[] = [];
  for (let at = root.length; at < source.length; at = STEP.lastIndex) {
    STEP.lastIndex = at;
    const [, name, index, single, double] = STEP.exec(source) ?? [];
    const step = index === undefined ? (name ?? single ?? double) : Number(index);
    if (step === undefined) return undefined;
    path.push(step);
  }
  return path;
}

function readFilter(text: string): Filter | undefined {
  const [, word, argument] = /^([a-z_]+)\s*(?:\(\s*([^()]*?)\s*\))?$/.exec(text) ?? [];
  const name = FILTERS.find((known) => known === word);
  if (name === undefined) return undefined;
  if (argument === undefined || argument === '') return { name };
  const value = readLiteral(argument);
  if (value === undefined || (name === 'round' && !isDigits(value))) return undefined;
  return { name, argument: value };
}

/** JavaScript prints at most 15 decimals of a number that mean anything. */
const isDigits = (value: unknown): boolean =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 15;

function readLiteral(text: string): string | number | boolean | undefined {
  const [, single, double] = /^'([^'\\]*)'$|^"([^"\\]*)"$/.exec(text) ?? [];
  if (single !== undefined || double !== undefined) return single ?? double;
  if (/^true$/i.test(text)) return true;
  if (/^false$/i.test(text)) return false;
  return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : undefined;
}

export type Rendered = { readonly value: unknown } | { readonly fault: string };

/** `source` is the payload as text, or parsed where the template has a path. `value` undefined = it is not there. */
export function applyTemplate({ path = [], filters }: Template, source: unknown): Rendered {
  let value = source;
  for (const step of path) value = stepInto(value, step);
  for (const filter of filters) {
    if (filter.name === 'default') value ??= filter.argument;
    else if (value !== undefined && value !== null) value = applyFilter(filter, value);
    if (Number.isNaN(value)) return { fault: `the filter ${filter.name} needs a number` };
  }
  return { value };
}

function stepInto(value: unknown, step: string | number): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
  return Reflect.get(value, step);
}

/** NaN = the value is no number and the filter brings no other. */
function applyFilter({ name, argument }: Filter, value: unknown): unknown {
  if (name === 'is_defined') return value;
  const number = (typeof value === 'string' ? numberOf(value.trim()) : value) ?? Number.NaN;
  const finite = typeof number === 'number' && Number.isFinite(number) ? number : undefined;
  if (name === 'round') {
    return finite === undefined
      ? Number.NaN
      : Number(finite.toFixed(typeof argument === 'number' ? argument : 0));
  }
  if (finite === undefined) return argument ?? Number.NaN;
  return name === 'int' ? Math.trunc(finite) : finite;
}
