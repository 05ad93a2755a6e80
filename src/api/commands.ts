/** Commands to devices: a call that waits for the reply, or gets a handle to ask again. */
import type { FastifyInstance } from 'fastify';
import {
  COMMAND_LIST_MAX,
  COMMAND_TIMEOUT_DEFAULT_MS,
  COMMAND_WAIT_MAX_MS,
  PAGE_DEFAULT,
} from '../base/limits.ts';
import { principalOf } from '../communication/http/door.ts';
import { describeRoute } from '../communication/http/route-schema.ts';
import { type Command, type CommandTerms, commandTerms, isOpen } from '../model/commands.ts';
import { problem, type SensoriumError } from '../model/errors.ts';
import { principalKey } from '../model/ports/security.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import { listOf, pageSize, record, ref } from './schemas.ts';

const WAIT = {
  type: 'number',
  minimum: 0,
  maximum: COMMAND_WAIT_MAX_MS / 1_000,
  description: 'Seconds to wait for the end; 0 = not at all',
} as const;

const BODY = {
  type: 'object',
  properties: {
    arguments: {
      type: 'object',
      additionalProperties: {},
      description: 'As the profile has them; default none',
    },
    ...commandTerms,
  },
  additionalProperties: false,
} as const;

const ended = { description: 'It has ended: answered or failed', schema: ref('Command') };
const open = {
  description: 'It has not ended; ask for it again at Location',
  schema: ref('Command'),
};

interface Sending {
  Params: { id: string; name: string };
  Body: CommandTerms & { readonly arguments?: Readonly<Record<string, unknown>> };
  Querystring: { readonly wait?: number };
}

export function commandRoutes(app: FastifyInstance, facade: SystemFacade): void {
  sendRoute(app, facade);
  listRoute(app, facade);
  handleRoutes(app, facade);
}

function sendRoute(app: FastifyInstance, { commands }: SystemFacade): void {
  app.post<Sending>(
    '/api/v1/devices/:id/commands/:name',
    {
      config: { access: 'commands.write', device: 'path', stream: true },
      schema: describeRoute({
        summary: 'Send a command to a device',
        description:
          'Waits for the reply, and answers 202 with a handle where that takes longer. A device that is away gets it ' +
          'when it comes back, if that is before the expiry.',
        tag: 'commands',
        path: { id: 'Device id', name: 'Command, as the profile names it' },
        query: {
          wait: {
            ...WAIT,
            description: `${WAIT.description}; default ${COMMAND_TIMEOUT_DEFAULT_MS / 1_000}`,
          },
        },
        body: BODY,
        answers: { 200: ended, 202: open },
        errors: [
          'device.unknown',
          'device.id_invalid',
          'command.unknown',
          'command.arguments',
          'command.queue_full',
          'command.expired',
          'registry.unavailable',
        ],
      }),
    },
    async (request, reply) => {
      const { id: device, name } = request.params;
      const { arguments: args = {}, ...terms } = request.body;
      const { wait = COMMAND_TIMEOUT_DEFAULT_MS / 1_000 } = request.query;
      const by = principalKey(principalOf(request));
      const sent = await commands.send({ device, name, arguments: args, terms, by, waitMs: wait * 1_000 });
      if (!sent.ok) return await reply.send(sent.error);
      const command = sent.value;
      void reply.header('location', `/api/v1/commands/${command.id}`);
      if (command.state === 'expired') return await reply.send(expired(command));
      return await reply.code(isOpen(command) ? 202 : 200).send(command);
    },
  );
}

function listRoute(app: FastifyInstance, { registry, commands }: SystemFacade): void {
  app.get<{ Params: { id: string }; Querystring: { limit?: number } }>(
    '/api/v1/devices/:id/commands',
    {
      config: { access: 'commands.read', device: 'path' },
      schema: describeRoute({
        summary: 'The commands of a device',
        tag: 'commands',
        path: { id: 'Device id' },
        query: { limit: pageSize(COMMAND_LIST_MAX) },
        answers: {
          200: {
            description: 'Open ones and those that ended, newest first',
            schema: record({ commands: listOf(ref('Command')) }),
          },
        },
        errors: ['device.unknown', 'device.id_invalid'],
      }),
    },
    async (request, reply) => {
      const { id: device } = request.params;
      if (registry.get(device) === undefined)
        return await reply.send(problem('device.unknown', `No device "${device}" is registered`));
      return { commands: commands.list({ device, limit: request.query.limit ?? PAGE_DEFAULT }) };
    },
  );
}

function handleRoutes(app: FastifyInstance, { commands }: SystemFacade): void {
  const path = { request: 'Id of the command' };
  app.get<{ Params: { request: string }; Querystring: { wait?: number } }>(
    '/api/v1/commands/:request',
    {
      config: { access: 'commands.read', stream: true },
      schema: describeRoute({
        summary: 'Read a command, or wait for its end',
        tag: 'commands',
        path,
        query: { wait: WAIT },
        answers: { 200: { ...ended, description: 'As it is now' } },
        errors: ['command.not_found'],
      }),
    },
    async (request, reply) => {
      const { wait = 0 } = request.query;
      const command = await commands.wait(request.params.request, wait * 1_000);
      return command ?? (await reply.send(notFound(request.params.request)));
    },
  );

  app.delete<{ Params: { request: string } }>(
    '/api/v1/commands/:request',
    {
      config: { access: 'commands.write' },
      schema: describeRoute({
        summary: 'Cancel a command',
        description:
          'It is not sent any more, and a reply to it is ignored. What was sent cannot be called back.',
        tag: 'commands',
        path,
        answers: { 200: { ...ended, description: 'Cancelled' } },
        errors: ['command.not_found', 'command.ended'],
      }),
    },
    async (request, reply) => {
      const by = principalKey(principalOf(request));
      const cancelled = await commands.cancel(request.params.request, by);
      return cancelled.ok ? cancelled.value : await reply.send(cancelled.error);
    },
  );
}

const notFound = (request: string): SensoriumError =>
  problem('command.not_found', `There is no command "${request.slice(0, 64)}"`);

function expired({ id, device, reason, attempts }: Command): SensoriumError {
  const why = reason === 'offline' ? 'was not there in time' : `did not answer (sent ${attempts} times)`;
  return problem('command.expired', `${device} ${why}; request ${id}`);
}
