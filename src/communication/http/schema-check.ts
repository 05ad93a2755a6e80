/**
 * Checks query and body against the JSON Schema of a route. Loads the schema compiler with the first request that
 * needs it and compiles a schema with its first use (0.5 ms), so that the start pays for none of it.
 */
import type { FastifyRequest } from 'fastify';
import type { SensoriumError } from '../../model/errors.ts';
import { type FieldFault, InvalidRequest } from './problem.ts';

type SchemaModule = typeof import('typebox/schema');
type Validator = ReturnType<SchemaModule['Compile']>;
type Fault = ReturnType<Validator['Errors']>[1][number];

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
}

const compiled = new WeakMap<object, Validator>();
let compiler: Promise<SchemaModule> | undefined;

/** Undefined when the request fits. Query values are turned into what the schema says they are, in place. */
export async function checkRequest(request: FastifyRequest): Promise<SensoriumError | undefined> {
  const { schema } = request.routeOptions;
  if (schema === undefined) return undefined;
  const { querystring, body } = schema;
  const faults: FieldFault[] = [];
  if (isObject(querystring)) {
    const query = isObject(request.query) ? request.query : {};
    request.query = convertQuery(query, querystring);
    const repeated = repetitions(query, querystring);
    faults.push(...(repeated.length > 0 ? repeated : await check('query', querystring, request.query)));
  }
  // A body described by media type (telemetry) is read by whom it is for.
  if (isObject(body) && !('content' in body)) {
    request.body ??= {};
    faults.push(...(await check('body', body, request.body)));
  }
  return faults.length === 0 ? undefined : new InvalidRequest(faults);
}

async function check(part: string, schema: object, value: unknown): Promise<readonly FieldFault[]> {
  let validator = compiled.get(schema);
  if (validator === undefined) {
    compiler ??= import('typebox/schema');
    validator = (await compiler).Compile(schema);
    compiled.set(schema, validator);
  }
  if (validator.Check(value)) return [];
  return describe(part, schema, validator.Errors(value)[1]);
}

/** Query strings know text only: numbers, booleans and lists become what the schema asks for; the rest stays text. */
function convertQuery(query: object, schema: Schema): Record<string, unknown> {
  // fromEntries defines properties: a key "__proto__" stays a key, and an unknown one.
  return Object.fromEntries(
    Object.entries(query).map(([name, value]) => [name, convert(value, schema.properties?.[name]?.type)]),
  );
}

const repetitions = (query: object, schema: Schema): readonly FieldFault[] =>
  Object.entries(query)
    .filter(([name, value]) => Array.isArray(value) && schema.properties?.[name]?.type !== 'array')
    .map(([name]) => ({ field: `query.${name}`, message: 'is given more than once' }));

function convert(value: unknown, type: string | undefined): unknown {
  if (type === 'array') return Array.isArray(value) ? value : [value];
  if (typeof value !== 'string') return value;
  if ((type === 'integer' || type === 'number') && /^-?\d+(\.\d+)?$/.test(value)) return Number(value);
  if (type === 'boolean' && (value === 'true' || value === 'false')) return value === 'true';
  return value;
}

/** One line per field, in words: the compiler reports each branch of a union on its own. */
function describe(part: string, schema: object, faults: readonly Fault[]): readonly FieldFault[] {
  const unions = new Map<string, unknown[]>();
  for (const fault of faults) {
    if (fault.keyword !== 'const') continue;
    const known = unions.get(fault.instancePath) ?? [];
    unions.set(fault.instancePath, [...known, fault.params.allowedValue]);
  }
  const described = new Map<string, FieldFault>();
  for (const fault of faults) {
    for (const one of describeOne(part, schema, fault, unions.get(fault.instancePath))) {
      if (!described.has(one.field)) described.set(one.field, one);
    }
  }
  return [...described.values()];
}

function describeOne(
  part: string,
  schema: object,
  fault: Fault,
  union: readonly unknown[] | undefined,
): readonly FieldFault[] {
  const field = fieldName(part, fault.instancePath);
  const of = (allowed: readonly unknown[]): FieldFault => ({
    field,
    message: `must be one of ${allowed.map((value) => JSON.stringify(value)).join(', ')}`,
    allowed,
  });
  switch (fault.keyword) {
    case 'required':
      return fault.params.requiredProperties.map((name) => ({
        field: `${field}.${name}`,
        message: 'is missing',
      }));
    case 'additionalProperties':
      return fault.params.additionalProperties.map((name) => ({
        field: `${field}.${name}`,
        message: 'is not known here',
      }));
    case 'boolean':
    case 'const':
    case 'anyOf':
      return union === undefined ? [] : [of(union)];
    case 'enum':
      return [of(fault.params.allowedValues)];
    case 'type':
    case 'minimum':
    case 'maximum':
    case 'minLength':
    case 'maxLength':
      return [{ field, message: inWords(schemaAt(schema, fault.schemaPath)) ?? fault.message }];
    default:
      return [{ field, message: fault.message }];
  }
}

/** What a value must be, bounds and all: "must be integer" alone leaves one guessing. */
function inWords({ type, minimum, maximum, minLength, maxLength }: Schema): string | undefined {
  if (type === 'integer' || type === 'number') {
    const bounds = [
      ...(minimum === undefined ? [] : [`at least ${minimum}`]),
      ...(maximum === undefined ? [] : [`at most ${maximum}`]),
    ];
    return [`must be ${type === 'integer' ? 'an integer' : 'a number'}`, ...bounds].join(', ');
  }
  if (type !== 'string') return undefined;
  const most = maxLength === undefined ? '' : ` of ${minLength ?? 0} to ${maxLength} characters`;
  return `must be text${most}`;
}

function schemaAt(root: object, path: string): Schema {
  let at: unknown = root;
  for (const step of path.split('/').slice(1)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
    at = isObject(at) ? (at as Record<string, unknown>)[key] : undefined;
  }
  return isObject(at) ? at : {};
}

/** JSON pointer (RFC 6901) to dotted name. */
const fieldName = (part: string, pointer: string): string =>
  part + pointer.replaceAll('/', '.').replaceAll('~1', '/').replaceAll('~0', '~');

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
