/**
 * The HTTP listener: its life, its bounds, and who may come in. Doors bring the routes; telemetry is its own. Owns
 * no data: what comes in goes to the intake. Stopped and started again it listens where it did before.
 */
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { HTTP_DRAIN_CHECK_MS, HTTP_DRAIN_MS } from '../../base/limits.ts';
import { problem } from '../../model/errors.ts';
import type { AppOptions } from './app.ts';

export type { HttpDoor } from './door.ts';

interface HttpServerOptions extends AppOptions {
  /** Port 0 = any free one. */
  readonly listener: { readonly host: string; readonly port: number };
}

export class HttpServer {
  readonly #options: HttpServerOptions;
  #app: FastifyInstance | undefined;
  /** All of them: Node's own list forgets those that were upgraded to a WebSocket. */
  readonly #sockets = new Set<Socket>();
  #address: { readonly host: string; readonly port: number } | null = null;
  /** The port that was given for 0: clients know it, so a restart keeps it. */
  #port: number;
  #onFailure: (cause: Error) => void = () => undefined;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#port = options.listener.port;
  }

  /** Where it listens; null while it does not. */
  get address(): { readonly host: string; readonly port: number } | null {
    return this.#address;
  }

  onFailure(listener: (cause: Error) => void): void {
    this.#onFailure = listener;
  }

  /** Throws SensoriumError: port.taken, port.denied, config.invalid (no such address here). */
  async start(): Promise<void> {
    const { buildApp } = await import('./app.ts');
    const app = await buildApp(this.#options);
    this.#app = app;
    const { host } = this.#options.listener;
    app.server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    try {
      await app.listen({ host, port: this.#port });
    } catch (cause) {
      await this.stop();
      throw listenError(cause, host, this.#port);
    }
    const bound = app.server.address();
    if (typeof bound === 'object' && bound !== null) this.#port = bound.port;
    this.#address = { host, port: this.#port };
    app.server.on('error', (cause) => this.#onFailure(cause));
  }

  /** Accepts nothing more, lets requests in progress end within HTTP_DRAIN_MS, then closes what is left. */
  async stop(): Promise<void> {
    const app = this.#app;
    this.#app = undefined;
    this.#address = null;
    if (app === undefined) return;
    const cut = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, HTTP_DRAIN_MS);
    // Node closes what is idle now; a connection that falls idle later would wait for its keep-alive time.
    const sweep = setInterval(() => app.server.closeIdleConnections(), HTTP_DRAIN_CHECK_MS);
    try {
      await app.close();
    } finally {
      clearTimeout(cut);
      clearInterval(sweep);
    }
  }
}

function listenError(cause: unknown, host: string, port: number): Error {
  const { code, message } = cause as NodeJS.ErrnoException;
  const where = `HTTP: ${host}:${port}`;
  if (code === 'EADDRINUSE') return problem('port.taken', `${where} is taken by another program`, { cause });
  if (code === 'EACCES') return problem('port.denied', `${where} may not be opened by this user`, { cause });
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return problem('config.invalid', `${where}: this machine has no such address`, { cause });
  }
  return cause instanceof Error ? cause : new Error(message);
}
