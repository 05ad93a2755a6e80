import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { problem } from '../../model/errors.ts';
import type { RouteEntry } from './door.ts';
import { sendProblem } from './problem.ts';

/** Remembers every route that is added from now on, and answers for the paths that have none. */
export function keepRouteTable(app: FastifyInstance): void {
  const table: RouteEntry[] = [];
  app.decorate('routeTable', table);
  app.addHook('onRoute', ({ method, url, schema, config }) => {
    // Plugins change the schema of a route afterwards (a WebSocket route is hidden): keep it as it was given.
    const entry = { url, schema: schema === undefined ? undefined : { ...schema }, access: config?.access };
    for (const one of [method].flat()) table.push({ ...entry, method: one });
  });
}

/** 405 with the methods there are, where the path exists (RFC 9110, section 15.5.6); else 404. */
export function answerNotFound(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const path = request.url.split('?', 1)[0] ?? '';
  const methods = request.server.routeTable
    .filter(({ url }) => matches(url, path))
    .map(({ method }) => method);
  if (methods.length === 0) {
    return sendProblem(reply, problem('request.not_found', `There is no ${path.slice(0, 128)}`));
  }
  const allowed = [...new Set(methods)].toSorted().join(', ');
  void reply.header('allow', allowed);
  return sendProblem(
    reply,
    problem('request.method', `${request.method} is not allowed here, only ${allowed}`),
  );
}

function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split('/');
  const given = path.split('/');
  return (
    wanted.length === given.length &&
    wanted.every((part, i) => (part.startsWith(':') ? given[i] !== '' : part === given[i]))
  );
}
