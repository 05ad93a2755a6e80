/**
 * The OpenAPI 3.1 document of every route there is. Built with the first request for it, by a second Fastify
 * instance that is thrown away: the generator costs the start and an idle process nothing.
 */
import type { FastifyInstance } from 'fastify';
import type { RouteEntry } from '../communication/http/door.ts';
import { describeRoute } from '../communication/http/route-schema.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import { SHARED_SCHEMAS } from './schemas.ts';

export function openApiRoutes(app: FastifyInstance, { version }: SystemFacade): void {
  let document: Promise<string> | undefined;
  app.get(
    '/api/openapi.json',
    {
      config: { access: 'public' },
      schema: describeRoute({
        summary: 'This document',
        tag: 'system',
        open: true,
        answers: { 200: { description: 'OpenAPI 3.1', schema: { type: 'object' } } },
      }),
    },
    async (_request, reply) => {
      document ??= buildDocument(app.routeTable, version);
      return await reply.type('application/json; charset=utf-8').send(await document);
    },
  );
}

async function buildDocument(routes: readonly RouteEntry[], version: string): Promise<string> {
  const { fastify } = await import('fastify');
  const { default: swagger } = await import('@fastify/swagger');
  const draft = fastify();
  draft.setValidatorCompiler(() => () => true);
  draft.setSerializerCompiler(() => JSON.stringify);
  await draft.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Sensorium',
        version,
        description: 'Errors are RFC 9457 problem documents with a stable `code`; see docs/errors.md.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', description: 'A device token, or a JWT of a user' },
        },
      },
    },
    refResolver: {
      buildLocalReference: ({ $id }, _uri, _fragment, i) => (typeof $id === 'string' ? $id : `def-${i}`),
    },
    convertConstToEnum: false,
  });
  for (const [name, schema] of Object.entries(SHARED_SCHEMAS)) draft.addSchema({ ...schema, $id: name });
  for (const { method, url, schema } of routes) {
    if (method === 'HEAD') continue;
    draft.route({
      method: method,
      url,
      exposeHeadRoute: false,
      schema,
      handler: () => undefined,
    });
  }
  await draft.ready();
  const text = JSON.stringify(draft.swagger());
  await draft.close();
  return text;
}
