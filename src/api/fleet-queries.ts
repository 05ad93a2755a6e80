/** Questions about the whole fleet: the last values of its devices page by page, and devices ranked by a metric. */
import type { FastifyInstance } from 'fastify';
import {
  DEVICE_PAGE_DEFAULT,
  DEVICE_PAGE_MAX,
  METRICS_PER_QUERY_MAX,
  TOP_DEFAULT,
  TOP_MAX,
} from '../base/limits.ts';
import { describeRoute, type JsonSchema } from '../communication/http/route-schema.ts';
import { problem } from '../model/errors.ts';
import { AGGREGATES, type Aggregate } from '../model/ports/history.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import { METRIC_PARAMETER, metricsFrom, RANGE_PARAMETERS, readRange } from './readings-query.ts';
import { listOf, pageSize, record, ref, shortText } from './schemas.ts';

interface LatestParameters {
  readonly metric?: readonly string[];
  readonly after?: string;
  readonly limit?: number;
}

interface TopParameters {
  readonly metric?: string;
  readonly from?: string;
  readonly to?: string;
  readonly agg?: Aggregate;
  readonly order?: 'asc' | 'desc';
  readonly limit?: number;
}

const text: JsonSchema = { type: 'string' };

const deviceLatest = record({ device: text, readings: listOf(ref('Reading')) });

const rankedDevice = record(
  {
    device: text,
    value: {
      type: ['number', 'boolean', 'null'],
      description: 'null where a sum or deviation is beyond 1.8e308',
    },
    unit: { type: 'string', description: 'UCUM code' },
    count: { type: 'integer', minimum: 1, description: 'Readings that the value was made of' },
  },
  ['unit'],
);

export function fleetQueryRoutes(app: FastifyInstance, facade: SystemFacade): void {
  latestRoute(app, facade);
  topRoute(app, facade);
}

function latestRoute(app: FastifyInstance, { history }: SystemFacade): void {
  app.get<{ Querystring: LatestParameters }>(
    '/api/v1/telemetry/latest',
    {
      exposeHeadRoute: false,
      config: { access: 'telemetry.read' },
      schema: describeRoute({
        summary: 'The last values of all devices',
        description:
          'Registered devices that have sent one of the metrics, page by page in the order of ids. A page ends early ' +
          'where its devices have very many metrics: go on while there is a `next`.',
        tag: 'telemetry',
        query: {
          metric: METRIC_PARAMETER,
          after: shortText('The `next` of the page before'),
          limit: { ...pageSize(DEVICE_PAGE_MAX), description: `Devices; default ${DEVICE_PAGE_DEFAULT}` },
        },
        answers: {
          200: {
            description: 'One page; the newest reading of each metric',
            schema: record({ devices: listOf(deviceLatest), next: text }, ['next']),
          },
        },
        errors: ['query.invalid', 'query.timeout', 'query.busy', 'store.unavailable'],
      }),
    },
    async (request, reply) => {
      const { metric, after, limit = DEVICE_PAGE_DEFAULT } = request.query;
      const metrics = metricsFrom(metric);
      if (metrics !== undefined && metrics.length > METRICS_PER_QUERY_MAX) {
        return await reply.send(
          problem('query.invalid', `metric: names more than ${METRICS_PER_QUERY_MAX} metrics`),
        );
      }
      const page = await history.fleetLatest({ metrics, after, limit });
      return await reply.send(page.ok ? page.value : page.error);
    },
  );
}

function topRoute(app: FastifyInstance, { history }: SystemFacade): void {
  app.get<{ Querystring: TopParameters }>(
    '/api/v1/telemetry/top',
    {
      exposeHeadRoute: false,
      config: { access: 'telemetry.read' },
      schema: describeRoute({
        summary: 'Devices ranked by a metric',
        description:
          'Registered devices in the order of one aggregate of the metric over the time range; equal ones in the order of ' +
          'ids. Numbers and booleans; a device that sent the metric in several units has a row for each.',
        tag: 'telemetry',
        query: {
          metric: { type: 'string', minLength: 1, maxLength: 128, description: 'Required' },
          ...RANGE_PARAMETERS,
          agg: { enum: AGGREGATES, description: 'Of the readings in the range; default max' },
          order: { enum: ['desc', 'asc'], description: 'Largest or smallest first; default desc' },
          limit: { type: 'integer', minimum: 1, maximum: TOP_MAX, description: `Default ${TOP_DEFAULT}` },
        },
        answers: {
          200: {
            description: 'The ranking',
            schema: record({ metric: text, agg: { enum: AGGREGATES }, devices: listOf(rankedDevice) }),
          },
        },
        errors: ['query.invalid', 'query.too_wide', 'query.timeout', 'query.busy', 'store.unavailable'],
      }),
    },
    async (request, reply) => {
      const { metric, agg = 'max', order, limit = TOP_DEFAULT, ...range } = request.query;
      if (metric === undefined) return await reply.send(problem('query.invalid', 'metric: must be named'));
      const times = readRange(range, app.clock.now());
      if (!times.ok) return await reply.send(times.error);
      const asked = { metric, aggregate: agg, limit, ascending: order === 'asc', ...times.value };
      const devices = await history.fleetTop(asked);
      return await reply.send(devices.ok ? { metric, agg, devices: devices.value } : devices.error);
    },
  );
}
