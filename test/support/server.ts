/**
 * Runs the real platform as a process of its own, on free ports and in a directory of its own, and speaks to it as
 * a user would. Ends only what it started.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const PROJECT = resolve(import.meta.dirname, '../..');
const READY = /^ready http=(\S+) mqtt=(\S+) mqtts=(\S+)(?: wss?=\S+)* data=(\S+)$/m;
const START_TIMEOUT_MS = 30_000;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ServerOptions {
  readonly dataDir: string;
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Words before the command: where it runs. */
  readonly within?: readonly string[];
}

export class Server implements AsyncDisposable {
  readonly process: ChildProcess;
  readonly dataDir: string;
  readonly within: readonly string[];
  readonly exited: Promise<Exit>;
  http = '';
  mqtt = '';
  mqtts = '';
  stderr = '';
  stdout = '';

  constructor(options: ServerOptions) {
    this.dataDir = options.dataDir;
    this.within = options.within ?? [];
    // Discovery looks at the machine and its network: not the business of a test that does not ask for it.
    const ports = [
      '--http-port=0',
      '--mqtt-port=0',
      '--mqtts-port=0',
      '--mqtts-host=127.0.0.1',
      '--discovery=off',
    ];
    const flags = [`--data-dir=${options.dataDir}`, ...ports, ...(options.flags ?? [])];
    const command = [process.execPath, join(PROJECT, 'src/main.ts'), 'start', ...flags];
    const [program = '', ...words] = [...this.within, ...command];
    this.process = spawn(program, words, {
      cwd: options.cwd ?? PROJECT,
      env: { ...process.env, NODE_COMPILE_CACHE: join(PROJECT, '.cache/compile'), ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.process.stdout?.on('data', (chunk: Buffer) => {
      this.stdout += chunk.toString();
    });
    this.exited = new Promise((done) => {
      this.process.once('close', (code, signal) => done({ code, signal }));
    });
  }

  static async start(options: ServerOptions): Promise<Server> {
    const server = new Server(options);
    await server.ready();
    return server;
  }

  /** Resolves at the ready line; rejects with everything the process said when it ends or stays silent. */
  async ready(): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const match = READY.exec(this.stdout);
      if (match !== null) {
        [this.http, this.mqtt, this.mqtts] = [match[1] ?? '', match[2] ?? '', match[3] ?? ''];
        return;
      }
      const over =
        Date.now() > deadline || this.process.exitCode !== null || this.process.signalCode !== null;
      if (over)
        throw new Error(`the server did not get ready (exit ${this.process.exitCode}):\n${this.stderr}`);
      await pause(10);
    }
  }

  get token(): string {
    const info = JSON.parse(readFileSync(join(this.dataDir, 'run.json'), 'utf8')) as { token: string };
    return info.token;
  }

  get mqttPort(): number {
    return Number(new URL(this.mqtt).port);
  }

  async api(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    const json = body === undefined ? {} : { body: JSON.stringify(body) };
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const authorization = `Bearer ${this.token}`;
    return await fetch(`${this.http}${path}`, {
      method,
      headers: { authorization, ...type, ...headers },
      ...json,
    });
  }

  async get<T>(path: string): Promise<T> {
    const response = await this.api('GET', path);
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** Registers a device; the answer is its token. */
  async addDevice(input: { id: string } & Record<string, unknown>): Promise<string> {
    const response = await this.api('POST', '/api/v1/devices', input);
    const answer = (await response.json()) as { token?: string };
    if (response.status !== 201 || answer.token === undefined)
      throw new Error(`add ${input.id}: ${JSON.stringify(answer)}`);
    return answer.token;
  }

  /** A token for a person; the user name that goes with it is `@subject`. */
  async userToken(subject: string, role: 'admin' | 'operator' | 'viewer'): Promise<string> {
    const response = await this.api('POST', '/api/v1/tokens', { subject, role });
    const answer = (await response.json()) as { token?: string };
    if (answer.token === undefined) throw new Error(`token of ${subject}: ${JSON.stringify(answer)}`);
    return answer.token;
  }

  async totals(): Promise<Totals> {
    return (await this.get<{ totals: Totals }>('/api/v1/system')).totals;
  }

  /** Waits until history has taken everything that is in the log. */
  async settled(timeoutMs?: number): Promise<Totals> {
    const probe = async (): Promise<Totals | undefined> => {
      const { totals, log } = await this.get<{ totals: Totals | null; log: { next: number } }>(
        '/api/v1/system',
      );
      return totals !== null && totals.offset >= log.next ? totals : undefined;
    };
    return await until('history to reach the end of the log', probe, timeoutMs);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.process.kill(signal);
    return await this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.stop('SIGKILL');
  }
}

export interface Totals {
  readonly packets: number;
  readonly stored: number;
  readonly forwarded: number;
  readonly quarantined: number;
  readonly readings: number;
  readonly rejections: number;
  readonly offset: number;
}

export const pause = async (ms: number): Promise<void> => await new Promise((done) => setTimeout(done, ms));

/** Polls until `probe` answers something; a bound keeps a broken test from hanging. */
export async function until<T>(
  what: string,
  probe: () => Promise<T | undefined>,
  timeoutMs = 20_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await pause(20);
  }
}

/** A directory that goes away with the test. */
export function temporaryDirectory(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'sensorium-test-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
