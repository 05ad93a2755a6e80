/** A program that is not ours and listens on a port of the loopback address, as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { delimiter } from 'node:path';
import { pause } from '../../test/support/server.ts';

const START_TIMEOUT_MS = 5_000;
const OUTPUT_KEPT = 10_000;
/** Debian keeps daemons where a user's PATH does not look. */
export const DAEMON_PATH = [process.env['PATH'] ?? '', '/usr/sbin'].join(delimiter);

export interface DaemonOptions {
  readonly name: string;
  readonly port: number;
  readonly command: readonly string[];
  readonly startTimeoutMs?: number | undefined;
}

export class Daemon implements AsyncDisposable {
  readonly pid: number;
  readonly #options: DaemonOptions;
  readonly #process: ChildProcess;
  #output = '';

  private constructor(options: DaemonOptions, child: ChildProcess) {
    if (child.pid === undefined) throw new Error(`${options.name} cannot be started`);
    this.pid = child.pid;
    this.#options = options;
    this.#process = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-OUTPUT_KEPT);
      });
  }

  /** Resolves when the port answers; rejects with what the program said when it does not. */
  static async start(options: DaemonOptions): Promise<Daemon> {
    // As many sockets as the system lets us have; the shell becomes the program, so that the pid is its own.
    const child = spawn('sh', ['-c', 'ulimit -n "$(ulimit -Hn)"; exec "$@"', 'sh', ...options.command], {
      env: { ...process.env, PATH: DAEMON_PATH },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const daemon = new Daemon(options, child);
    try {
      await daemon.#listening();
    } catch (cause) {
      await daemon[Symbol.asyncDispose]();
      throw cause;
    }
    return daemon;
  }

  /** The last it wrote to standard output and error. */
  get output(): string {
    return this.#output;
  }

  async #listening(): Promise<void> {
    const { name, port, startTimeoutMs = START_TIMEOUT_MS } = this.#options;
    const deadline = performance.now() + startTimeoutMs;
    for (;;) {
      const socket = connect(port, '127.0.0.1');
      const open = await once(socket, 'connect').then(
        () => true,
        () => false,
      );
      socket.destroy();
      if (open) return;
      if (performance.now() > deadline || this.#process.exitCode !== null)
        throw new Error(`${name} did not start: ${this.#output}`);
      await pause(20);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    await ended;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
