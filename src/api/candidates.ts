/** What discovery found: the inbox, what is decided about it, and the scanners that fill it. */
import type { FastifyInstance } from 'fastify';
import { DISCOVERY_PAGE_DEFAULT, DISCOVERY_PAGE_MAX } from '../base/limits.ts';
import { principalOf } from '../communication/http/door.ts';
import { describeRoute } from '../communication/http/route-schema.ts';
import { CANDIDATE_STATES } from '../model/discovery.ts';
import { problem } from '../model/errors.ts';
import type { Admission, CandidateQuery } from '../model/ports/discovery.ts';
import { principalKey } from '../model/ports/security.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import { listOf, pageSize, record, ref, shortText } from './schemas.ts';

interface ById {
  Params: { id: string };
}

const path = { id: 'Id of the candidate, as listed' };
const text = { type: 'string' };
const count = { type: 'integer', minimum: 0 };
const time = { type: 'integer', description: 'Milliseconds since the epoch' };
const scalar = { type: ['string', 'number', 'boolean'] };
const texts = listOf(text);

const CANDIDATE = record(
  {
    id: text,
    state: { enum: CANDIDATE_STATES },
    name: text,
    names: texts,
    manufacturer: text,
    model: text,
    identifiers: { type: 'object', additionalProperties: texts, description: 'By kind, the newest first' },
    services: texts,
    attributes: { type: 'object', additionalProperties: scalar },
    signalDbm: { type: 'number' },
    evidence: listOf(
      record({ scanner: text, text, firstSeenAt: time, lastSeenAt: time, count: { ...count } }),
    ),
    suggestion: record({ profile: text, preset: text, reasons: texts }, ['preset']),
    conflicts: { ...texts, description: 'Candidates that claim an identifier of this one' },
    firstSeenAt: time,
    lastSeenAt: time,
    device: { ...text, description: 'What it was admitted as' },
    decidedBy: text,
    decidedAt: time,
  },
  ['manufacturer', 'model', 'signalDbm', 'suggestion', 'device', 'decidedBy', 'decidedAt'],
);

export function candidateRoutes(app: FastifyInstance, facade: SystemFacade): void {
  listRoutes(app, facade);
  admitRoute(app, facade);
  asideRoutes(app, facade);
  scannerRoutes(app, facade);
}

function listRoutes(app: FastifyInstance, { discovery }: SystemFacade): void {
  app.get<{ Querystring: CandidateQuery }>(
    '/api/v1/candidates',
    {
      config: { access: 'devices.read' },
      schema: describeRoute({
        summary: 'List what was found',
        description:
          'Things that scanners saw and nobody has decided about, unless another state is asked for.',
        tag: 'devices',
        query: {
          state: { enum: [...CANDIDATE_STATES, 'all'], description: 'Default new' },
          text: shortText('Part of a name, identifier, service, maker or model'),
          scanner: shortText('Seen by this scanner'),
          after: shortText('The `next` of the page before'),
          limit: pageSize(DISCOVERY_PAGE_MAX),
        },
        answers: {
          200: {
            description: 'One page, in the order of ids',
            schema: record({ candidates: listOf(CANDIDATE), total: count, next: text }, ['next']),
          },
        },
      }),
    },
    (request) => discovery.list({ ...request.query, limit: request.query.limit ?? DISCOVERY_PAGE_DEFAULT }),
  );

  app.get<ById>(
    '/api/v1/candidates/:id',
    {
      config: { access: 'devices.read' },
      schema: describeRoute({
        summary: 'Read a candidate',
        tag: 'devices',
        path,
        answers: { 200: { description: 'With its evidence', schema: CANDIDATE } },
        errors: ['candidate.unknown'],
      }),
    },
    async (request, reply) =>
      discovery.get(request.params.id) ??
      (await reply.send(problem('candidate.unknown', `candidate ${request.params.id.slice(0, 64)}`))),
  );
}

function admitRoute(app: FastifyInstance, { discovery, security }: SystemFacade): void {
  app.post<ById & { Body: Admission & { token?: boolean } }>(
    '/api/v1/candidates/:id/admit',
    {
      config: { access: 'devices.write' },
      schema: describeRoute({
        summary: 'Make a device of a candidate',
        description: 'What the body leaves out is taken from the candidate and its suggestion.',
        tag: 'devices',
        path,
        body: {
          additionalProperties: false,
          ...record(
            {
              id: {
                type: 'string',
                minLength: 1,
                maxLength: 128,
                description: 'Device id; default: from its name',
              },
              name: shortText('For people'),
              profile: shortText('Profile id; default: as suggested'),
              parent: shortText('Gateway it hangs on'),
              gateway: { type: 'boolean' },
              token: { type: 'boolean', description: 'Make a token for it, too' },
            },
            ['id', 'name', 'profile', 'parent', 'gateway', 'token'],
          ),
        },
        answers: {
          201: {
            description: 'Registered',
            schema: record({ candidate: CANDIDATE, device: ref('Device'), token: text }, ['token']),
          },
        },
        errors: [
          'candidate.unknown',
          'candidate.admitted',
          'candidate.blocked',
          'candidate.too_many',
          'device.exists',
          'device.id_invalid',
          'device.unknown',
          'device.too_many',
          'profile.unknown',
          'gateway.required',
          'gateway.too_many_children',
          'registry.unavailable',
        ],
      }),
    },
    async (request, reply) => {
      const { token: wantsToken = false, ...admission } = request.body;
      const admitted = await discovery.admit(
        request.params.id,
        admission,
        principalKey(principalOf(request)),
      );
      if (!admitted.ok) return await reply.send(admitted.error);
      const { id } = admitted.value.device;
      const token = wantsToken ? { token: await security.issue(id) } : {};
      const location = `/api/v1/devices/${encodeURIComponent(id)}`;
      return await reply
        .code(201)
        .headers({ location, 'cache-control': 'no-store' })
        .send({ ...admitted.value, ...token });
    },
  );
}

function asideRoutes(app: FastifyInstance, { discovery }: SystemFacade): void {
  const words = {
    ignore: 'Put a candidate out of sight',
    block: 'Put a candidate out of sight, and keep it from being admitted',
  } as const;
  for (const verb of ['ignore', 'block'] as const) {
    app.post<ById>(
      `/api/v1/candidates/:id/${verb}`,
      {
        config: { access: 'devices.write' },
        schema: describeRoute({
          summary: words[verb],
          tag: 'devices',
          path,
          answers: { 200: { description: 'As it is now; on disk', schema: CANDIDATE } },
          errors: ['candidate.unknown', 'candidate.admitted', 'candidate.too_many', 'state.failed'],
        }),
      },
      async (request, reply) => {
        const by = principalKey(principalOf(request));
        const decided = await discovery[verb](request.params.id, by);
        return await reply.send(decided.ok ? decided.value : decided.error);
      },
    );
  }

  app.delete<ById>(
    '/api/v1/candidates/:id',
    {
      config: { access: 'devices.write' },
      schema: describeRoute({
        summary: 'Forget a candidate and what was decided about it',
        description: 'It is new again when it is seen next.',
        tag: 'devices',
        path,
        answers: { 204: { description: 'Forgotten' } },
        errors: ['candidate.unknown', 'candidate.admitted', 'state.failed'],
      }),
    },
    async (request, reply) => {
      const forgotten = await discovery.forget(request.params.id, principalKey(principalOf(request)));
      return forgotten.ok ? await reply.code(204).send() : await reply.send(forgotten.error);
    },
  );
}

function scannerRoutes(app: FastifyInstance, { discovery }: SystemFacade): void {
  app.get(
    '/api/v1/discovery',
    {
      config: { access: 'devices.read' },
      schema: describeRoute({
        summary: 'Read the scanners of discovery',
        tag: 'devices',
        answers: {
          200: {
            description: 'Each with its condition',
            schema: record({
              scanners: listOf(
                record({
                  name: text,
                  condition: record(
                    { state: { enum: ['stopped', 'running', 'unavailable'] }, reason: text },
                    ['reason'],
                  ),
                  paceMs: { ...count, description: 'From one look to the next' },
                  sightings: count,
                  dropped: { ...count, description: 'Over its rate' },
                }),
              ),
            }),
          },
        },
      }),
    },
    () => ({ scanners: discovery.scanners() }),
  );

  app.post(
    '/api/v1/discovery/scan',
    {
      config: { access: 'devices.write' },
      schema: describeRoute({
        summary: 'Have all scanners look now',
        tag: 'devices',
        answers: { 204: { description: 'They look within a second' } },
      }),
    },
    async (_request, reply) => {
      discovery.rescan();
      return await reply.code(204).send();
    },
  );
}
