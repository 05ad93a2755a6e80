/** The TCP and TLS doors of the MQTT server: open, say where they are, and hand on what comes in. */
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
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

interface Accepted {
  readonly socket: Socket;
  readonly listener: 'mqtt' | 'mqtts';
  readonly certificateName: string | undefined;
}

interface TlsMaterial {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

export class Listeners {
  readonly #options: ListenerOptions;
  #servers: Server[] = [];
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

  async start(material: TlsMaterial, accept: (accepted: Accepted) => void): Promise<void> {
    const { tcp, tls } = this.#options;
    if (tcp !== undefined) {
      const server = createTcpServer((socket) =>
        accept({ socket, listener: 'mqtt', certificateName: undefined }),
      );
      this.#mqtt = await this.#listen(server, { ...tcp, port: this.#mqtt?.port ?? tcp.port });
    }
    if (tls !== undefined) {
      const server = await createTlsServer(material, accept);
      this.#mqtts = await this.#listen(server, { ...tls, port: this.#mqtts?.port ?? tls.port });
    }
  }

  close(): void {
    for (const server of this.#servers.splice(0)) server.close();
  }

  async #listen(server: Server, { host, port }: Address): Promise<Address> {
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

/** A client may show a certificate; one that our CA did not sign ends the connection before MQTT begins. */
async function createTlsServer(material: TlsMaterial, accept: (accepted: Accepted) => void): Promise<Server> {
  const { createServer } = await import('node:tls');
  const options = {
    ...material,
    minVersion: 'TLSv1.2',
    requestCert: true,
    rejectUnauthorized: false,
  } as const;
  const server = createServer(options, (socket) => {
    const certificate = socket.getPeerCertificate();
    const shown = Object.keys(certificate).length > 0;
    if (shown && !socket.authorized) {
      socket.destroy();
      return;
    }
    const name = shown ? certificate.subject.CN : undefined;
    accept({ socket, listener: 'mqtts', certificateName: Array.isArray(name) ? name[0] : name });
  });
  server.on('tlsClientError', (_cause, socket) => socket.destroy());
  return server;
}

function refusal(cause: NodeJS.ErrnoException, host: string, port: number): Error {
  const place = `${host}:${port}`;
  if (cause.code === 'EADDRINUSE') return problem('port.taken', `MQTT cannot listen on ${place}`, { cause });
  if (cause.code === 'EACCES') return problem('port.denied', `MQTT may not listen on ${place}`, { cause });
  if (cause.code === 'EADDRNOTAVAIL')
    return problem('config.invalid', `${host} is no address of this machine`, { cause });
  return cause;
}
