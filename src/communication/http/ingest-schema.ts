import { INGEST_REJECTIONS_MAX } from '../../base/limits.ts';
import { describeRoute } from './route-schema.ts';

const bytes = { type: 'string', format: 'binary' };
const readings = { description: '{"metric":value}, {"ts":ms,"values":{…}}, or an array of these' };

/** The body is described for people and not checked here: the intake reads it item by item. */
export const ingestSchema = describeRoute({
  summary: 'Send telemetry',
  description:
    'Answers after the commit: what is accepted is on disk. Items are judged one by one; a rejected item does not ' +
    'hold back the others. Content-Encoding gzip is understood. 8 MiB per request, before and after unpacking.',
  tag: 'telemetry',
  path: { id: 'Device id' },
  consumes: {
    'application/json': readings,
    'application/x-ndjson': { type: 'string', description: 'One JSON item per line' },
    'text/csv': { type: 'string', description: 'First line: column names, one of them ts or time' },
    'application/senml+json': { type: 'array', items: { type: 'object' }, description: 'RFC 8428' },
    'application/senml+cbor': { ...bytes, description: 'RFC 8428' },
  },
  answers: {
    200: {
      description: 'What was accepted, and what was not',
      schema: {
        type: 'object',
        required: ['accepted', 'rejected'],
        properties: {
          accepted: {
            type: 'integer',
            minimum: 0,
            description: 'Items with at least one reading that is stored',
          },
          rejected: {
            type: 'array',
            maxItems: INGEST_REJECTIONS_MAX,
            items: {
              type: 'object',
              required: ['index', 'code', 'message'],
              properties: {
                index: { type: 'integer', minimum: 0, description: 'Item of the request, from 0' },
                code: { type: 'string' },
                message: { type: 'string' },
              },
            },
          },
          rejectedTotal: { type: 'integer', description: 'Present when the list was cut' },
        },
      },
    },
  },
  errors: [
    'payload.empty',
    'payload.not_json',
    'payload.not_csv',
    'payload.not_cbor',
    'payload.not_senml',
    'payload.not_gzip',
    'payload.shape',
    'payload.too_large',
    'payload.unsupported_type',
    'device.unknown',
    'log.congested',
    'log.full',
    'disk.full',
  ],
});
