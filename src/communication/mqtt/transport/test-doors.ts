/** Listeners on free ports, and what came in through them. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { type ClientOptions, WebSocket } from 'ws';
import { ManualClock } from '../../../base/clock.ts';
import type { Meter } from '../../../model/ports/meter.ts';
import { silentMeter } from '../../../model/ports/meter.ts';
import type { Accepted, Link, ListenerName, ListenerRow } from './link.ts';
import { Listeners } from './listeners.ts';
import type { LobbyLimits } from './lobby.ts';
import type { Identity } from './test-identity.ts';

const TRANSPORTS = { mqtt: 'tcp', mqtts: 'tls', ws: 'ws', wss: 'wss' } as const;
const HOST = '127.0.0.1';

export interface Entered extends Accepted {
  readonly chunks: Buffer[];
  readonly closed: Promise<void>;
  readonly bytes: Buffer;
}

export interface Doors extends AsyncDisposable {
  readonly listeners: Listeners;
  /** All that were handed on, in order. */
  readonly entered: readonly Entered[];
  /** Refusals as the metrics show them. */
  refused(reason: string): number;
  port(name: ListenerName): number;
  tcp(name: ListenerName): Promise<Socket>;
  tls(name: ListenerName, options?: ConnectionOptions): TLSSocket;
  ws(options?: ClientOptions, protocols?: string[]): WebSocket;
  wss(options?: ClientOptions, protocols?: string[]): WebSocket;
}

export interface DoorsOptions {
  readonly names: readonly ListenerName[];
  readonly limits?: Partial<LobbyLimits>;
  readonly server?: Identity;
  readonly authority?: Identity;
}

const LIMITS: LobbyLimits = {
  perSecond: 1_000,
  burst: 1_000,
  heldMax: 100,
  connectionsMax: 100,
  handshakeMs: 5_000,
};

export async function openDoors({ names, limits, server, authority }: DoorsOptions): Promise<Doors> {
  const readers = new Map<string, () => number>();
  const meter: Meter = {
    ...silentMeter,
    collect: (_name, read, { reason = '' } = {}) => {
      readers.set(reason, read);
      return () => readers.delete(reason);
    },
  };
  const table: ListenerRow[] = names.map((name) => ({
    name,
    transport: TRANSPORTS[name],
    host: HOST,
    port: 0,
  }));
  const clock = new ManualClock();
  const listeners = new Listeners({ table, clock, meter, limits: { ...LIMITS, ...limits } });
  const entered: Entered[] = [];
  const source = { tls: { key: server?.key ?? '', cert: server?.cert ?? '', ca: authority?.cert ?? '' } };
  await listeners.start(source, (accepted) => entered.push(listen(accepted)));
  const clients: { destroy(): unknown }[] = [];
  const keep = <T extends Socket>(socket: T): T => {
    socket.on('error', () => socket.destroy());
    clients.push(socket);
    return socket;
  };
  const port = (name: ListenerName): number => listeners.addresses[name]?.port ?? 0;
  const webSocket = (url: string, options: ClientOptions, protocols: string[]): WebSocket => {
    const socket = new WebSocket(url, protocols, { perMessageDeflate: true, ...options });
    socket.on('error', () => undefined);
    clients.push({ destroy: () => socket.terminate() });
    return socket;
  };
  return {
    listeners,
    entered,
    port,
    refused: (reason) => readers.get(reason)?.() ?? Number.NaN,
    async tcp(name) {
      const socket = keep(connect(port(name), HOST));
      await once(socket, 'connect');
      return socket;
    },
    tls: (name, options) =>
      keep(connectTls({ host: HOST, port: port(name), ca: authority?.cert ?? '', ...options })),
    ws: (options = {}, protocols = ['mqtt']) => webSocket(`ws://${HOST}:${port('ws')}`, options, protocols),
    wss: (options = {}, protocols = ['mqtt']) =>
      webSocket(`wss://${HOST}:${port('wss')}`, { ca: authority?.cert ?? '', ...options }, protocols),
    [Symbol.asyncDispose]() {
      for (const client of clients) client.destroy();
      for (const { socket } of entered) socket.destroy();
      listeners.close();
      return Promise.resolve();
    },
  };
}

function listen(accepted: Accepted): Entered {
  const chunks: Buffer[] = [];
  const { socket } = accepted;
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => socket.destroy());
  return {
    ...accepted,
    chunks,
    closed: closing(socket),
    get bytes() {
      return Buffer.concat(chunks);
    },
  };
}

const closing = (link: Link): Promise<void> => new Promise((done) => void link.on('close', done));
