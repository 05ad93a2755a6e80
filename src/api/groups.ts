/** Groups of devices. Who is in one stands with the devices: PATCH /api/v1/devices/{id}. */
import type { FastifyInstance } from 'fastify';
import { principalOf } from '../communication/http/door.ts';
import { describeRoute } from '../communication/http/route-schema.ts';
import type { GroupInput } from '../model/device-group.ts';
import { problem } from '../model/errors.ts';
import { principalKey } from '../model/ports/security.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import { GROUP_INPUT, listOf, record, ref } from './schemas.ts';

interface ById {
  Params: { id: string };
}
const path = { id: 'Group id' };

export function groupRoutes(app: FastifyInstance, facade: SystemFacade): void {
  readRoutes(app, facade);
  writeRoutes(app, facade);
}

function readRoutes(app: FastifyInstance, { administration }: SystemFacade): void {
  app.get(
    '/api/v1/groups',
    {
      config: { access: 'devices.read' },
      schema: describeRoute({
        summary: 'List groups',
        tag: 'devices',
        answers: { 200: { description: 'All, by id', schema: record({ groups: listOf(ref('Group')) }) } },
      }),
    },
    () => ({ groups: administration.groups() }),
  );

  app.get<ById>(
    '/api/v1/groups/:id',
    {
      config: { access: 'devices.read' },
      schema: describeRoute({
        summary: 'Read a group',
        tag: 'devices',
        path,
        answers: { 200: { description: 'The group', schema: ref('Group') } },
        errors: ['group.unknown'],
      }),
    },
    async (request, reply) => {
      const { id } = request.params;
      const group = administration.group(id);
      return group ?? (await reply.send(problem('group.unknown', `There is no group "${id.slice(0, 128)}"`)));
    },
  );
}

function writeRoutes(app: FastifyInstance, { administration }: SystemFacade): void {
  app.post<{ Body: GroupInput }>(
    '/api/v1/groups',
    {
      config: { access: 'devices.write' },
      schema: describeRoute({
        summary: 'Make a group, or change its name and description',
        tag: 'devices',
        body: GROUP_INPUT,
        answers: { 200: { description: 'As it is now', schema: ref('Group') } },
        errors: ['device.id_invalid', 'group.too_many', 'registry.unavailable'],
      }),
    },
    async (request, reply) => {
      const put = await administration.putGroup(request.body, principalKey(principalOf(request)));
      return put.ok ? put.value : await reply.send(put.error);
    },
  );

  app.delete<ById>(
    '/api/v1/groups/:id',
    {
      config: { access: 'devices.write' },
      schema: describeRoute({
        summary: 'Remove a group that no device is in',
        tag: 'devices',
        path,
        answers: { 204: { description: 'Removed' } },
        errors: ['group.unknown', 'group.in_use', 'registry.unavailable'],
      }),
    },
    async (request, reply) => {
      const by = principalKey(principalOf(request));
      const removed = await administration.removeGroup(request.params.id, by);
      return removed.ok ? await reply.code(204).send() : await reply.send(removed.error);
    },
  );
}
