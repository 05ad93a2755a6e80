import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

/** A request that asks for a WebSocket, and the socket it came by. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  /** What came behind the request. */
  readonly head: Buffer;
}

/** By path: WebSockets that are no route of this server. Whoever serves one has the socket, and its bounds, from here on. */
export type Upgrades = Readonly<Record<string, (upgrade: Upgrade) => void>>;

/** Called when all others listen: their WebSockets go on as before. */
export function serveUpgrades(server: Server, upgrades: Upgrades): void {
  const others = server.listeners('upgrade');
  server.removeAllListeners('upgrade');
  server.on('upgrade', (request, socket: Socket, head) => {
    const [path = ''] = (request.url ?? '').split('?', 1);
    const serve = Object.hasOwn(upgrades, path) ? upgrades[path] : undefined;
    if (serve !== undefined) serve({ request, socket, head });
    else if (others.length === 0) socket.destroy();
    else for (const other of others) Reflect.apply(other, server, [request, socket, head]);
  });
}
