/** Tokens for people and scripts. */
import type { FastifyInstance } from 'fastify';
import { TOKEN_LIFETIME_MAX_S, TOKEN_LIFETIME_S } from '../base/limits.ts';
import { principalOf } from '../communication/http/door.ts';
import { describeRoute } from '../communication/http/route-schema.ts';
import { problem } from '../model/errors.ts';
import { type Principal, ROLES, type Role } from '../model/ports/security.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import { record, TOKEN_ANSWER } from './schemas.ts';

export function sessionRoutes(app: FastifyInstance, { security }: SystemFacade): void {
  app.post<{ Body: { name: string; password: string } }>(
    '/api/v1/login',
    {
      config: { access: 'public' },
      schema: describeRoute({
        summary: 'Name and password for a token',
        tag: 'access',
        open: true,
        body: {
          ...record({
            name: { type: 'string', minLength: 1, maxLength: 128 },
            password: { type: 'string', minLength: 1, maxLength: 1_024 },
          }),
          additionalProperties: false,
        },
        answers: { 200: { description: 'A JWT', schema: TOKEN_ANSWER } },
        errors: ['auth.invalid', 'auth.locked'],
      }),
    },
    async (request, reply) => {
      const { name, password } = request.body;
      const session = await security.login(name, password, request.ip);
      if (!session.ok) return await reply.send(session.error);
      return await reply.header('cache-control', 'no-store').send(session.value);
    },
  );

  app.post<{ Body: { subject?: string; role?: Role; lifetimeS?: number } }>(
    '/api/v1/tokens',
    {
      config: { access: 'tokens.write' },
      schema: describeRoute({
        summary: 'Make a token',
        description: 'For oneself where no subject is given. Never for a role above one’s own.',
        tag: 'access',
        body: {
          ...record(
            {
              subject: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$' },
              role: { enum: ROLES },
              lifetimeS: {
                type: 'integer',
                minimum: 1,
                maximum: TOKEN_LIFETIME_MAX_S,
                description: `Seconds; default ${TOKEN_LIFETIME_S}`,
              },
            },
            ['subject', 'role', 'lifetimeS'],
          ),
          additionalProperties: false,
        },
        answers: { 200: { description: 'A JWT', schema: TOKEN_ANSWER } },
      }),
    },
    async (request, reply) => {
      const own = principalOf(request);
      const { subject = own.id, role = ownRole(own), lifetimeS = TOKEN_LIFETIME_S } = request.body;
      if (rank(role) > rank(ownRole(own))) {
        return await reply.send(problem('auth.forbidden', `A token for "${role}" needs that role`));
      }
      const expiresAt = app.clock.now() + lifetimeS * 1_000;
      const token = await security.mint(subject, role, lifetimeS);
      return await reply.header('cache-control', 'no-store').send({ token, expiresAt });
    },
  );
}

/** A device has no role: what it may not do itself, no token of it may. */
const ownRole = (principal: Principal): Role => (principal.kind === 'user' ? principal.role : 'viewer');

/** ROLES stands in falling order. */
const rank = (role: Role): number => ROLES.length - ROLES.indexOf(role);
