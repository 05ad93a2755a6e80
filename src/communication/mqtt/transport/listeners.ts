/**
 * The doors of the MQTT server, one per row of the listener table: open, say where they are, bring every connection
 * through the handshake of its transport, and hand it on as a link. Past the lobby all transports are alike.
 */
import type { Server as HttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import type { TLSSocket, Server as TlsServer } from 'node:tls';
import type { Clock } from '../../../base/clock.ts';
import { MQTT_TCP_KEEP_ALIVE_MS } from '../../../base/limits.ts';
import { problem } from '../../../model/errors.ts';
import type { Meter } from '../../../model/ports/meter.ts';
import { answerOnSocket } from '../../http/client-error.ts';
import type { Upgrade } from '../../http/upgrades.ts';
import { type Accepted, type Address, type ListenerName, type ListenerRow } from './link.ts';
import { Lobby, type LobbyLimits, REFUSALS } from './lobby.ts';
import type { WebSocketHandshake } from './websocket-handshake.ts';

export interface ListenersOptions {
  readonly table: readonly ListenerRow[];
  readonly clock: Clock;
  readonly meter: Meter;
  readonly limits?: LobbyLimits | undefined;
}

/** Asked only where a TLS listener is wanted. */
interface TlsSource {
  readonly tls: { readonly key: string; readonly cert: string; readonly ca: string };
}

type Accept = (accepted: Accepted) => void;
type Entrance = (socket: Socket) => void;

export class Listeners {
  readonly #options: ListenersOptions;
  readonly #lobby: Lobby;
  readonly #addresses: Record<ListenerName, Address | null> = {
    mqtt: null,
    mqtts: null,
    ws: null,
    wss: null,
  };
  #servers: Server[] = [];
  #undo: (() => void)[] = [];
  #accept: Accept | undefined;
  #handshake: Promise<WebSocketHandshake> | undefined;
  #onFailure: (cause: Error) => void = () => undefined;

  constructor(options: ListenersOptions) {
    this.#options = options;
    this.#lobby = new Lobby(options);
  }

  /** Where each listens, or did last (a restart keeps the port that was given for 0); null = off. */
  get addresses(): Readonly<Record<ListenerName, Address | null>> {
    return this.#addresses;
  }

  onFailure(listener: (cause: Error) => void): void {
    this.#onFailure = listener;
  }

  /** Throws SensoriumError: port.taken, port.denied, config.invalid (no such address here). */
  async start(source: TlsSource, accept: Accept): Promise<void> {
    const { refused } = this.#lobby;
    const { meter, table } = this.#options;
    this.#accept = accept;
    this.#undo = REFUSALS.map((reason) =>
      meter.collect('iot_mqtt_refused_connections_total', () => refused[reason], { reason }),
    );
    for (const row of table) await this.#open(row, await this.#entrance(row, source));
  }

  /** A WebSocket that was asked for elsewhere: the HTTP listener serves MQTT, too. */
  upgrade(upgrade: Upgrade): void {
    const { socket } = upgrade;
    // Until the handshake takes over, nobody else listens.
    socket.on('error', () => socket.destroy());
    socket.pause();
    socket.setKeepAlive(true, MQTT_TCP_KEEP_ALIVE_MS);
    this.#lobby.enter(socket, () => void this.#upgrade(upgrade, 'ws', undefined));
  }

  close(): void {
    this.#accept = undefined;
    for (const server of this.#servers.splice(0)) server.close();
    for (const undo of this.#undo.splice(0)) undo();
    this.#lobby.close();
  }

  async #open({ name, host, port }: ListenerRow, entrance: Entrance): Promise<void> {
    const keepAlive = { keepAlive: true, keepAliveInitialDelay: MQTT_TCP_KEEP_ALIVE_MS };
    const server = createServer({ pauseOnConnect: true, noDelay: true, ...keepAlive }, (socket) =>
      this.#lobby.enter(socket, () => entrance(socket)),
    );
    const wanted = this.#addresses[name]?.port ?? port;
    await new Promise<void>((done, fail) => {
      server.once('error', (cause: NodeJS.ErrnoException) => fail(refusal(cause, host, wanted)));
      server.listen({ host, port: wanted, backlog: 1_024 }, done);
    });
    server.removeAllListeners('error');
    server.on('error', (cause) => this.#onFailure(cause));
    this.#servers.push(server);
    const bound = server.address();
    this.#addresses[name] = { host, port: typeof bound === 'object' && bound !== null ? bound.port : wanted };
  }

  /** The way from a TCP connection to a link. */
  async #entrance({ name, transport }: ListenerRow, source: TlsSource): Promise<Entrance> {
    if (transport === 'tcp') return (socket) => this.#handOn(socket, { socket, listener: name });
    if (transport === 'ws') {
      const http = await this.#httpServer(name, () => undefined);
      return (socket) => http.emit('connection', socket);
    }
    if (transport === 'tls') {
      const tls = await this.#tlsServer(source, 'mqtt', (socket, certificateName) =>
        this.#handOn(socket, { socket, listener: name, certificateName }),
      );
      return (socket) => tls.emit('connection', socket);
    }
    const names = new WeakMap<Socket, string>();
    const http = await this.#httpServer(name, (socket) => names.get(socket));
    const tls = await this.#tlsServer(source, 'http/1.1', (socket, certificateName) => {
      if (certificateName !== undefined) names.set(socket, certificateName);
      http.emit('connection', socket);
    });
    return (socket) => tls.emit('connection', socket);
  }

  #handOn(
    socket: Socket,
    what: Omit<Accepted, 'address' | 'certificateName'> & Partial<Pick<Accepted, 'certificateName'>>,
  ): void {
    this.#lobby.leave(socket);
    const { remoteAddress: address } = socket;
    if (address === undefined || this.#accept === undefined) what.socket.destroy();
    else this.#accept({ certificateName: undefined, ...what, address });
  }

  /** A client may show a certificate; one that our CA did not sign ends the connection before MQTT begins. */
  async #tlsServer(
    { tls }: TlsSource,
    protocol: 'mqtt' | 'http/1.1',
    secured: (socket: TLSSocket, certificateName: string | undefined) => void,
  ): Promise<TlsServer> {
    const [{ createServer: createTlsServer }, { certificateName }] = await Promise.all([
      import('node:tls'),
      import('./certificate-name.ts'),
    ]);
    const options = {
      ...tls,
      minVersion: 'TLSv1.2',
      ALPNProtocols: [protocol],
      requestCert: true,
      rejectUnauthorized: false,
    } as const;
    const server = createTlsServer(options, (socket) => {
      const name = certificateName(socket);
      if (name === false) this.#lobby.refuse(socket, 'tls');
      else secured(socket, name);
    });
    server.on('tlsClientError', (_cause, socket) => this.#lobby.refuse(socket, 'tls'));
    return server;
  }

  /** Never listens itself: it is handed sockets, and hands on those that become WebSockets. */
  async #httpServer(
    listener: ListenerName,
    nameOf: (socket: Socket) => string | undefined,
  ): Promise<HttpServer> {
    const [{ createServer: createHttpServer }] = await Promise.all([
      import('node:http'),
      this.#loadHandshake(),
    ]);
    const server = createHttpServer((_request, response) => {
      this.#lobby.refused.websocket += 1;
      response.writeHead(426, { upgrade: 'websocket', connection: 'upgrade, close' }).end();
    });
    server.on('clientError', (_cause, socket) => this.#lobby.refuse(socket, 'websocket'));
    server.on('upgrade', (request, socket: Socket, head) => {
      // A page of another site must not use the certificate of the browser it is shown in (RFC 6455, section 10.2).
      const certificateName = isForeign(request.headers) ? undefined : nameOf(socket);
      void this.#upgrade({ request, socket, head }, listener, certificateName);
    });
    return server;
  }

  async #upgrade(upgrade: Upgrade, listener: ListenerName, certificateName?: string): Promise<void> {
    const { socket } = upgrade;
    const handshake = await this.#loadHandshake();
    if (this.#accept === undefined) {
      answerOnSocket(socket, problem('server.stopping', 'The server is stopping'));
      return;
    }
    const link = handshake.upgrade(upgrade);
    if (link === undefined) this.#lobby.refused.websocket += 1;
    else this.#handOn(socket, { socket: link, listener, certificateName });
  }

  async #loadHandshake(): Promise<WebSocketHandshake> {
    this.#handshake ??= import('./websocket-handshake.ts').then((module) => new module.WebSocketHandshake());
    return await this.#handshake;
  }
}

function isForeign({ origin, host }: { readonly origin?: string; readonly host?: string }): boolean {
  return origin !== undefined && !(URL.canParse(origin) && new URL(origin).host === host);
}

function refusal(cause: NodeJS.ErrnoException, host: string, port: number): Error {
  const place = `${host}:${port}`;
  if (cause.code === 'EADDRINUSE') return problem('port.taken', `MQTT cannot listen on ${place}`, { cause });
  if (cause.code === 'EACCES') return problem('port.denied', `MQTT may not listen on ${place}`, { cause });
  if (cause.code === 'EADDRNOTAVAIL')
    return problem('config.invalid', `${host} is no address of this machine`, { cause });
  return cause;
}
