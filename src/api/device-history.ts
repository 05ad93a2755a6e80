/** What was done to a device: who, what, when. */
import type { FastifyInstance } from 'fastify';
import { DEVICE_HISTORY_MAX } from '../base/limits.ts';
import { describeRoute } from '../communication/http/route-schema.ts';
import { problem } from '../model/errors.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import { listOf, record, ref } from './schemas.ts';

export function deviceHistoryRoute(app: FastifyInstance, { registry, administration }: SystemFacade): void {
  app.get<{ Params: { id: string } }>(
    '/api/v1/devices/:id/history',
    {
      config: { access: 'devices.read', device: 'path' },
      schema: describeRoute({
        summary: 'The changes of a device',
        description:
          `The last ${DEVICE_HISTORY_MAX}, newest first; also of a device that is gone. What a device reports of ` +
          'itself is not among them.',
        tag: 'devices',
        path: { id: 'Device id' },
        answers: {
          200: { description: 'Its changes', schema: record({ changes: listOf(ref('DeviceChange')) }) },
        },
        errors: ['device.unknown', 'device.id_invalid'],
      }),
    },
    async (request, reply) => {
      const { id } = request.params;
      const changes = administration.history(id);
      if (changes.length > 0 || registry.get(id) !== undefined) return { changes };
      return await reply.send(problem('device.unknown', `Nothing is known of a device "${id}"`));
    },
  );
}
