/** A broker that is not ours, as a process of its own: same authentication, nothing durable. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { delimiter } from 'node:path';
import { pause } from '../../test/support/server.ts';
import { type Broker, type BrokerName, deviceNames, type Target } from './broker.ts';

const START_TIMEOUT_MS = 5_000;
export const PEER_PASSWORD = 'bench-password';
export const PEER_SUBSCRIBER = 'subscriber';
/** Debian keeps daemons where a user's PATH does not look. */
export const DAEMON_PATH = [process.env['PATH'] ?? '', '/usr/sbin'].join(delimiter);

export class Peer implements Broker {
  readonly name: BrokerName;
  readonly target: Target;
  readonly pid: number;
  readonly #process: ChildProcess;
  #stderr = '';

  private constructor(name: BrokerName, child: ChildProcess, port: number) {
    if (child.pid === undefined) throw new Error(`${name} cannot be started`);
    this.name = name;
    this.pid = child.pid;
    this.#process = child;
    this.target = {
      port,
      passwords: deviceNames.map(() => PEER_PASSWORD),
      subscriber: { user: PEER_SUBSCRIBER, password: PEER_PASSWORD },
    };
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
  }

  /** Runs a command that listens on `port` of the loopback address. */
  static async start(name: BrokerName, port: number, command: readonly string[]): Promise<Peer> {
    // As many sockets as the system lets us have; the shell becomes the broker, so that the pid is its own.
    const child = spawn('sh', ['-c', 'ulimit -n "$(ulimit -Hn)"; exec "$@"', 'sh', ...command], {
      env: { ...process.env, PATH: DAEMON_PATH },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const peer = new Peer(name, child, port);
    await peer.#listening();
    return peer;
  }

  settled(): Promise<void> {
    return Promise.resolve();
  }

  async #listening(): Promise<void> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      const socket = connect(this.target.port, '127.0.0.1');
      const open = await once(socket, 'connect').then(
        () => true,
        () => false,
      );
      socket.destroy();
      if (open) return;
      if (performance.now() > deadline || this.#process.exitCode !== null)
        throw new Error(`${this.name} did not start: ${this.#stderr}`);
      await pause(20);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null) return;
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
