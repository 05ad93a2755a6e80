import type { FastifyInstance, FastifyRequest } from 'fastify';
import {
  HTTP_RATE_ANONYMOUS_MAX,
  HTTP_RATE_INGEST_MAX,
  HTTP_RATE_MAX,
  HTTP_RATE_TRACKED_MAX,
  HTTP_RATE_WINDOW_MS,
} from '../../base/limits.ts';
import { problem } from '../../model/errors.ts';
import { principalKey } from '../../model/ports/security.ts';

/**
 * Requests per window: per principal where one is known, else per address, so that neither a wrong token nor a
 * neighbour behind the same address can use up what an honest client has.
 */
export async function limitRates(app: FastifyInstance): Promise<void> {
  const { default: rateLimit } = await import('@fastify/rate-limit');
  await app.register(rateLimit, {
    global: true,
    timeWindow: HTTP_RATE_WINDOW_MS,
    cache: HTTP_RATE_TRACKED_MAX,
    max: (request) => {
      if (request.principal === null) return HTTP_RATE_ANONYMOUS_MAX;
      return request.routeOptions.config.ingest === true ? HTTP_RATE_INGEST_MAX : HTTP_RATE_MAX;
    },
    keyGenerator: rateKey,
    // Told when it matters (429), not on every answer.
    addHeadersOnExceeding: {
      'x-ratelimit-limit': false,
      'x-ratelimit-remaining': false,
      'x-ratelimit-reset': false,
    },
    errorResponseBuilder: (_request, { max, after }) =>
      problem(
        'request.rate_limited',
        `More than ${max} requests in ${HTTP_RATE_WINDOW_MS / 1_000} s; wait ${after}`,
      ),
  });
}

function rateKey(request: FastifyRequest): string {
  const { principal } = request;
  if (principal === null) return `address:${request.ip}`;
  const kind = request.routeOptions.config.ingest === true ? 'ingest' : 'request';
  return `${kind}:${principalKey(principal)}`;
}
