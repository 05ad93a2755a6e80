/** MQTT clients: who is connected, whose session is kept, and the end of either. */
import type { FastifyInstance } from 'fastify';
import { PAGE_DEFAULT, PAGE_MAX } from '../base/limits.ts';
import { principalOf } from '../communication/http/door.ts';
import { describeRoute } from '../communication/http/route-schema.ts';
import { problem } from '../model/errors.ts';
import type { ClientQuery } from '../model/ports/clients.ts';
import { principalKey } from '../model/ports/security.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import { listOf, pageSize, record, ref, shortText } from './schemas.ts';

interface ById {
  Params: { id: string };
}

const path = {
  id: 'Number of the session, as listed: client ids are any text, and each principal has its own',
};
const count = { type: 'integer', minimum: 0 };
const unknownClient = (id: string) => problem('client.unknown', `No client has the id "${id}"`);

/** What is no number is no client's id, and -1 is nobody's. */
const numberOf = (id: string): number => (/^[0-9]{1,15}$/.test(id) ? Number(id) : -1);

export function clientRoutes(app: FastifyInstance, facade: SystemFacade): void {
  app.get<{ Querystring: ClientQuery }>(
    '/api/v1/clients',
    {
      config: { access: 'clients.read' },
      schema: describeRoute({
        summary: 'List MQTT clients',
        description: 'Connected ones, and sessions that are kept for a client that is away.',
        tag: 'clients',
        query: {
          text: shortText('Part of the client id or of the name of its principal'),
          connected: { type: 'boolean', description: 'Connected ones only, or only the others' },
          after: { ...count, description: 'The `next` of the page before' },
          limit: pageSize(PAGE_MAX),
        },
        answers: {
          200: {
            description: 'One page, in the order of ids; `total` and `connected` count all clients',
            schema: record({ clients: listOf(ref('Client')), total: count, connected: count, next: count }, [
              'next',
            ]),
          },
        },
      }),
    },
    (request) => facade.clients.list({ ...request.query, limit: request.query.limit ?? PAGE_DEFAULT }),
  );
  oneClientRoutes(app, facade);
}

function oneClientRoutes(app: FastifyInstance, facade: SystemFacade): void {
  app.get<ById>(
    '/api/v1/clients/:id',
    {
      config: { access: 'clients.read' },
      schema: describeRoute({
        summary: 'Read an MQTT client',
        tag: 'clients',
        path,
        answers: { 200: { description: 'The client with its subscriptions', schema: ref('ClientDetail') } },
        errors: ['client.unknown'],
      }),
    },
    async (request, reply) =>
      facade.clients.get(numberOf(request.params.id)) ?? (await reply.send(unknownClient(request.params.id))),
  );

  app.delete<ById & { Querystring: { end?: boolean } }>(
    '/api/v1/clients/:id',
    {
      config: { access: 'clients.write' },
      schema: describeRoute({
        summary: 'Disconnect an MQTT client',
        description: 'Nothing keeps it from coming back; end its credentials where it should not.',
        tag: 'clients',
        path,
        query: {
          end: {
            type: 'boolean',
            description: 'Its session, too: subscriptions and what waits are forgotten',
          },
        },
        answers: { 204: { description: 'Disconnected; a session that ended is gone from disk' } },
        errors: ['client.unknown'],
      }),
    },
    async (request, reply) => {
      const { id } = request.params;
      const by = principalKey(principalOf(request));
      const isKnown = await facade.clients.disconnect(numberOf(id), { end: request.query.end === true, by });
      return isKnown ? await reply.code(204).send() : await reply.send(unknownClient(id));
    },
  );
}
