/** What did not get through: packets and readings with their reason, events whose handler failed for good. */
import type { FastifyInstance } from 'fastify';
import { PAGE_DEFAULT, PAGE_MAX } from '../base/limits.ts';
import { describeRoute } from '../communication/http/route-schema.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import { listOf, pageSize, record, shortText } from './schemas.ts';

const text = { type: 'string' };
const integer = { type: 'integer' };

export function quarantineRoutes(app: FastifyInstance, { history, events }: SystemFacade): void {
  app.get<{ Querystring: { device?: string; limit?: number } }>(
    '/api/v1/quarantine',
    {
      config: { access: 'quarantine.read', device: 'query' },
      schema: describeRoute({
        summary: 'What was refused, and why',
        tag: 'telemetry',
        query: { device: shortText('Only of this device'), limit: pageSize() },
        answers: {
          200: {
            description: 'Newest first',
            schema: record({
              items: listOf(
                record({
                  offset: integer,
                  device: text,
                  topic: text,
                  receivedAt: integer,
                  index: integer,
                  code: text,
                  message: text,
                  sample: text,
                }),
              ),
            }),
          },
        },
        errors: ['store.unavailable', 'device.id_invalid'],
      }),
    },
    async (request, reply) => {
      const { device, limit = PAGE_DEFAULT } = request.query;
      const rows = await history.quarantine({ device, limit });
      return rows.ok ? { items: rows.value } : await reply.send(rows.error);
    },
  );

  app.get<{ Querystring: { limit?: number } }>(
    '/api/v1/dead-letters',
    {
      config: { access: 'quarantine.read' },
      schema: describeRoute({
        summary: 'Events whose handler failed for good',
        tag: 'events',
        query: { limit: pageSize(PAGE_MAX) },
        answers: {
          200: {
            description: 'Oldest first; the newest where a limit is given',
            schema: record({
              items: listOf(
                record({
                  event: { type: 'object' },
                  handler: text,
                  attempts: integer,
                  error: text,
                  at: integer,
                }),
              ),
            }),
          },
        },
      }),
    },
    (request) => ({ items: events.deadLetters().slice(-(request.query.limit ?? PAGE_MAX)) }),
  );
}
