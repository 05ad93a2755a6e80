/**
 * Every error answer of the server: RFC 9457 problem documents with our stable code. Owns the translation of what
 * Fastify, the HTTP parser and our own rooms call errors; promises that nothing internal leaks into an answer.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LOGIN_LOCKOUT_MS } from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import { asSensoriumError, type ErrorCode, problem, SensoriumError } from '../../model/errors.ts';

export const PROBLEM_TYPE = 'application/problem+json';
const RETRY_AFTER_S = 1;
const LOCKED_RETRY_AFTER_S = LOGIN_LOCKOUT_MS / 1_000;

export interface FieldFault {
  /** Where: `query.limit`, `body.metrics.temperature.type`. */
  readonly field: string;
  readonly message: string;
  readonly allowed?: readonly unknown[];
}

/** A request that does not fit its schema; names each field that is wrong. */
export class InvalidRequest extends SensoriumError {
  readonly faults: readonly FieldFault[];

  constructor(faults: readonly FieldFault[]) {
    super('request.invalid', faults.map(({ field, message }) => `${field} ${message}`).join('; '));
    this.faults = faults;
  }
}

export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly cure: string;
  readonly instance?: string;
  readonly errors?: readonly FieldFault[];
}

/** RFC 9457, section 3.1; `code`, `cure` and `errors` are our extension members (section 3.2). */
export function problemDocument(error: SensoriumError, instance?: string): ProblemDocument {
  const { code, title, status, cure, message } = error;
  return {
    type: `urn:sensorium:error:${code}`,
    title,
    status,
    detail: message,
    code,
    cure,
    ...(instance === undefined ? {} : { instance }),
    ...(error instanceof InvalidRequest ? { errors: error.faults } : {}),
  };
}

/** What Fastify calls its errors, in our words. */
const FASTIFY_CODES: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload.too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'payload.unsupported_type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'request.invalid',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'payload.empty',
  FST_ERR_BAD_URL: 'request.invalid',
  FST_ERR_MAX_PARAM_LENGTH: 'request.not_found',
  FST_ERR_NOT_FOUND: 'request.not_found',
};

interface ForeignError {
  readonly code?: string;
  readonly statusCode?: number;
  readonly message: string;
}

export function translate(cause: unknown): SensoriumError {
  if (cause instanceof SensoriumError) return cause;
  if (!(cause instanceof Error)) return asSensoriumError(cause);
  const { code: foreign = '', statusCode = 500, message }: ForeignError = cause;
  const code = FASTIFY_CODES[foreign];
  if (code !== undefined) return problem(code, message, { cause });
  if (statusCode >= 400 && statusCode < 500) return problem('request.invalid', message, { cause });
  return asSensoriumError(cause);
}

/** Sends the problem document; headers that its status asks for come with it. */
export function sendProblem(reply: FastifyReply, error: SensoriumError): FastifyReply {
  if (error.status === 401 && !reply.hasHeader('www-authenticate')) {
    // RFC 6750, section 3: no error attribute where no credentials were sent.
    const attribute = error.code === 'auth.required' ? '' : ', error="invalid_token"';
    void reply.header('www-authenticate', `Bearer realm="sensorium"${attribute}`);
  }
  if ((error.status === 503 || error.status === 429) && !reply.hasHeader('retry-after')) {
    void reply.header('retry-after', error.code === 'auth.locked' ? LOCKED_RETRY_AFTER_S : RETRY_AFTER_S);
  }
  const document = problemDocument(error, `urn:sensorium:request:${reply.request.id}`);
  return reply
    .code(error.status)
    .header('content-type', PROBLEM_TYPE)
    .header('cache-control', 'no-store')
    .serializer(JSON.stringify)
    .send(document);
}

/** Our own bugs and what the world did to us go to the log; the client gets the number of its request. */
export function errorHandler(logger: Logger) {
  return (cause: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const error = translate(cause);
    // Fastify closes the connection on a body that is too large; the client, still sending, would see a reset
    // instead of the answer. Node reads on and discards, within HTTP_REQUEST_TIMEOUT_MS.
    if (error.status === 413) void reply.removeHeader('connection');
    if (error.code !== 'internal') return sendProblem(reply, error);
    const route = request.routeOptions.url;
    logger.error({ error: cause, request: request.id, method: request.method, route }, 'request failed');
    return sendProblem(reply, problem('internal', `Request ${request.id}: see the server log.`));
  };
}
