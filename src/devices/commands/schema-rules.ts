import { JSON_DEPTH_MAX } from '../../base/limits.ts';
import { isReservedKey, quoted } from '../registry/text-rules.ts';

/**
 * Which JSON Schemas (draft 2020-12) a profile may bring: what can be checked in a time that does not depend on who wrote
 * it. No references (they could go anywhere, or round), no regular expressions (they could take for ever).
 */

type Rule = (value: unknown) => boolean;

const isText: Rule = (value) => typeof value === 'string';
const isFlag: Rule = (value) => typeof value === 'boolean';
const isNumber: Rule = (value) => typeof value === 'number' && Number.isFinite(value);
const isCount: Rule = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const isAnything: Rule = () => true;
const isNames: Rule = (value) => Array.isArray(value) && value.every(isText);
const TYPES: readonly unknown[] = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'];
const isType: Rule = (value) =>
  TYPES.includes(value) ||
  (Array.isArray(value) && value.length > 0 && value.every((one) => TYPES.includes(one)));

const KEYWORDS: Readonly<Record<string, Rule>> = {
  title: isText,
  description: isText,
  unit: isText,
  type: isType,
  enum: (value) => Array.isArray(value) && value.length > 0,
  const: isAnything,
  default: isAnything,
  examples: Array.isArray,
  required: isNames,
  minimum: isNumber,
  maximum: isNumber,
  exclusiveMinimum: isNumber,
  exclusiveMaximum: isNumber,
  multipleOf: (value) => isNumber(value) && Number(value) > 0,
  minLength: isCount,
  maxLength: isCount,
  minItems: isCount,
  maxItems: isCount,
  uniqueItems: isFlag,
  minProperties: isCount,
  maxProperties: isCount,
};
/** Their value is a schema, a list of them, schemas by name. */
const INNER = ['items', 'additionalProperties', 'not'] as const;
const INNER_LISTS = ['oneOf', 'anyOf', 'allOf', 'prefixItems'] as const;
const KNOWN: ReadonlySet<string> = new Set([
  ...Object.keys(KEYWORDS),
  ...INNER,
  ...INNER_LISTS,
  'properties',
]);

/** Why this cannot be a schema here, in one line; undefined when it can. `at`: where it stands, for the message. */
export function schemaRuleFault(schema: unknown, at: string, depth = 1): string | undefined {
  if (typeof schema === 'boolean') return undefined;
  if (!isRecord(schema)) return `${at} is not a schema`;
  if (depth > JSON_DEPTH_MAX) return `${at} is nested too deeply`;
  for (const [keyword, value] of Object.entries(schema)) {
    if (!KNOWN.has(keyword)) return `${at}: ${quoted(keyword)} is not supported`;
    if (KEYWORDS[keyword]?.(value) === false) return `${at}.${keyword} has a value that it cannot have`;
  }
  return innerFault(schema, at, depth + 1);
}

function innerFault(
  schema: Readonly<Record<string, unknown>>,
  at: string,
  depth: number,
): string | undefined {
  const inner: (readonly [string, unknown])[] = [];
  for (const keyword of INNER) if (keyword in schema) inner.push([`${at}.${keyword}`, schema[keyword]]);
  for (const keyword of INNER_LISTS) {
    if (!(keyword in schema)) continue;
    const list = schema[keyword];
    if (!Array.isArray(list) || list.length === 0) return `${at}.${keyword} is not a list of schemas`;
    for (const [index, one] of list.entries()) inner.push([`${at}.${keyword}.${index}`, one]);
  }
  const { properties } = schema;
  if (properties !== undefined && !isRecord(properties)) return `${at}.properties is not an object`;
  for (const [name, one] of Object.entries(properties ?? {})) {
    if (isReservedKey(name)) return `${at}.properties: the name ${quoted(name)} is reserved`;
    inner.push([`${at}.properties.${name.slice(0, 64)}`, one]);
  }
  for (const [where, one] of inner) {
    const fault = schemaRuleFault(one, where, depth);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
