/**
 * Telemetry over HTTP: takes the bytes of a batch as they came, hands them to the intake and answers item by item
 * after the commit. Knows content types and encodings, nothing of what is inside.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HTTP_BODY_MAX_BYTES, INGEST_REJECTIONS_MAX } from '../../base/limits.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import { parseDeviceId } from '../../model/ids.ts';
import type { PayloadFormat } from '../../model/packet.ts';
import type { IngestReceipt, Intake } from '../../model/ports/history.ts';
import type { DropReason } from '../../model/ports/ledger.ts';
import { BodyBudget } from './body-budget.ts';
import { contentCoding, unzip } from './content-encoding.ts';
import { ingestSchema } from './ingest-schema.ts';

const FORMATS: Readonly<Record<string, PayloadFormat>> = {
  'application/json': 'json',
  'application/x-ndjson': 'ndjson',
  'text/csv': 'csv',
  'application/senml+json': 'senml+json',
  'application/senml+cbor': 'senml+cbor',
};

interface BoundedReceipt extends IngestReceipt {
  /** How many were rejected, where the list was cut at INGEST_REJECTIONS_MAX. */
  readonly rejectedTotal?: number;
}

export async function ingestDoor(app: FastifyInstance, intake: Intake): Promise<void> {
  const budget = new BodyBudget();
  app.decorateRequest('isSubmitted', false);
  await app.register(async (door) => {
    door.removeAllContentTypeParsers();
    door.addContentTypeParser(
      Object.keys(FORMATS),
      { parseAs: 'buffer', bodyLimit: HTTP_BODY_MAX_BYTES },
      (_request, body, done) => done(null, body),
    );
    door.addHook('preParsing', (request, reply, _payload, done) => {
      const release = budget.reserve(heldBytes(request));
      if (release === undefined) {
        done(problem('request.busy', 'Too many telemetry bodies are being received'));
        return;
      }
      reply.raw.once('close', release);
      done();
    });
    door.addHook('onResponse', (request, reply, done) => {
      if (!request.isSubmitted) countRefusal(request, reply.statusCode, intake);
      done();
    });
    door.post<{ Params: { id: string } }>(
      '/api/v1/devices/:id/telemetry',
      {
        bodyLimit: HTTP_BODY_MAX_BYTES,
        schema: ingestSchema,
        config: { access: 'telemetry.write', device: 'path', ingest: true },
      },
      async (request, reply) => {
        const receipt = await take(request, intake);
        if (!receipt.ok) return await reply.send(receipt.error);
        return bounded(receipt.value);
      },
    );
  });
}

async function take(
  request: FastifyRequest<{ Params: { id: string } }>,
  intake: Intake,
): Promise<Result<IngestReceipt, SensoriumError>> {
  const receivedAt = request.server.clock.now();
  const device = parseDeviceId(request.params.id);
  if (!device.ok) return device;
  const body = await readBody(request);
  if (!body.ok) return body;
  const format = FORMATS[request.mediaType ?? ''] ?? 'auto';
  request.isSubmitted = true;
  return await intake.submit({ device: device.value, body: body.value, format, receivedAt });
}

/** Why, by status: what the answer said. 401 is nobody we know, and 404 no device. */
const REASONS: Readonly<Partial<Record<number, DropReason>>> = {
  403: 'denied',
  413: 'too_large',
  429: 'rate_limited',
  503: 'busy',
};

/** For the ledger: a batch that came and got no further than this door. */
function countRefusal(request: FastifyRequest, status: number, intake: Intake): void {
  const { principal } = request;
  if (status < 400 || status === 401 || status === 404 || principal === null) return;
  const { id } = request.params as { readonly id: string };
  // A device that may not send for another is the one who did.
  const device = parseDeviceId(principal.kind === 'device' && status === 403 ? principal.id : id);
  if (!device.ok) return;
  const reason = REASONS[status] ?? 'invalid';
  intake.refused({ device: device.value, receivedAt: request.server.clock.now(), reason });
}

async function readBody(request: FastifyRequest): Promise<Result<Uint8Array, SensoriumError>> {
  const { body } = request;
  if (!(body instanceof Uint8Array) || body.byteLength === 0) {
    return err(problem('payload.empty', 'The request has no body'));
  }
  const coding = contentCoding(request.headers['content-encoding']);
  if (!coding.ok) return coding;
  return coding.value === 'gzip' ? await unzip(body) : ok(body);
}

/** What this request may hold: a compressed body can grow to the limit. Undefined = not told. */
function heldBytes(request: FastifyRequest): number | undefined {
  const { 'content-length': length, 'content-encoding': coding } = request.headers;
  const bytes = Number(length ?? Number.NaN);
  return coding === undefined && Number.isSafeInteger(bytes) ? bytes : undefined;
}

function bounded({ accepted, rejected }: IngestReceipt): BoundedReceipt {
  if (rejected.length <= INGEST_REJECTIONS_MAX) return { accepted, rejected };
  return {
    accepted,
    rejected: rejected.slice(0, INGEST_REJECTIONS_MAX),
    rejectedTotal: rejected.length,
  };
}
