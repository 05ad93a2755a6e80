/** Twins of devices: what is desired of them and what they report. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { err, ok, type Result } from '../base/result.ts';
import { principalOf } from '../communication/http/door.ts';
import { InvalidRequest } from '../communication/http/problem.ts';
import { describeRoute, type JsonSchema } from '../communication/http/route-schema.ts';
import type { SensoriumError } from '../model/errors.ts';
import { principalKey } from '../model/ports/security.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import type { TwinEdit } from '../model/ports/twins.ts';
import { type JsonObject, TWIN_PARTS, type Twin, type TwinPart } from '../model/twin.ts';
import { listOf, record, ref } from './schemas.ts';

interface ById {
  Params: { id: string };
}

const path = { id: 'Device id' };
const PROPERTIES: JsonSchema = {
  type: 'object',
  additionalProperties: {},
  description: 'JSON merge patch (RFC 7396): null removes',
};
const EDIT_ERRORS = [
  'device.unknown',
  'device.id_invalid',
  'twin.version_conflict',
  'twin.invalid',
  'twin.busy',
  'state.failed',
  'disk.full',
] as const;
const CONDITION = 'With If-Match (the ETag as given, or *) only where that part is still as it was.';

export function twinRoutes(app: FastifyInstance, facade: SystemFacade): void {
  readRoutes(app, facade);
  desiredRoutes(app, facade);
  reportedRoute(app, facade);
}

function readRoutes(app: FastifyInstance, { twins }: SystemFacade): void {
  app.get<ById>(
    '/api/v1/devices/:id/twin',
    {
      config: { access: 'twin.read', device: 'path' },
      schema: describeRoute({
        summary: 'Read the twin of a device',
        tag: 'twins',
        path,
        answers: {
          200: {
            description:
              'Both parts, and what is not done yet; the ETag is "desired.reported", their versions',
            schema: ref('Twin'),
          },
        },
        errors: ['device.unknown', 'device.id_invalid'],
      }),
    },
    async (request, reply) => await answer(reply, twins.get(request.params.id)),
  );

  app.get<ById & { Querystring: { readonly part?: TwinPart } }>(
    '/api/v1/devices/:id/twin/history',
    {
      config: { access: 'twin.read', device: 'path' },
      schema: describeRoute({
        summary: 'Read the last changes of a twin',
        tag: 'twins',
        path,
        query: { part: { enum: TWIN_PARTS, description: 'Default desired' } },
        answers: {
          200: {
            description: 'The youngest first',
            schema: record({ changes: listOf(ref('TwinChange')) }),
          },
        },
        errors: ['device.unknown', 'device.id_invalid'],
      }),
    },
    async (request, reply) => {
      const history = twins.history(request.params.id, request.query.part ?? 'desired');
      return await reply.send(history.ok ? { changes: history.value } : history.error);
    },
  );
}

function desiredRoutes(app: FastifyInstance, facade: SystemFacade): void {
  app.patch<ById & { Body: { readonly desired: JsonObject } }>(
    '/api/v1/devices/:id/twin',
    {
      config: { access: 'twin.write', device: 'path' },
      schema: describeRoute({
        summary: 'Change what is desired of a device',
        description: `The device is told at once if it is connected, else when it comes back. ${CONDITION}`,
        tag: 'twins',
        path,
        body: {
          type: 'object',
          required: ['desired'],
          properties: { desired: PROPERTIES },
          additionalProperties: false,
        },
        answers: { 200: { description: 'As it is now', schema: ref('Twin') } },
        errors: EDIT_ERRORS,
      }),
    },
    async (request, reply) => {
      const edit = { part: 'desired', how: 'merge', properties: request.body.desired } as const;
      const by = principalKey(principalOf(request));
      return await change(reply, facade, { ...edit, device: request.params.id, by });
    },
  );

  app.put<ById & { Body: JsonObject }>(
    '/api/v1/devices/:id/twin/desired',
    {
      config: { access: 'twin.write', device: 'path' },
      schema: describeRoute({
        summary: 'Replace what is desired of a device',
        description: `What is not in it is desired no longer. ${CONDITION}`,
        tag: 'twins',
        path,
        body: { ...PROPERTIES, description: 'All that is desired' },
        answers: { 200: { description: 'As it is now', schema: ref('Twin') } },
        errors: EDIT_ERRORS,
      }),
    },
    async (request, reply) => {
      const edit = { part: 'desired', how: 'replace', properties: request.body } as const;
      const by = principalKey(principalOf(request));
      return await change(reply, facade, { ...edit, device: request.params.id, by });
    },
  );
}

function reportedRoute(app: FastifyInstance, facade: SystemFacade): void {
  app.patch<ById & { Body: JsonObject }>(
    '/api/v1/devices/:id/twin/reported',
    {
      config: { access: 'twin.report', device: 'path' },
      schema: describeRoute({
        summary: 'Report what a device is',
        description: `For devices that do not speak MQTT; they and their gateways may do it. ${CONDITION}`,
        tag: 'twins',
        path,
        body: PROPERTIES,
        answers: { 200: { description: 'As it is now, with what is still to be done', schema: ref('Twin') } },
        errors: EDIT_ERRORS,
      }),
    },
    async (request, reply) => {
      const edit = { part: 'reported', how: 'merge', properties: request.body } as const;
      const by = principalKey(principalOf(request));
      return await change(reply, facade, { ...edit, device: request.params.id, by });
    },
  );
}

async function change(
  reply: FastifyReply,
  { twins }: SystemFacade,
  edit: Omit<TwinEdit, 'version'>,
): Promise<FastifyReply> {
  const version = versionOf(reply.request.headers['if-match'], edit.part);
  if (!version.ok) return await reply.send(version.error);
  return await answer(reply, await twins.edit({ ...edit, version: version.value }));
}

async function answer(reply: FastifyReply, twin: Result<Twin, SensoriumError>): Promise<FastifyReply> {
  if (!twin.ok) return await reply.send(twin.error);
  const { desired, reported } = twin.value;
  return await reply.header('etag', `"${desired.version}.${reported.version}"`).send(twin.value);
}

/** `If-Match` (RFC 9110, section 13.1.1): of the two versions the one of the part that is changed; undefined = any. */
function versionOf(ifMatch: string | undefined, part: TwinPart): Result<number | undefined, SensoriumError> {
  if (ifMatch === undefined || ifMatch.trim() === '*') return ok(undefined);
  const match = /^(?:W\/)?"(\d{1,15})\.(\d{1,15})"$/.exec(ifMatch.trim());
  const version = match?.[part === 'desired' ? 1 : 2];
  if (version !== undefined) return ok(Number(version));
  return err(new InvalidRequest([{ field: 'header.if-match', message: 'must be one ETag as given, or *' }]));
}
