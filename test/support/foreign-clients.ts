/** MQTT clients that others wrote, run as processes: Mosquitto's tools, and Paho for Python. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { PROJECT, until } from './server.ts';

export const VERSIONS = ['mqttv31', 'mqttv311', 'mqttv5'] as const;
export type Version = (typeof VERSIONS)[number];

/** A client that takes longer hangs. */
const TIMEOUT_MS = 20_000;
/** Debian's, where the packages of Debian are; the PATH may have another Python first. */
const PYTHON = '/usr/bin/python3';

export interface Endpoint {
  readonly port: number;
  readonly username: string;
  readonly password: string;
  /** Certificate to trust; its presence means TLS. */
  readonly ca?: string | undefined;
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs; what it prints can be waited for. */
export class Program implements AsyncDisposable {
  readonly #child;
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';

  constructor(command: string, words: readonly string[]) {
    // Line by line as it is printed, not when 4 KiB are full; stdbuf becomes the command, so that the pid is its own.
    this.#child = spawn('stdbuf', ['-oL', command, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout.on('data', (chunk: Buffer) => {
      this.stdout += chunk.toString();
    });
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    const overdue = setTimeout(() => this.#child.kill('SIGKILL'), TIMEOUT_MS);
    this.ended = new Promise((done, fail) => {
      this.#child.once('error', fail);
      this.#child.once('close', (code) => {
        clearTimeout(overdue);
        done({ code, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  async said(what: RegExp): Promise<void> {
    await until(`${what} from a client`, async () => (what.test(this.stdout) ? true : undefined)).catch(
      (cause: unknown) => {
        throw new Error(`it said: ${this.stdout}${this.stderr}`, { cause });
      },
    );
  }

  /** Ends it without a DISCONNECT. */
  async crash(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.ended;
  }
}

/** A message as `mosquitto_sub -F %j` prints it. */
export interface Message {
  readonly topic: string;
  readonly qos: number;
  readonly retain: number;
  readonly payload: string;
  readonly properties?: Readonly<Record<string, unknown>>;
}

/** Command line of Mosquitto's clients for an endpoint. */
function reach({ port, username, password, ca }: Endpoint, version: Version): readonly string[] {
  const secure = ca === undefined ? [] : ['--cafile', ca];
  return ['-h', '127.0.0.1', '-p', String(port), '-u', username, '-P', password, '-V', version, ...secure];
}

/** Starts `mosquitto_sub`; the words name topics, QoS, how many messages to wait for. */
export const mosquittoSub = (to: Endpoint, version: Version, ...words: readonly string[]): Program =>
  new Program('mosquitto_sub', [...reach(to, version), '-d', '-F', '%j', ...words]);

/** The same, when it has its SUBACK. */
export async function subscribed(
  to: Endpoint,
  version: Version,
  ...words: readonly string[]
): Promise<Program> {
  const program = mosquittoSub(to, version, ...words);
  await program.said(/^Subscribed /m);
  return program;
}

/** Resolves when it has ended; `-C` in its words made it end. */
export async function messagesOf(program: Program): Promise<readonly Message[]> {
  const { code, stdout, stderr } = await program.ended;
  if (code !== 0) throw new Error(`mosquitto_sub ended with ${code}: ${stdout}${stderr}`);
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Message);
}

export async function mosquittoPub(
  to: Endpoint,
  version: Version,
  ...words: readonly string[]
): Promise<Ended> {
  return await new Program('mosquitto_pub', [...reach(to, version), ...words]).ended;
}

export async function mosquittoRr(to: Endpoint, ...words: readonly string[]): Promise<Ended> {
  return await new Program('mosquitto_rr', [...reach(to, 'mqttv5'), ...words]).ended;
}

/** Runs paho-client.py on an endpoint; answers what it saw. */
export async function paho(to: Endpoint, version: 4 | 5, transport: 'tcp' | 'websockets'): Promise<unknown> {
  const script = join(PROJECT, 'test/support/paho-client.py');
  const { code, stdout, stderr } = await new Program(PYTHON, [
    script,
    JSON.stringify({ ...to, version, transport }),
  ]).ended;
  if (code !== 0) throw new Error(`paho-client.py ended with ${code}: ${stderr}`);
  return JSON.parse(stdout);
}
