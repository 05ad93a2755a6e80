/** What did not get through: packets with their reasons, to look at, try again and drop; events whose handler failed. */
import type { FastifyInstance } from 'fastify';
import { PAGE_DEFAULT, PAGE_MAX, REPLAY_STEP_PACKETS_MAX } from '../base/limits.ts';
import { err, ok, type Result } from '../base/result.ts';
import { describeRoute } from '../communication/http/route-schema.ts';
import { problem, type SensoriumError } from '../model/errors.ts';
import type { QuarantineFilter, QuarantineStep } from '../model/ports/quarantine.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import { RANGE_PARAMETERS, readRange } from './readings-query.ts';
import { listOf, pageSize, record, ref, shortText } from './schemas.ts';

interface FilterParameters {
  readonly device?: string;
  readonly code?: string;
  readonly from?: string;
  readonly to?: string;
}

interface StepParameters extends FilterParameters {
  readonly offset?: number;
  readonly after?: number;
  readonly limit?: number;
}

const text = { type: 'string' };
const integer = { type: 'integer' };
const count = { type: 'integer', minimum: 0 };
const FILTER = {
  device: shortText('Only of this device'),
  code: shortText('Only with this reason'),
  ...RANGE_PARAMETERS,
} as const;

const STEP = {
  ...FILTER,
  offset: { ...count, description: 'Only this packet' },
  after: { ...count, description: 'The `next` of the step before' },
  limit: { type: 'integer', minimum: 1, maximum: REPLAY_STEP_PACKETS_MAX, description: 'Packets at most' },
} as const;

const OUTCOME = {
  200: {
    description: 'What one step came to; with `next`, there are more',
    schema: ref('QuarantineOutcome'),
  },
};
const STEP_ERRORS = [
  'query.invalid',
  'quarantine.busy',
  'store.unavailable',
  'store.failed',
  'disk.full',
] as const;

export function quarantineRoutes(app: FastifyInstance, facade: SystemFacade): void {
  listRoute(app, facade);
  packetRoutes(app, facade);
  stepRoutes(app, facade);
  deadLetterRoute(app, facade);
}

function listRoute(app: FastifyInstance, { quarantine }: SystemFacade): void {
  app.get<{ Querystring: FilterParameters & { limit?: number } }>(
    '/api/v1/quarantine',
    {
      config: { access: 'quarantine.read', device: 'query' },
      schema: describeRoute({
        summary: 'What was refused, and why',
        description: 'One row per reason; a packet with several refused items has several.',
        tag: 'telemetry',
        query: { ...FILTER, limit: pageSize() },
        answers: {
          200: {
            description: 'Newest packets first',
            schema: record({ items: listOf(ref('QuarantineRow')) }),
          },
        },
        errors: ['query.invalid', 'store.unavailable', 'device.id_invalid'],
      }),
    },
    async (request, reply) => {
      const filter = filterOf(request.query, app.clock.now());
      if (!filter.ok) return await reply.send(filter.error);
      const { limit = PAGE_DEFAULT } = request.query;
      const rows = await quarantine.list({ ...filter.value, limit });
      return rows.ok ? { items: rows.value } : await reply.send(rows.error);
    },
  );
}

function packetRoutes(app: FastifyInstance, { quarantine }: SystemFacade): void {
  const path = { offset: 'Offset of the packet, as listed' };
  app.get<{ Params: { offset: string } }>(
    '/api/v1/quarantine/:offset',
    {
      config: { access: 'quarantine.read' },
      schema: describeRoute({
        summary: 'Read a refused packet',
        tag: 'telemetry',
        path,
        answers: {
          200: {
            description: 'Its reasons and its payload',
            schema: record(
              {
                items: listOf(ref('QuarantineRow')),
                refused: {
                  ...count,
                  description: 'Refused values and items; `items` lists the first of them',
                },
                format: text,
                payload: { type: 'string', contentEncoding: 'base64' },
              },
              ['payload'],
            ),
          },
        },
        errors: ['quarantine.unknown', 'store.unavailable'],
      }),
    },
    async (request, reply) => {
      const offset = offsetOf(request.params.offset);
      const packet = offset.ok ? await quarantine.show(offset.value) : offset;
      if (!packet.ok) return await reply.send(packet.error);
      const { rows: items, refused, format, payload } = packet.value;
      const bytes = payload === undefined ? {} : { payload: Buffer.from(payload).toString('base64') };
      return { items, refused, format, ...bytes };
    },
  );

  app.delete<{ Params: { offset: string } }>(
    '/api/v1/quarantine/:offset',
    {
      config: { access: 'quarantine.write' },
      schema: describeRoute({
        summary: 'Drop a refused packet',
        tag: 'telemetry',
        path,
        answers: { 204: { description: 'Gone; the ledger counts it as discarded' } },
        errors: ['quarantine.unknown', ...STEP_ERRORS],
      }),
    },
    async (request, reply) => {
      const offset = offsetOf(request.params.offset);
      const step = offset.ok ? await quarantine.step({ action: 'drop', offset: offset.value }) : offset;
      if (!step.ok) return await reply.send(step.error);
      if (step.value.dropped === 0) return await reply.send(unknownPacket(request.params.offset));
      return await reply.code(204).send();
    },
  );
}

function stepRoutes(app: FastifyInstance, facade: SystemFacade): void {
  app.post<{ Body: StepParameters & { dryRun?: boolean } }>(
    '/api/v1/quarantine/replay',
    {
      config: { access: 'quarantine.write' },
      schema: describeRoute({
        summary: 'Try refused packets again, by today’s profiles',
        description:
          'Oldest first, in one commit. What is stored has left the quarantine and keeps its times; of a packet ' +
          'that is stored in part, only the refused values are tried.',
        tag: 'telemetry',
        body: {
          ...record({ ...STEP, dryRun: { type: 'boolean', description: 'Only say what would come of it' } }, [
            ...Object.keys(STEP),
            'dryRun',
          ]),
        },
        answers: OUTCOME,
        errors: STEP_ERRORS,
      }),
    },
    async (request, reply) => {
      const { dryRun = false, ...parameters } = request.body;
      const step = stepOf(dryRun ? 'dry-run' : 'replay', parameters, app.clock.now());
      const outcome = step.ok ? await facade.quarantine.step(step.value) : step;
      return await reply.send(outcome.ok ? outcome.value : outcome.error);
    },
  );

  app.delete<{ Querystring: StepParameters }>(
    '/api/v1/quarantine',
    {
      config: { access: 'quarantine.write' },
      schema: describeRoute({
        summary: 'Drop refused packets',
        description: 'For good. Of a packet that is stored in part, only what was refused goes.',
        tag: 'telemetry',
        query: STEP,
        answers: OUTCOME,
        errors: STEP_ERRORS,
      }),
    },
    async (request, reply) => {
      const step = stepOf('drop', request.query, app.clock.now());
      const outcome = step.ok ? await facade.quarantine.step(step.value) : step;
      return await reply.send(outcome.ok ? outcome.value : outcome.error);
    },
  );
}

function deadLetterRoute(app: FastifyInstance, { events }: SystemFacade): void {
  app.get<{ Querystring: { limit?: number } }>(
    '/api/v1/dead-letters',
    {
      config: { access: 'quarantine.read' },
      schema: describeRoute({
        summary: 'Events whose handler failed for good',
        tag: 'events',
        query: { limit: pageSize(PAGE_MAX) },
        answers: {
          200: {
            description: 'Oldest first; the newest where a limit is given',
            schema: record({
              items: listOf(
                record({
                  event: { type: 'object' },
                  handler: text,
                  attempts: integer,
                  error: text,
                  at: integer,
                }),
              ),
            }),
          },
        },
      }),
    },
    (request) => ({ items: events.deadLetters().slice(-(request.query.limit ?? PAGE_MAX)) }),
  );
}

const unknownPacket = (offset: string): SensoriumError => problem('quarantine.unknown', `packet ${offset}`);

/** What is no number is no packet's offset. */
const offsetOf = (offset: string): Result<number, SensoriumError> =>
  /^\d{1,15}$/.test(offset) ? ok(Number(offset)) : err(unknownPacket(offset.slice(0, 32)));

function stepOf(
  action: QuarantineStep['action'],
  { offset, after, limit, ...parameters }: StepParameters,
  now: number,
): Result<QuarantineStep, SensoriumError> {
  const filter = filterOf(parameters, now);
  return filter.ok ? ok({ action, ...filter.value, offset, after, limit }) : filter;
}

/** Times are those of receipt. */
function filterOf(
  { device, code, ...range }: FilterParameters,
  now: number,
): Result<QuarantineFilter, SensoriumError> {
  const times = readRange(range, now);
  return times.ok ? ok({ device, code, since: times.value.from, until: times.value.to }) : times;
}
