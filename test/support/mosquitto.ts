/** A Mosquitto of Debian on a free port of loopback, whose sessions outlive it; stopped, killed and started at will. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { until } from './server.ts';

export class Mosquitto implements AsyncDisposable {
  readonly port: number;
  readonly #configuration: string;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();

  private constructor(directory: string, port: number, lines: readonly string[]) {
    this.port = port;
    this.#configuration = join(directory, 'mosquitto.conf');
    mkdirSync(directory, { recursive: true });
    const text = [
      `listener ${port} 127.0.0.1`,
      'allow_anonymous true',
      'persistence true',
      `persistence_location ${directory}/`,
      'max_queued_messages 0',
      'user root',
      ...lines,
    ];
    writeFileSync(this.#configuration, `${text.join('\n')}\n`);
  }

  static async start(directory: string, lines: readonly string[] = []): Promise<Mosquitto> {
    const mosquitto = new Mosquitto(directory, await freePort(), lines);
    await mosquitto.start();
    return mosquitto;
  }

  async start(): Promise<void> {
    const child = spawn('mosquitto', ['-c', this.#configuration], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    this.#child = child;
    this.#ended = new Promise((done, fail) => {
      child.once('error', fail);
      child.once('close', () => done());
    });
    await until(`Mosquitto to run:\n${said}`, async () => (/ running$/m.test(said) ? true : undefined));
  }

  /** Saves what it has, as a service manager's stop does. */
  async stop(): Promise<void> {
    this.#child?.kill('SIGTERM');
    await this.#ended;
  }

  async connect(options: IClientOptions = {}): Promise<MqttClient> {
    return await connectAsync(`mqtt://127.0.0.1:${this.port}`, { protocolVersion: 5, ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#ended;
  }
}

/** Mosquitto does not say which port 0 became. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
