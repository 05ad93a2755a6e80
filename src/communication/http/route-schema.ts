/**
 * How a route is described: one small form for all of them, from which Fastify gets what is checked (query, body)
 * and the OpenAPI document gets everything. Errors are named by code; their status and words come from the table.
 */
import type { FastifySchema } from 'fastify';
import { ERRORS, type ErrorCode } from '../../model/errors.ts';
import { PROBLEM_TYPE } from './problem.ts';

export type JsonSchema = Readonly<Record<string, unknown>>;

interface Answer {
  readonly description: string;
  readonly schema?: JsonSchema;
  /** Instead of JSON: media type → schema. */
  readonly content?: Readonly<Record<string, JsonSchema>>;
}

export interface RouteDescription {
  readonly summary: string;
  readonly description?: string;
  readonly tag: string;
  /** Open to everyone: no bearer token, no errors of authentication. */
  readonly open?: boolean;
  /** Path parameters and what they are. */
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, JsonSchema>>;
  readonly body?: JsonSchema;
  /** Media types of a body that is not checked by schema. */
  readonly consumes?: Readonly<Record<string, JsonSchema>>;
  readonly answers: Readonly<Record<number, Answer>>;
  readonly errors?: readonly ErrorCode[];
}

/** Fastify checks `querystring` and `body`; the rest is for the document. */
export interface RouteSchema extends FastifySchema {
  readonly summary: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly security: readonly { readonly [scheme: string]: readonly string[] }[];
}

const EVERYWHERE: readonly ErrorCode[] = [
  'request.invalid',
  'request.rate_limited',
  'server.stopping',
  'internal',
];
const GUARDED: readonly ErrorCode[] = ['auth.required', 'auth.invalid', 'auth.expired', 'auth.forbidden'];

export function describeRoute(route: RouteDescription): RouteSchema {
  const {
    summary,
    description,
    tag,
    open = false,
    path,
    query,
    body,
    consumes,
    answers,
    errors = [],
  } = route;
  const codes = [...errors, ...EVERYWHERE, ...(open ? [] : GUARDED)];
  return {
    summary,
    description: description ?? summary,
    tags: [tag],
    security: open ? [] : [{ bearer: [] }],
    ...(path === undefined ? {} : { params: pathSchema(path) }),
    ...(query === undefined
      ? {}
      : { querystring: { type: 'object', properties: query, additionalProperties: false } }),
    ...(body === undefined ? {} : { body }),
    ...(consumes === undefined ? {} : { body: { content: contentOf(consumes) } }),
    response: { ...answersOf(answers), ...problemsOf(codes) },
  };
}

const pathSchema = (path: Readonly<Record<string, string>>): JsonSchema => ({
  type: 'object',
  required: Object.keys(path),
  properties: Object.fromEntries(
    Object.entries(path).map(([name, description]) => [name, { type: 'string', description }]),
  ),
});

const contentOf = (types: Readonly<Record<string, JsonSchema>>): JsonSchema =>
  Object.fromEntries(Object.entries(types).map(([type, schema]) => [type, { schema }]));

function answersOf(answers: Readonly<Record<number, Answer>>): Record<string, JsonSchema> {
  return Object.fromEntries(
    Object.entries(answers).map(([status, { description, schema, content }]) => {
      const types = content ?? (schema === undefined ? undefined : { 'application/json': schema });
      return [status, { description, ...(types === undefined ? {} : { content: contentOf(types) }) }];
    }),
  );
}

/** Codes of one status share one answer. */
function problemsOf(codes: readonly ErrorCode[]): Record<string, JsonSchema> {
  const byStatus = Map.groupBy(codes, (code) => ERRORS[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      status,
      {
        description: group.map((code) => `\`${code}\`: ${ERRORS[code].title}`).join('; '),
        content: { [PROBLEM_TYPE]: { schema: { $ref: 'Problem#' } } },
      },
    ]),
  );
}
