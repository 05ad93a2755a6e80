/** Device profiles: versioned, added, never changed. */
import type { FastifyInstance } from 'fastify';
import { principalOf } from '../communication/http/door.ts';
import { describeRoute } from '../communication/http/route-schema.ts';
import { problem } from '../model/errors.ts';
import { principalKey } from '../model/ports/security.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import type { ProfileInput } from '../model/profile.ts';
import { listOf, PROFILE_INPUT, record, ref } from './schemas.ts';

export function profileRoutes(app: FastifyInstance, facade: SystemFacade): void {
  const { registry } = facade;
  removeRoute(app, facade);
  app.get(
    '/api/v1/profiles',
    {
      config: { access: 'profiles.read' },
      schema: describeRoute({
        summary: 'List profiles',
        tag: 'profiles',
        answers: {
          200: { description: 'All profiles', schema: record({ profiles: listOf(ref('Profile')) }) },
        },
      }),
    },
    () => ({ profiles: registry.profiles() }),
  );

  app.get<{ Params: { id: string } }>(
    '/api/v1/profiles/:id',
    {
      config: { access: 'profiles.read' },
      schema: describeRoute({
        summary: 'Read a profile',
        tag: 'profiles',
        path: { id: 'Profile id' },
        answers: { 200: { description: 'Its newest version', schema: ref('Profile') } },
        errors: ['profile.unknown'],
      }),
    },
    async (request, reply) => {
      const { id } = request.params;
      const profile = registry.profile(id);
      if (profile !== undefined) return profile;
      return await reply.send(problem('profile.unknown', `There is no profile "${id.slice(0, 128)}"`));
    },
  );

  app.post<{ Body: ProfileInput }>(
    '/api/v1/profiles',
    {
      config: { access: 'profiles.write' },
      schema: describeRoute({
        summary: 'Add a profile, or a new version of one',
        tag: 'profiles',
        body: PROFILE_INPUT,
        answers: { 201: { description: 'Added', schema: ref('Profile') } },
        errors: ['profile.invalid', 'profile.exists', 'expression.invalid', 'expression.too_costly'],
      }),
    },
    async (request, reply) => {
      const put = await registry.putProfile(request.body, principalKey(principalOf(request)));
      if (!put.ok) return await reply.send(put.error);
      const location = `/api/v1/profiles/${encodeURIComponent(put.value.id)}`;
      return await reply.code(201).header('location', location).send(put.value);
    },
  );
}

function removeRoute(app: FastifyInstance, { administration }: SystemFacade): void {
  app.delete<{ Params: { id: string } }>(
    '/api/v1/profiles/:id',
    {
      config: { access: 'profiles.write' },
      schema: describeRoute({
        summary: 'Remove a profile that no device has',
        description: 'All its versions.',
        tag: 'profiles',
        path: { id: 'Profile id' },
        answers: { 204: { description: 'Removed' } },
        errors: ['profile.unknown', 'profile.in_use', 'profile.built_in', 'registry.unavailable'],
      }),
    },
    async (request, reply) => {
      const by = principalKey(principalOf(request));
      const removed = await administration.removeProfile(request.params.id, by);
      return removed.ok ? await reply.code(204).send() : await reply.send(removed.error);
    },
  );
}
