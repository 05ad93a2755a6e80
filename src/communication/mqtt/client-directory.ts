/**
 * The clients of this server as people and programs look at them: sessions with what is known of their connections, a
 * page at a time, and the way to end one. It owns nothing and must not know who may look.
 */
import { PAGE_DEFAULT } from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import type {
  Client,
  ClientDetail,
  ClientDirectory,
  ClientPage,
  ClientQuery,
  ClientSubscription,
} from '../../model/ports/clients.ts';
import type { Connection } from './connection/connection.ts';
import type { Session } from './session/session.ts';
import type { SessionRegistry } from './session/session-registry.ts';
import type { Subscription } from './session/subscription.ts';

interface MqttClientsOptions {
  readonly registry: Pick<SessionRegistry, 'all' | 'size' | 'find' | 'end' | 'whenStored'>;
  /** By key of their session. */
  readonly live: ReadonlyMap<string, Connection>;
  readonly logger: Logger;
}

const VERSIONS = { 3: '3.1', 4: '3.1.1', 5: '5.0' } as const;

export class MqttClients implements ClientDirectory {
  readonly #options: MqttClientsOptions;

  constructor(options: MqttClientsOptions) {
    this.#options = options;
  }

  /** Sessions stand in the order of their ids: what is before the page costs a step each, the page itself the rest. */
  list({ text, connected, after = 0, limit = PAGE_DEFAULT }: ClientQuery): ClientPage {
    const { registry, live } = this.#options;
    const needle = text?.toLowerCase();
    const clients: Client[] = [];
    let next: number | undefined;
    for (const session of registry.all()) {
      if (session.id <= after) continue;
      if (connected !== undefined && connected !== this.#isConnected(session)) continue;
      if (needle !== undefined && !isNamed(session, needle)) continue;
      if (clients.length === limit) {
        next = clients.at(-1)?.id;
        break;
      }
      clients.push(this.#client(session));
    }
    return { clients, total: registry.size, connected: live.size, next };
  }

  get(id: number): ClientDetail | undefined {
    const session = this.#options.registry.find(id);
    if (session === undefined) return undefined;
    const subscriptions = [...session.subscriptions.values()].map(subscriptionOf);
    return { ...this.#client(session), subscriptions };
  }

  async disconnect(
    id: number,
    { end, by }: { readonly end: boolean; readonly by: string },
  ): Promise<boolean> {
    const { registry, live, logger } = this.#options;
    const session = registry.find(id);
    if (session === undefined) return false;
    const { clientId, principal, wasKept } = session;
    live.get(session.key)?.close('kicked');
    if (end) registry.end(session);
    logger.info({ clientId, principal: principal.id, end, by }, 'a client was disconnected');
    if (end && wasKept) await new Promise<void>((done) => registry.whenStored(done));
    return true;
  }

  #isConnected({ key }: Session): boolean {
    return this.#options.live.get(key)?.isOpen === true;
  }

  #client(session: Session): Client {
    const { id, clientId, principal, createdAt, disconnectedAt, expiresAt, expiryS, outbound } = session;
    const connection = this.#options.live.get(session.key);
    return {
      id,
      clientId,
      principal: { kind: principal.kind, id: principal.id },
      connected: connection?.isOpen === true,
      connection: connection?.isOpen === true ? connectionOf(connection) : undefined,
      createdAt,
      disconnectedAt,
      expiresAt: Number.isFinite(expiresAt) ? expiresAt : undefined,
      sessionExpiryS: expiryS,
      subscriptionCount: session.subscriptions.size,
      waiting: outbound.waiting,
      waitingBytes: outbound.waitingBytes,
      inFlight: outbound.inFlight,
      unreleased: session.received.size,
      hasWill: session.will !== undefined,
    };
  }
}

function connectionOf({
  version,
  listener,
  address,
  openedAt,
  keepAliveS,
}: Connection): Client['connection'] {
  return { version: VERSIONS[version], listener, address, openedAt, keepAliveS };
}

const isNamed = ({ clientId, principal }: Session, needle: string): boolean =>
  clientId.toLowerCase().includes(needle) || principal.id.toLowerCase().includes(needle);

const subscriptionOf = (subscription: Subscription): ClientSubscription => {
  const { name, group, qos, noLocal, retainAsPublished, id } = subscription;
  return { filter: name, group, qos, noLocal, retainAsPublished, identifier: id === 0 ? undefined : id };
};
