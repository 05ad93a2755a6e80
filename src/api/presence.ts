/** Whether a device is there, and why we think so. */
import type { FastifyInstance } from 'fastify';
import { describeRoute } from '../communication/http/route-schema.ts';
import { problem } from '../model/errors.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import { ref } from './schemas.ts';

export function presenceRoutes(app: FastifyInstance, { registry, presence }: SystemFacade): void {
  app.get<{ Params: { id: string } }>(
    '/api/v1/devices/:id/presence',
    {
      config: { access: 'devices.read', device: 'path' },
      schema: describeRoute({
        summary: 'Is a device there, and why',
        tag: 'devices',
        path: { id: 'Device id' },
        answers: { 200: { description: 'Its presence now', schema: ref('Presence') } },
        errors: ['device.unknown', 'device.id_invalid'],
      }),
    },
    async (request, reply) => {
      const { id } = request.params;
      if (registry.get(id) === undefined)
        return await reply.send(problem('device.unknown', `No device "${id}" is registered`));
      return { device: id, ...presence.get(id) };
    },
  );
}
