/** The event stream: every event of the platform a client may see, as server-sent events with CloudEvents inside. */
import type { FastifyInstance } from 'fastify';
import { principalOf } from '../communication/http/door.ts';
import { InvalidRequest } from '../communication/http/problem.ts';
import { describeRoute } from '../communication/http/route-schema.ts';
import { problem } from '../model/errors.ts';
import { type AnyEvent, EVENT_TYPES, type EventType } from '../model/events.ts';
import type { EventSubscriber } from '../model/ports/events.ts';
import type { Authorizer, Principal } from '../model/ports/security.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import { EventStream, frame } from './event-stream.ts';
import type { OpenStreams } from './open-streams.ts';
import { shortText } from './schemas.ts';

interface EventFilter {
  readonly types: ReadonlySet<EventType> | undefined;
  readonly device: string | undefined;
}

interface Client extends EventFilter {
  readonly stream: EventStream;
}

export function eventRoutes(app: FastifyInstance, facade: SystemFacade, streams: OpenStreams): void {
  const fan = new EventFan(facade.events, facade.security);
  app.get<{ Querystring: { type?: readonly string[]; device?: string } }>(
    '/api/v1/events',
    {
      exposeHeadRoute: false,
      config: { access: 'events.read', device: 'query', filtered: true, stream: true },
      schema: describeRoute({
        summary: 'Events as they happen',
        description:
          'Server-sent events; `event` is the type, `data` a CloudEvent. A client that reads too slowly is told ' +
          '`event: lost` with the count; `event: end` says why the server ended the stream.',
        tag: 'events',
        query: {
          type: {
            type: 'array',
            items: { type: 'string', maxLength: 1_024 },
            description: `Repeated, or a list with commas: ${EVENT_TYPES.join(', ')}`,
          },
          device: shortText('Only about this device'),
        },
        answers: {
          200: { description: 'The stream', content: { 'text/event-stream': { type: 'string' } } },
        },
        errors: ['request.busy', 'device.id_invalid'],
      }),
    },
    async (request, reply) => {
      const types = typesFrom(request.query.type);
      if (types instanceof InvalidRequest) return await reply.send(types);
      if (streams.full) return await reply.send(problem('request.busy', 'Too many open streams'));
      reply.hijack();
      const { raw } = reply;
      const stream = new EventStream({ response: raw, principal: principalOf(request), clock: app.clock });
      const removals: (() => void)[] = [];
      raw.once('close', () => {
        for (const remove of removals) remove();
      });
      removals.push(streams.add(stream));
      removals.push(fan.add({ stream, types, device: request.query.device }));
      stream.open();
      return reply;
    },
  );
}

/** One subscription to the bus for all clients: an event is written as text once, however many see it. */
class EventFan {
  readonly #events: EventSubscriber;
  readonly #authorizer: Authorizer;
  readonly #clients = new Set<Client>();
  #unsubscribe: (() => void) | undefined;

  constructor(events: EventSubscriber, authorizer: Authorizer) {
    this.#events = events;
    this.#authorizer = authorizer;
  }

  add(client: Client): () => void {
    this.#clients.add(client);
    this.#unsubscribe ??= this.#events.onAny('api.events', (event) => this.#spread(event));
    return () => {
      this.#clients.delete(client);
      if (this.#clients.size > 0) return;
      this.#unsubscribe?.();
      this.#unsubscribe = undefined;
    };
  }

  #spread(event: AnyEvent): void {
    let text: string | undefined;
    for (const { stream, types, device } of this.#clients) {
      if (types !== undefined && !types.has(event.type)) continue;
      if (device !== undefined && deviceOf(event) !== device) continue;
      if (!maySee(this.#authorizer, stream.principal, event)) continue;
      text ??= frame(event.type, event);
      stream.send(text);
    }
  }
}

/** Events about the installation itself need the right to see it; the others the right to the device. */
function maySee(authorizer: Authorizer, principal: Principal, event: AnyEvent): boolean {
  const device = deviceOf(event);
  if (device === undefined) return authorizer.allows(principal, 'system.read');
  return authorizer.allows(principal, 'events.read', device);
}

const deviceOf = ({ data }: AnyEvent): string | undefined => ('device' in data ? data.device : undefined);

function typesFrom(list: readonly string[] | undefined): ReadonlySet<EventType> | undefined | InvalidRequest {
  const names = list?.flatMap((part) => part.split(',')) ?? [];
  if (names.length === 0) return undefined;
  const known = names.filter(isEventType);
  if (known.length === names.length) return new Set(known);
  const message = `must be of ${EVENT_TYPES.join(', ')}`;
  return new InvalidRequest([{ field: 'query.type', message, allowed: EVENT_TYPES }]);
}

const isEventType = (name: string): name is EventType => (EVENT_TYPES as readonly string[]).includes(name);
