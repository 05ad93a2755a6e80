/** The TCP and TLS doors of the MQTT server: open, say where they are, and hand on what comes in. */
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { MQTT_CONNECT_TIMEOUT_MS, MQTT_CONNECTIONS_MAX } from '../../base/limits.ts';
import { problem } from '../../model/errors.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface ListenerOptions {
  /** Absent = off; port 0 = any free one. */
  readonly tcp?: Address | undefined;
  readonly tls?: Address | undefined;
}

export interface Accepted {
  readonly socket: Socket;
  readonly listener: 'mqtt' | 'mqtts';
  readonly certificateName: string | undefined;
}

/** Asked only where a TLS listener is wanted. */
interface TlsSource {
  readonly tls: { readonly key: string; readonly cert: string; readonly ca: string };
}

export class Listeners {
  readonly #options: ListenerOptions;
  #servers: Server[] = [];
  /** Accepted, and not handed on yet: in the middle of a TLS handshake. */
  readonly #halfOpen = new Map<string, Socket>();
  #mqtt: Address | null = null;
  #mqtts: Address | null = null;
  #onFailure: (cause: Error) => void = () => undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  get addresses(): { readonly mqtt: Address | null; readonly mqtts: Address | null } {
    return { mqtt: this.#mqtt, mqtts: this.#mqtts };
  }

  onFailure(listener: (cause: Error) => void): void {
    this.#onFailure = listener;
  }

  async start(source: TlsSource, accept: (accepted: Accepted) => void): Promise<void> {
    const { tcp, tls } = this.#options;
    if (tcp !== undefined) {
      const server = createTcpServer((socket) =>
        accept({ socket, listener: 'mqtt', certificateName: undefined }),
      );
      this.#mqtt = await this.#listen(server, { ...tcp, port: this.#mqtt?.port ?? tcp.port });
    }
    if (tls !== undefined) {
      const server = await createTlsServer(source, (accepted) => {
        this.#halfOpen.delete(peerOf(accepted.socket));
        accept(accepted);
      });
      server.on('connection', (socket: Socket) => {
        const peer = peerOf(socket);
        this.#halfOpen.set(peer, socket);
        socket.once('close', () => this.#halfOpen.delete(peer));
      });
      this.#mqtts = await this.#listen(server, { ...tls, port: this.#mqtts?.port ?? tls.port });
    }
  }

  close(): void {
    for (const server of this.#servers.splice(0)) server.close();
    for (const socket of this.#halfOpen.values()) socket.destroy();
  }

  async #listen(server: Server, { host, port }: Address): Promise<Address> {
    server.maxConnections = MQTT_CONNECTIONS_MAX;
    await new Promise<void>((done, fail) => {
      server.once('error', (cause: NodeJS.ErrnoException) => fail(refusal(cause, host, port)));
      server.listen({ host, port, backlog: 1_024 }, done);
    });
    server.removeAllListeners('error');
    server.on('error', (cause) => this.#onFailure(cause));
    this.#servers.push(server);
    const bound = server.address();
    return { host, port: typeof bound === 'object' && bound !== null ? bound.port : port };
  }
}

const peerOf = (socket: Socket): string => `${socket.remoteAddress} ${socket.remotePort}`;

/** A client may show a certificate; one that our CA did not sign ends the connection before MQTT begins. */
async function createTlsServer({ tls }: TlsSource, accept: (accepted: Accepted) => void): Promise<Server> {
  const { createServer } = await import('node:tls');
  const options = {
    ...tls,
    minVersion: 'TLSv1.2',
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: MQTT_CONNECT_TIMEOUT_MS,
  } as const;
  const server = createServer(options, (socket) => {
    const certificateName = nameIn(socket);
    if (certificateName === false) socket.destroy();
    else accept({ socket, listener: 'mqtts', certificateName });
  });
  server.on('tlsClientError', (_cause, socket) => socket.destroy());
  return server;
}

/** The one common name of the client's certificate; undefined where it shows none, false where it cannot be trusted. */
function nameIn(socket: TLSSocket): string | undefined | false {
  // Null once the socket is destroyed, whatever its type says.
  const certificate = socket.getPeerCertificate() as PeerCertificate | null;
  if (certificate === null) return false;
  if (Object.keys(certificate).length === 0) return undefined;
  const name: unknown = certificate.subject.CN;
  return socket.authorized && typeof name === 'string' ? name : false;
}

function refusal(cause: NodeJS.ErrnoException, host: string, port: number): Error {
  const place = `${host}:${port}`;
  if (cause.code === 'EADDRINUSE') return problem('port.taken', `MQTT cannot listen on ${place}`, { cause });
  if (cause.code === 'EACCES') return problem('port.denied', `MQTT may not listen on ${place}`, { cause });
  if (cause.code === 'EADDRNOTAVAIL')
    return problem('config.invalid', `${host} is no address of this machine`, { cause });
  return cause;
}
