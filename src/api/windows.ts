/** Windows that profiles declare, as they were told: one row per window, the newest revision of it. */
import type { FastifyInstance } from 'fastify';
import { METRICS_PER_QUERY_MAX, QUERY_LIMIT_DEFAULT } from '../base/limits.ts';
import { err, ok, type Result } from '../base/result.ts';
import { describeRoute, type JsonSchema } from '../communication/http/route-schema.ts';
import { problem, type SensoriumError } from '../model/errors.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import { WINDOW_CAUSES, type WindowsQuery } from '../model/windows.ts';
import { metricsFrom, READINGS_PARAMETERS, type ReadingsParameters, readRange } from './readings-query.ts';
import { listOf, record } from './schemas.ts';

type WindowsParameters = Pick<ReadingsParameters, 'metric' | 'from' | 'to' | 'limit' | 'order'> & {
  readonly window?: string;
};

const text: JsonSchema = { type: 'string' };
const number: JsonSchema = { type: 'number' };
const time: JsonSchema = { type: 'integer', description: 'Milliseconds since the epoch' };
/** A double goes up to 1.8e308; what is beyond (the deviation of huge values) is null. */
const finite: JsonSchema = { type: ['number', 'null'] };

const { metric, from, to, limit } = READINGS_PARAMETERS;
const PARAMETERS: Readonly<Record<string, JsonSchema>> = {
  window: { type: 'string', maxLength: 64, description: 'Name in the profile; all windows when absent' },
  metric: metric ?? text,
  from: from ?? text,
  to: to ?? text,
  limit: limit ?? number,
  order: { enum: ['asc', 'desc'], description: 'By start; default asc' },
};

const windowRow = record(
  {
    metric: text,
    unit: { type: 'string', description: 'UCUM code' },
    window: { type: 'string', description: 'Name in the profile' },
    start: { ...time, description: 'Milliseconds since the epoch, inclusive' },
    end: { ...time, description: 'Milliseconds since the epoch, exclusive' },
    count: { type: 'integer', minimum: 1 },
    min: number,
    max: number,
    mean: finite,
    stddev: { ...finite, description: 'Of the sample (n − 1); 0 for one reading' },
    last: number,
    lastTs: time,
    quantiles: {
      type: 'object',
      additionalProperties: number,
      description: 'As declared: {"0.5": 21.25}; exact up to 128 readings, within 1% beyond',
    },
    revision: { type: 'integer', minimum: 1, description: 'Above 1: late readings amended it' },
    cause: { enum: WINDOW_CAUSES, description: 'What closed it: event time, silence, or a bound' },
  },
  ['unit', 'quantiles'],
);

export function windowRoutes(app: FastifyInstance, { registry, history }: SystemFacade): void {
  app.get<{ Params: { id: string }; Querystring: WindowsParameters }>(
    '/api/v1/devices/:id/windows',
    {
      exposeHeadRoute: false,
      config: { access: 'telemetry.read', device: 'path' },
      schema: describeRoute({
        summary: 'Read declared windows',
        tag: 'telemetry',
        path: { id: 'Device id' },
        query: PARAMETERS,
        answers: {
          200: {
            description: 'Windows in the order of their start',
            schema: record({ device: text, windows: listOf(windowRow) }),
          },
        },
        errors: [
          'device.unknown',
          'device.id_invalid',
          'query.invalid',
          'query.too_wide',
          'query.timeout',
          'query.busy',
          'store.unavailable',
        ],
      }),
    },
    async (request, reply) => {
      const { id } = request.params;
      if (registry.get(id) === undefined) {
        return await reply.send(problem('device.unknown', `No device "${id}" is registered`));
      }
      const query = windowsQuery(id, request.query, app.clock.now());
      if (!query.ok) return await reply.send(query.error);
      const rows = await history.windows(query.value);
      if (!rows.ok) return await reply.send(rows.error);
      return { device: id, windows: rows.value };
    },
  );
}

function windowsQuery(
  device: string,
  parameters: WindowsParameters,
  now: number,
): Result<WindowsQuery, SensoriumError> {
  const range = readRange(parameters, now);
  if (!range.ok) return range;
  const metrics = metricsFrom(parameters.metric);
  if (metrics !== undefined && metrics.length > METRICS_PER_QUERY_MAX) {
    return err(problem('query.invalid', `metric: names more than ${METRICS_PER_QUERY_MAX} metrics`));
  }
  const { window, limit: most = QUERY_LIMIT_DEFAULT, order } = parameters;
  return ok({ device, metrics, window, ...range.value, limit: most, descending: order === 'desc' });
}
