/** Reading history back: raw, by interval, latest; as JSON, CSV or Parquet. Sending it is the listener's (ingest). */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { ROWS_PER_CHUNK } from '../base/limits.ts';
import { describeRoute } from '../communication/http/route-schema.ts';
import { problem } from '../model/errors.ts';
import type { ReadingRow, ReadingsQuery } from '../model/ports/history.ts';
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
const MEDIA_TYPES = { csv: 'text/csv; charset=utf-8', parquet: PARQUET } as const;

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
      const format = formatOf(request.query, request.headers.accept);
      void reply.header('vary', 'accept');
      if (format !== 'json') return await sendFile(reply, history, query.value, format);
      const rows = await history.readings(query.value);
      if (!rows.ok) return await reply.send(rows.error);
      return await sendRows(reply, id, rows.value);
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
  format: 'csv' | 'parquet',
): Promise<FastifyReply> {
  const file = await history.file(query, format);
  if (!file.ok) return await reply.send(file.error);
  // A device id has no character that a quoted file name would have to escape.
  void reply.header('content-disposition', `attachment; filename="${query.device}.${format}"`);
  const { buffer, byteOffset, byteLength } = file.value;
  return await reply
    .header('content-type', MEDIA_TYPES[format])
    .send(Buffer.from(buffer, byteOffset, byteLength));
}

/** Large answers are written in pieces: a million rows in one string would stop everything for a second. */
async function sendRows(
  reply: FastifyReply,
  device: string,
  rows: readonly ReadingRow[],
): Promise<FastifyReply> {
  if (rows.length <= ROWS_PER_CHUNK) return await reply.send({ device, readings: rows.map(toReading) });
  return await reply.type('application/json; charset=utf-8').send(Readable.from(jsonPieces(device, rows)));
}

function* jsonPieces(device: string, rows: readonly ReadingRow[]): Generator<string> {
  yield `{"device":${JSON.stringify(device)},"readings":[`;
  for (let i = 0; i < rows.length; i += ROWS_PER_CHUNK) {
    const piece = JSON.stringify(rows.slice(i, i + ROWS_PER_CHUNK).map(toReading)).slice(1, -1);
    yield i === 0 ? piece : `,${piece}`;
  }
  yield ']}';
}
