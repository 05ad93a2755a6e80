import type { Client, ClientDetail, ClientPage, ClientSubscription } from '../../model/ports/clients.ts';
import { EXIT_OK } from '../io.ts';
import type { Session } from '../session.ts';
import { printable, renderTable } from '../table.ts';

export interface ClientListOptions {
  readonly text?: string | undefined;
  readonly connected?: boolean | undefined;
  readonly away?: boolean | undefined;
  readonly limit?: number | undefined;
}

export interface DisconnectOptions {
  readonly end?: boolean | undefined;
}

const PAGE = 500;

const clientPath = (id: string): string => `/api/v1/clients/${encodeURIComponent(id)}`;

export async function listClients(options: ClientListOptions, session: Session): Promise<number> {
  const server = await session.server();
  const { text, limit = Number.POSITIVE_INFINITY } = options;
  const connected = options.connected === true ? 'true' : options.away === true ? 'false' : undefined;
  const clients: Client[] = [];
  let page: ClientPage;
  let after: number | undefined;
  do {
    const query = { text, connected, after, limit: Math.min(PAGE, limit - clients.length) };
    page = await server.json<ClientPage>('GET', '/api/v1/clients', ['clients', 'total', 'connected'], {
      query,
    });
    clients.push(...page.clients);
    after = page.next;
  } while (after !== undefined && clients.length < limit);
  if (session.json) session.answer({ clients, total: page.total, connected: page.connected });
  else session.say(clientTable(clients, page));
  return EXIT_OK;
}

export async function showClient(id: string, session: Session): Promise<number> {
  const server = await session.server();
  const client = await server.json<ClientDetail>('GET', clientPath(id), ['id', 'subscriptions']);
  if (session.json) {
    session.answer(client);
    return EXIT_OK;
  }
  const { subscriptions, ...rest } = client;
  const lines = Object.entries(factsOf(rest)).map(([name, value]) => `${name.padEnd(16)}${printable(value)}`);
  session.say([...lines, '', subscriptionTable(subscriptions)].join('\n'));
  return EXIT_OK;
}

export async function disconnectClients(
  ids: readonly string[],
  { end }: DisconnectOptions,
  session: Session,
): Promise<number> {
  const server = await session.server();
  const disconnected: string[] = [];
  try {
    for (const id of ids) {
      await server.call('DELETE', `${clientPath(id)}${end === true ? '?end=true' : ''}`);
      disconnected.push(id);
    }
  } finally {
    if (session.json) session.answer({ disconnected, ended: end === true });
    else
      for (const id of disconnected)
        session.say(`disconnected ${id}${end === true ? ', session ended' : ''}`);
  }
  return EXIT_OK;
}

const timeOf = (ms: number): string => new Date(ms).toISOString();
const whoIs = ({ principal: { kind, id } }: Client): string => (kind === 'device' ? id : `${kind} ${id}`);

function clientTable(clients: readonly Client[], { total, connected }: ClientPage): string {
  const sum = `${total} ${total === 1 ? 'client' : 'clients'}, ${connected} connected`;
  if (clients.length === 0) return sum;
  const rows = clients.map((client) => [
    String(client.id),
    printable(client.clientId),
    printable(whoIs(client)),
    client.connection === undefined ? '' : `${client.connection.listener} ${client.connection.version}`,
    client.connection?.address ?? 'away',
    timeOf(client.connection?.openedAt ?? client.disconnectedAt ?? client.createdAt),
    String(client.subscriptionCount),
    String(client.waiting),
    String(client.inFlight),
  ]);
  const head = ['id', 'client id', 'who', 'by', 'from', 'since', 'subscriptions', 'waiting', 'in flight'];
  return `${renderTable(head, rows)}\n${sum}`;
}

function factsOf(client: Client): Record<string, string> {
  const { connection, disconnectedAt, expiresAt } = client;
  return {
    id: String(client.id),
    'client id': client.clientId,
    who: whoIs(client),
    ...(connection === undefined
      ? { connection: 'none' }
      : {
          connection: `${connection.listener} from ${connection.address}, MQTT ${connection.version}`,
          'connected since': timeOf(connection.openedAt),
          'keep alive': connection.keepAliveS === 0 ? 'none' : `${connection.keepAliveS} s`,
        }),
    ...(disconnectedAt === undefined ? {} : { 'away since': timeOf(disconnectedAt) }),
    ...(expiresAt === undefined ? {} : { 'session ends': timeOf(expiresAt) }),
    'session kept': client.sessionExpiryS === 0 ? 'no' : `${client.sessionExpiryS} s`,
    waiting: `${client.waiting} messages, ${client.waitingBytes} bytes`,
    'in flight': String(client.inFlight),
    unreleased: String(client.unreleased),
    will: client.hasWill ? 'yes' : 'no',
  };
}

function subscriptionTable(subscriptions: readonly ClientSubscription[]): string {
  if (subscriptions.length === 0) return 'no subscriptions';
  const rows = subscriptions.map(({ filter, qos, noLocal, retainAsPublished, identifier }) => [
    printable(filter),
    String(qos),
    [noLocal ? 'no local' : '', retainAsPublished ? 'retain as published' : ''].filter(Boolean).join(', '),
    identifier === undefined ? '' : String(identifier),
  ]);
  return renderTable(['subscription', 'qos', 'options', 'identifier'], rows);
}
