/** Reading history back: raw, by interval, latest; as JSON, CSV or Parquet. Sending it is the listener's (ingest). */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { describeRoute } from '../communication/http/route-schema.ts';
import { problem } from '../model/errors.ts';
import type { FileFormat, ReadingRow, ReadingsQuery } from '../model/ports/history.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import {
  formatOf,
  METRIC_PARAMETER,
  metricsFrom,
  READINGS_PARAMETERS,
  type ReadingsParameters,
  readingsQuery,
} from './readings-query.ts';
import { listOf, record, ref } from './schemas.ts';

const PARQUET = 'application/vnd.apache.parquet';
const MEDIA_TYPES = {
  json: 'application/json; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
  parquet: PARQUET,
} as const;

const readingsAnswer = record({ device: { type: 'string' }, readings: listOf(ref('Reading')) });

export function telemetryRoutes(app: FastifyInstance, facade: SystemFacade): void {
  historyRoute(app, facade);
  latestRoute(app, facade);
}

function historyRoute(app: FastifyInstance, { registry, history }: SystemFacade): void {
  app.get<{ Params: { id: string }; Querystring: ReadingsParameters }>(
    '/api/v1/devices/:id/telemetry',
    {
      // HEAD would run the query and throw the answer away.
      exposeHeadRoute: false,
      config: { access: 'telemetry.read', device: 'path' },
      schema: describeRoute({
        summary: 'Read telemetry',
        tag: 'telemetry',
        path: { id: 'Device id' },
        query: READINGS_PARAMETERS,
        answers: {
          200: {
            description: 'Readings in the order of time',
            content: {
              'application/json': readingsAnswer,
              'text/csv': { type: 'string' },
              [PARQUET]: { type: 'string', format: 'binary' },
            },
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
      const query = readingsQuery(id, request.query, app.clock.now());
      if (!query.ok) return await reply.send(query.error);
      // A picture is json, whatever else would be welcome.
      const isPicture = query.value.downsampling !== undefined;
      const format = isPicture ? 'json' : formatOf(request.query, request.headers.accept);
      void reply.header('vary', 'accept');
      return await sendFile(reply, history, query.value, format);
    },
  );
}

function latestRoute(app: FastifyInstance, { registry, history }: SystemFacade): void {
  app.get<{ Params: { id: string }; Querystring: { metric?: readonly string[] } }>(
    '/api/v1/devices/:id/latest',
    {
      config: { access: 'telemetry.read', device: 'path' },
      schema: describeRoute({
        summary: 'The newest reading of each metric',
        tag: 'telemetry',
        path: { id: 'Device id' },
        query: { metric: METRIC_PARAMETER },
        answers: { 200: { description: 'One reading per metric', schema: readingsAnswer } },
        errors: ['device.unknown', 'device.id_invalid', 'query.busy', 'store.unavailable'],
      }),
    },
    async (request, reply) => {
      const { id } = request.params;
      if (registry.get(id) === undefined) {
        return await reply.send(problem('device.unknown', `No device "${id}" is registered`));
      }
      const rows = await history.latest(id, metricsFrom(request.query.metric));
      if (!rows.ok) return await reply.send(rows.error);
      return { device: id, readings: rows.value.map(toReading) };
    },
  );
}

const toReading = ({ metric, ts, value, unit }: ReadingRow): ReadingRow =>
  unit === undefined ? { metric, ts, value } : { metric, ts, value, unit };

async function sendFile(
  reply: FastifyReply,
  history: SystemFacade['history'],
  query: ReadingsQuery,
  format: FileFormat,
): Promise<FastifyReply> {
  const file = await history.file(query, format);
  if (!file.ok) return await reply.send(file.error);
  // A device id has no character that a quoted file name would have to escape.
  const disposition = `attachment; filename="${query.device}.${format}"`;
  if (format !== 'json') void reply.header('content-disposition', disposition);
  const { buffer, byteOffset, byteLength } = file.value;
  return await reply
    .header('content-type', MEDIA_TYPES[format])
    .send(Buffer.from(buffer, byteOffset, byteLength));
}
