/** Devices and their credentials. */
import type { FastifyInstance } from 'fastify';
import { DEVICE_PAGE_DEFAULT, DEVICE_PAGE_MAX } from '../base/limits.ts';
import { principalOf } from '../communication/http/door.ts';
import { describeRoute } from '../communication/http/route-schema.ts';
import type { Device, DeviceInput, DevicePatch } from '../model/device.ts';
import { problem } from '../model/errors.ts';
import type { DeviceQuery } from '../model/ports/registry.ts';
import { principalKey } from '../model/ports/security.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import { FILTER_PARAMETERS, type FilterParameters, filterOf } from './device-filter.ts';
import { etagOf, isKnown, versionFrom } from './etag.ts';
import { DEVICE_INPUT, DEVICE_PATCH, listOf, pageSize, record, ref, shortText } from './schemas.ts';

interface ById {
  Params: { id: string };
}

const path = { id: 'Device id' };
/** What a device may refer to, and must not. */
const REFERENCE_ERRORS = [
  'device.identity_taken',
  'gateway.required',
  'gateway.too_many_children',
  'gateway.cycle',
  'group.unknown',
] as const;
const credentials = record({ id: { type: 'string' }, token: { type: 'string', description: 'Shown once' } });
const unknownDevice = (id: string) => problem('device.unknown', `No device "${id}" is registered`);

export function deviceRoutes(app: FastifyInstance, facade: SystemFacade): void {
  collectionRoutes(app, facade);
  readRoute(app, facade);
  changeRoutes(app, facade);
  credentialRoutes(app, facade);
}

function collectionRoutes(app: FastifyInstance, { registry, security, presence }: SystemFacade): void {
  app.get<{ Querystring: FilterParameters & Pick<DeviceQuery, 'after' | 'limit'> }>(
    '/api/v1/devices',
    {
      config: { access: 'devices.read' },
      schema: describeRoute({
        summary: 'List devices',
        tag: 'devices',
        query: {
          ...FILTER_PARAMETERS,
          after: shortText('The `next` of the page before'),
          limit: pageSize(DEVICE_PAGE_MAX),
        },
        answers: {
          200: {
            description: 'One page, in the order of ids',
            schema: record(
              { devices: listOf(ref('ListedDevice')), total: { type: 'integer' }, next: { type: 'string' } },
              ['next'],
            ),
          },
        },
      }),
    },
    (request) => {
      const { after, limit = DEVICE_PAGE_DEFAULT } = request.query;
      const page = registry.list({ ...filterOf(request.query), after, limit });
      return { ...page, devices: page.devices.map((device) => withPresence(device, presence)) };
    },
  );

  app.post<{ Body: DeviceInput }>(
    '/api/v1/devices',
    {
      config: { access: 'devices.write' },
      schema: describeRoute({
        summary: 'Register a device',
        description: 'Answers with its token, which is shown only now.',
        tag: 'devices',
        body: DEVICE_INPUT,
        answers: {
          201: {
            description: 'Registered',
            schema: record({ device: ref('Device'), token: { type: 'string' } }),
          },
        },
        errors: [
          'device.exists',
          'device.id_invalid',
          'device.unknown',
          'device.too_many',
          'profile.unknown',
          ...REFERENCE_ERRORS,
          'registry.unavailable',
        ],
      }),
    },
    async (request, reply) => {
      const added = await registry.add(request.body, principalKey(principalOf(request)));
      if (!added.ok) return await reply.send(added.error);
      const device = added.value;
      const token = await security.issue(device.id);
      const location = `/api/v1/devices/${encodeURIComponent(device.id)}`;
      return await reply
        .code(201)
        .headers({ location, etag: etagOf(device), 'cache-control': 'no-store' })
        .send({ device, token });
    },
  );
}

function withPresence(device: Device, book: SystemFacade['presence']): object {
  const { state, reason, since, confirmed } = book.get(device.id);
  return { ...device, presence: { state, reason, since, confirmed } };
}

function readRoute(app: FastifyInstance, { registry }: SystemFacade): void {
  app.get<ById>(
    '/api/v1/devices/:id',
    {
      config: { access: 'devices.read', device: 'path' },
      schema: describeRoute({
        summary: 'Read a device',
        tag: 'devices',
        path,
        answers: {
          200: { description: 'The device; its version is the ETag', schema: ref('Device') },
          304: { description: 'Not changed since the version in If-None-Match' },
        },
        errors: ['device.unknown', 'device.id_invalid'],
      }),
    },
    async (request, reply) => {
      const device = registry.get(request.params.id);
      if (device === undefined) return await reply.send(unknownDevice(request.params.id));
      const etag = etagOf(device);
      void reply.header('etag', etag);
      if (isKnown(request.headers['if-none-match'], etag)) return await reply.code(304).send();
      return device;
    },
  );
}

function changeRoutes(app: FastifyInstance, { registry }: SystemFacade): void {
  app.patch<ById & { Body: DevicePatch }>(
    '/api/v1/devices/:id',
    {
      config: { access: 'devices.write', device: 'path' },
      schema: describeRoute({
        summary: 'Change a device',
        description: 'With If-Match only the version named is changed.',
        tag: 'devices',
        path,
        body: DEVICE_PATCH,
        answers: { 200: { description: 'As it is now', schema: ref('Device') } },
        errors: [
          'device.unknown',
          'device.id_invalid',
          'device.version_conflict',
          'device.has_children',
          'profile.unknown',
          ...REFERENCE_ERRORS,
        ],
      }),
    },
    async (request, reply) => {
      const version = versionFrom(request.headers['if-match']);
      if (!version.ok) return await reply.send(version.error);
      const by = principalKey(principalOf(request));
      const updated = await registry.update(request.params.id, request.body, by, version.value);
      if (!updated.ok) return await reply.send(updated.error);
      void reply.header('etag', etagOf(updated.value));
      return updated.value;
    },
  );

  app.delete<ById>(
    '/api/v1/devices/:id',
    {
      config: { access: 'devices.write', device: 'path' },
      schema: describeRoute({
        summary: 'Remove a device',
        description: 'Its credentials end with it; its history stays. With If-Match only the version named.',
        tag: 'devices',
        path,
        answers: { 204: { description: 'Removed' } },
        errors: ['device.unknown', 'device.id_invalid', 'device.version_conflict', 'device.has_children'],
      }),
    },
    async (request, reply) => {
      const { id } = request.params;
      const version = versionFrom(request.headers['if-match']);
      if (!version.ok) return await reply.send(version.error);
      const device = registry.get(id);
      if (device !== undefined && isOutdated(device, version.value)) {
        return await reply.send(
          problem('device.version_conflict', `"${id}" is at version ${device.version} now`),
        );
      }
      const removed = await registry.remove(id, principalKey(principalOf(request)));
      return removed.ok ? await reply.code(204).send() : await reply.send(removed.error);
    },
  );
}

const isOutdated = (device: Device, version: number | undefined): boolean =>
  version !== undefined && version !== device.version;

function credentialRoutes(app: FastifyInstance, { registry, security }: SystemFacade): void {
  app.post<ById>(
    '/api/v1/devices/:id/credentials',
    {
      config: { access: 'credentials.write', device: 'path' },
      schema: describeRoute({
        summary: 'Give a device a new token',
        description: 'Earlier tokens stay valid until they are revoked.',
        tag: 'devices',
        path,
        answers: { 201: { description: 'The new token', schema: credentials } },
        errors: ['device.unknown', 'device.id_invalid', 'device.too_many_tokens'],
      }),
    },
    async (request, reply) => {
      const device = registry.get(request.params.id);
      if (device === undefined) return await reply.send(unknownDevice(request.params.id));
      const token = await security.issue(device.id);
      return await reply.code(201).header('cache-control', 'no-store').send({ id: device.id, token });
    },
  );

  app.delete<ById>(
    '/api/v1/devices/:id/credentials',
    {
      config: { access: 'credentials.write', device: 'path' },
      schema: describeRoute({
        summary: 'Revoke all tokens of a device',
        description: 'Its live connections end at once.',
        tag: 'devices',
        path,
        answers: { 204: { description: 'Revoked' } },
        errors: ['device.unknown', 'device.id_invalid'],
      }),
    },
    async (request, reply) => {
      const device = registry.get(request.params.id);
      if (device === undefined) return await reply.send(unknownDevice(request.params.id));
      await security.revoke(device.id);
      return await reply.code(204).send();
    },
  );
}
