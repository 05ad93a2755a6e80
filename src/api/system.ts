/** How the system is: state, health, metrics. */
import type { FastifyInstance } from 'fastify';
import type { Health } from '../base/lifecycle.ts';
import { describeRoute } from '../communication/http/route-schema.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import { record, ref } from './schemas.ts';

type Managers = Readonly<Record<string, Health>>;

const integer = { type: 'integer' };

export function systemRoutes(app: FastifyInstance, facade: SystemFacade): void {
  healthRoutes(app, facade);

  app.get(
    '/metrics',
    {
      config: { access: 'system.read' },
      schema: describeRoute({
        summary: 'Metrics',
        tag: 'system',
        answers: {
          200: { description: 'Prometheus text exposition', content: { 'text/plain': { type: 'string' } } },
        },
      }),
    },
    async (_request, reply) => {
      const { contentType, body } = await facade.metrics();
      return await reply.header('content-type', contentType).send(body);
    },
  );

  app.get(
    '/api/v1/system',
    {
      config: { access: 'system.read' },
      schema: describeRoute({
        summary: 'Version, parts, totals, log',
        tag: 'system',
        answers: {
          200: {
            description: 'As it is now',
            schema: record({
              version: { type: 'string' },
              startedAt: integer,
              managers: { type: 'object' },
              totals: { type: ['object', 'null'], description: 'Null while history restarts' },
              log: record({ first: integer, next: integer, durable: integer, sizeBytes: integer }),
            }),
          },
        },
      }),
    },
    async () => {
      const { version, startedAt, log } = facade;
      const { first, next, durable, sizeBytes } = log;
      const totals = await facade.history.totals();
      return {
        version,
        startedAt,
        managers: facade.health().managers,
        totals: totals.ok ? totals.value : null,
        log: { first, next, durable, sizeBytes },
      };
    },
  );
}

/** Open, and outside the rate limits: who asks is an orchestrator, and a no from us restarts the server. */
function healthRoutes(app: FastifyInstance, facade: SystemFacade): void {
  const config = { access: 'public', rateLimit: false } as const;
  app.get(
    '/healthz',
    {
      config,
      schema: describeRoute({
        summary: 'Alive?',
        description: 'Answers 200 while the process can answer at all.',
        tag: 'system',
        open: true,
        answers: { 200: { description: 'Alive', schema: ref('Health') } },
      }),
    },
    async (_request, reply) => {
      const { managers } = facade.health();
      return await reply.header('cache-control', 'no-store').send({ status: worst(managers), managers });
    },
  );
  app.get(
    '/readyz',
    {
      config,
      schema: describeRoute({
        summary: 'Ready to serve?',
        tag: 'system',
        open: true,
        answers: {
          200: { description: 'Every manager serves', schema: ref('Health') },
          503: { description: 'Not ready', schema: ref('Health') },
        },
      }),
    },
    async (_request, reply) => {
      const { ready, managers } = facade.health();
      void reply.code(ready ? 200 : 503).header('cache-control', 'no-store');
      return await reply.send({ status: worst(managers), managers });
    },
  );
}

function worst(managers: Managers): Health['status'] {
  const statuses = Object.values(managers).map(({ status }) => status);
  return (['down', 'degraded'] as const).find((status) => statuses.includes(status)) ?? 'up';
}
