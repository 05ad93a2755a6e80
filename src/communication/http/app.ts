/** Builds the Fastify instance: bounds first, then who may come in, then the routes. */
import type { Server, ServerResponse } from 'node:http';
import { type FastifyHttpOptions, type FastifyInstance, fastify } from 'fastify';
import type { Clock } from '../../base/clock.ts';
import { InvariantError } from '../../base/invariant.ts';
import {
  DEVICE_ID_MAX_CHARS,
  HTTP_API_BODY_MAX_BYTES,
  HTTP_CONNECTIONS_MAX,
  HTTP_HEADERS_TIMEOUT_MS,
  HTTP_KEEP_ALIVE_MS,
  HTTP_REQUEST_TIMEOUT_MS,
  HTTP_TIMEOUT_CHECK_MS,
} from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import { problem } from '../../model/errors.ts';
import type { Intake } from '../../model/ports/history.ts';
import type { Meter } from '../../model/ports/meter.ts';
import type { SecurityFacade } from '../../model/ports/security.ts';
import { guardRoutes } from './access.ts';
import { onClientError } from './client-error.ts';
import { contentCoding } from './content-encoding.ts';
import type { HttpDoor } from './door.ts';
import { ingestDoor } from './ingest.ts';
import { parseJsonBody } from './json-body.ts';
import { measureRequests } from './measure.ts';
import { errorHandler, PROBLEM_TYPE, problemDocument, sendProblem, translate } from './problem.ts';
import { limitRates } from './rate.ts';
import { answerNotFound, keepRouteTable } from './route-table.ts';
import { checkRequest } from './schema-check.ts';
import { addSecurityHeaders } from './security-headers.ts';
import { serveUpgrades, type Upgrades } from './upgrades.ts';

export interface AppOptions {
  readonly security: SecurityFacade;
  readonly intake: Intake;
  readonly doors: readonly HttpDoor[];
  readonly upgrades?: Upgrades | undefined;
  readonly meter: Meter;
  readonly logger: Logger;
  readonly clock: Clock;
}

export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { security, intake, doors, upgrades = {}, meter, logger, clock } = options;
  const app: FastifyInstance = fastify(serverOptions());
  app.setValidatorCompiler(() => () => true);
  app.server.maxConnections = HTTP_CONNECTIONS_MAX;
  app.server.headersTimeout = HTTP_HEADERS_TIMEOUT_MS;
  app.server.on('checkExpectation', refuseExpectation);
  app.decorate('clock', clock);
  app.setErrorHandler(errorHandler(logger));
  keepRouteTable(app);
  refuseAtTheDoor(app);
  measureRequests(app, meter, logger);
  addSecurityHeaders(app);
  guardRoutes(app, { security, logger });
  readBodies(app);
  await limitRates(app);
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, answerNotFound);
  for (const door of doors) await door(app);
  await ingestDoor(app, intake);
  await app.ready();
  serveUpgrades(app.server, upgrades);
  return app;
}

function serverOptions(): FastifyHttpOptions<Server> {
  return {
    logger: false,
    bodyLimit: HTTP_API_BODY_MAX_BYTES,
    requestTimeout: HTTP_REQUEST_TIMEOUT_MS,
    keepAliveTimeout: HTTP_KEEP_ALIVE_MS,
    // Ours answers with a problem document; Fastify's would answer first, and in its own shape.
    return503OnClosing: false,
    // An id that is too long must reach the route to be told so; percent-encoding triples it.
    routerOptions: { maxParamLength: DEVICE_ID_MAX_CHARS * 4 },
    http: {
      // Checked below: Node would answer without a body.
      requireHostHeader: false,
      connectionsCheckingInterval: HTTP_TIMEOUT_CHECK_MS,
      // An upgrade we do not speak (h2c, as curl --http2 asks) is a plain request (RFC 9110, section 7.8).
      shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
    },
    clientErrorHandler: onClientError,
    frameworkErrors: (cause, _request, reply) => void sendProblem(reply, translate(cause)),
    // Schemas are compiled with their first use (schema-check.ts): ajv and fast-json-stringify are never loaded.
    schemaController: {
      compilersFactory: { buildValidator: neverBuilt, buildSerializer: () => () => JSON.stringify },
    },
  };
}

const neverBuilt = (): never => {
  throw new InvariantError('the validator compiler is set');
};

function refuseAtTheDoor(app: FastifyInstance): void {
  let stopping = false;
  app.addHook('preClose', (done) => {
    stopping = true;
    done();
  });
  app.addHook('onRequest', ({ raw }, _reply, done) => {
    if (stopping) done(problem('server.stopping', 'The server is stopping'));
    // RFC 9112, section 3.2.
    else if (raw.headers.host === undefined && raw.httpVersion === '1.1') {
      done(problem('request.invalid', 'The Host header is missing'));
    } else done();
  });
}

function readBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    if (body.length === 0) {
      done(null, undefined);
      return;
    }
    const parsed = parseJsonBody(Buffer.isBuffer(body) ? body : Buffer.from(body));
    if (parsed.ok) done(null, parsed.value);
    else done(parsed.error);
  });
  app.addHook('preParsing', (request, _reply, _payload, done) => {
    const coding = contentCoding(request.headers['content-encoding']);
    if (!coding.ok) done(coding.error);
    else if (coding.value === 'gzip' && request.routeOptions.config.ingest !== true) {
      done(problem('payload.unsupported_type', 'Content-Encoding gzip is for telemetry only'));
    } else done();
  });
  app.addHook('preValidation', async (request, reply) => {
    const fault = await checkRequest(request);
    if (fault !== undefined) await reply.send(fault);
  });
}

/** RFC 9110, section 10.1.1: only 100-continue is known, and Node answers that one itself. */
function refuseExpectation(_request: unknown, response: ServerResponse): void {
  const refusal = problem('request.invalid', 'This expectation (Expect header) cannot be met');
  const body = JSON.stringify(problemDocument(refusal));
  response.writeHead(refusal.status, {
    'content-type': PROBLEM_TYPE,
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}
