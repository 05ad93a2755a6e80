import type { FastifyInstance } from 'fastify';
import type { Logger } from '../../base/logger.ts';
import type { Meter } from '../../model/ports/meter.ts';

/** Counts every answer, and times those that end by themselves. Labels are route patterns, never paths. */
export function measureRequests(app: FastifyInstance, meter: Meter, logger: Logger): void {
  app.addHook('onResponse', (request, reply, done) => {
    const { url: route = 'none', config } = request.routeOptions;
    const { elapsedTime } = reply;
    meter.add('iot_requests_total', 1, { protocol: 'http', status: String(reply.statusCode) });
    if (config.stream !== true) {
      meter.observe('iot_response_time_seconds', elapsedTime / 1_000, { protocol: 'http', route });
    }
    const { id, method } = request;
    logger.debug({ request: id, method, route, status: reply.statusCode, ms: elapsedTime }, 'http');
    done();
  });
}
