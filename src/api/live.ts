/** Readings as they are stored, over a WebSocket. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LIVE_INCOMING_MAX_BYTES } from '../base/limits.ts';
import { BEARER_PROTOCOL } from '../communication/http/access.ts';
import { principalOf } from '../communication/http/door.ts';
import { describeRoute } from '../communication/http/route-schema.ts';
import { problem, type SensoriumError } from '../model/errors.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import type { Reading } from '../model/reading.ts';
import { LiveSocket } from './live-socket.ts';
import type { OpenStreams } from './open-streams.ts';
import { shortText } from './schemas.ts';

/** RFC 6455, section 11.3.4: a client in a browser must see one of the subprotocols it offered. */
const PROTOCOL = 'sensorium.v1';
/** RFC 6455, section 7.4.1, and its registry: try again later. */
const CLOSE_BUSY = 1013;

export async function liveRoutes(
  app: FastifyInstance,
  facade: SystemFacade,
  streams: OpenStreams,
): Promise<void> {
  const { default: websocket } = await import('@fastify/websocket');
  await app.register(websocket, {
    options: { maxPayload: LIVE_INCOMING_MAX_BYTES, handleProtocols: chooseProtocol },
    errorHandler: (_error, socket) => socket.terminate(),
  });
  app.route<{ Querystring: { device?: string } }>({
    method: 'GET',
    url: '/api/v1/live',
    exposeHeadRoute: false,
    config: { access: 'telemetry.read', device: 'query', filtered: true, stream: true },
    schema: describeRoute({
      summary: 'Readings as they are stored',
      description:
        'A WebSocket; messages are {"readings":[{"device","metric","ts","value","unit"}],"dropped":n}, where n is ' +
        'what this client was too slow for. Browsers send the token as subprotocol ' +
        `"${BEARER_PROTOCOL}<token>" beside "${PROTOCOL}".`,
      tag: 'telemetry',
      query: { device: shortText('Only of this device') },
      answers: { 101: { description: 'Switching to WebSocket' } },
      errors: ['device.id_invalid'],
    }),
    preValidation: (request, _reply, done) => done(foreignOrigin(request)),
    handler: async (_request, reply) =>
      await reply.send(problem('request.invalid', 'This is a WebSocket: send Upgrade: websocket')),
    wsHandler: (socket, request) => {
      if (streams.full) {
        socket.close(CLOSE_BUSY, 'request.busy');
        return;
      }
      const principal = principalOf(request);
      const { device } = request.query;
      const own = (reading: Reading): boolean =>
        facade.security.allows(principal, 'telemetry.read', reading.device);
      const client = new LiveSocket({ socket, principal });
      const visible = device === undefined && principal.kind === 'device' ? own : undefined;
      const removals: (() => void)[] = [];
      socket.once('close', () => {
        for (const remove of removals) remove();
      });
      removals.push(streams.add(client));
      const unwatch = facade.live.watch({ device }, (readings, dropped) => {
        client.send(visible === undefined ? readings : readings.filter(visible), dropped);
      });
      removals.push(unwatch);
    },
  });
}

const chooseProtocol = (offered: ReadonlySet<string>): string | false => {
  if (offered.has(PROTOCOL)) return PROTOCOL;
  return [...offered].find((one) => one.startsWith(BEARER_PROTOCOL)) ?? false;
};

/** A page of another site must not use a socket of ours (RFC 6455, section 10.2); programs send no Origin. */
function foreignOrigin(request: FastifyRequest): SensoriumError | undefined {
  const { origin, host } = request.headers;
  if (origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)) return undefined;
  return problem('auth.forbidden', `Pages of ${origin.slice(0, 128)} may not connect here`);
}
