/** Debian's Mosquitto as the yardstick: same authentication, nothing durable, no limit on what it may queue. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { pause } from '../../test/support/server.ts';
import { deviceNames, type Target } from './mqtt-load.ts';
import { UnavailableError } from './scenario.ts';

const START_TIMEOUT_MS = 5_000;
const PASSWORD = 'bench-password';
const SUBSCRIBER = 'subscriber';
/** Debian keeps the daemon where a user's PATH does not look. */
const PATH = [process.env['PATH'] ?? '', '/usr/sbin'].join(delimiter);

export class Mosquitto implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly port: number;
  #stderr = '';

  private constructor(child: ChildProcess, port: number) {
    this.#process = child;
    this.port = port;
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
  }

  static async start(folder: string): Promise<Mosquitto> {
    const port = await freePort();
    const passwords = join(folder, 'mosquitto.passwords');
    writeFileSync(passwords, [...deviceNames, SUBSCRIBER].map((name) => `${name}:${PASSWORD}\n`).join(''));
    const configuration = join(folder, 'mosquitto.conf');
    const lines = [
      `listener ${port} 127.0.0.1`,
      'allow_anonymous false',
      `password_file ${passwords}`,
      'persistence false',
      'max_queued_messages 0',
      'set_tcp_nodelay true',
      'log_type error',
      ...(process.getuid?.() === 0 ? ['user root'] : []),
    ];
    writeFileSync(configuration, `${lines.join('\n')}\n`);
    try {
      execFileSync('mosquitto_passwd', ['-U', passwords], { env: { ...process.env, PATH } });
    } catch (cause) {
      throw new UnavailableError('Mosquitto is not installed', { cause });
    }
    const child = spawn('mosquitto', ['-c', configuration], {
      env: { ...process.env, PATH },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const broker = new Mosquitto(child, port);
    await broker.#listening();
    return broker;
  }

  target(subscribed: boolean): Target {
    return {
      port: this.port,
      passwords: deviceNames.map(() => PASSWORD),
      subscriber: subscribed ? { user: SUBSCRIBER, password: PASSWORD } : undefined,
    };
  }

  async #listening(): Promise<void> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      const socket = connect(this.port, '127.0.0.1');
      const open = await once(socket, 'connect').then(
        () => true,
        () => false,
      );
      socket.destroy();
      if (open) return;
      if (performance.now() > deadline || this.#process.exitCode !== null)
        throw new Error(`Mosquitto did not start: ${this.#stderr}`);
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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
