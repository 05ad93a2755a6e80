/** The real server, ended in two ways: by SIGKILL, and by a disk that loses all that was not flushed. */
import { join } from 'node:path';
import { pause, Server } from '../server.ts';
import type { LoopDisk } from './loop-disk.ts';
import type { Victim } from './torture.ts';
import type { Account } from './wire.ts';

/** Lines a run writes to its error output are kept by the test: only what matters. */
const env = { SENSORIUM_LOG_LEVEL: 'warn' };
const TOKEN_LIFETIME_S = 86_400;

export class KilledServer implements Victim, AsyncDisposable {
  readonly #dataDir: string;
  #server: Server | undefined;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  get server(): Server {
    if (this.#server === undefined) throw new Error('the server does not run');
    return this.#server;
  }

  async start(): Promise<number> {
    this.#server = await Server.start({ dataDir: this.#dataDir, env });
    return this.#server.mqttPort;
  }

  async stumble(afterMs: number): Promise<void> {
    this.#server = new Server({ dataDir: this.#dataDir, env });
    await pause(afterMs);
    await this.kill();
  }

  async kill(): Promise<void> {
    await this.server.stop('SIGKILL');
  }

  /** A device that publishes as itself, or a user who sees all devices. */
  async account(name: string, role: 'publisher' | 'subscriber'): Promise<Account> {
    if (role === 'publisher') return { username: name, password: await this.server.addDevice({ id: name }) };
    const wanted = { subject: name, role: 'viewer', lifetimeS: TOKEN_LIFETIME_S };
    const response = await this.server.api('POST', '/api/v1/tokens', wanted);
    const { token } = (await response.json()) as { token: string };
    return { username: `@${name}`, password: token };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
  }
}

/** The process is stopped first, so that nothing is acknowledged by a machine that is off. */
export class PoweredOffServer extends KilledServer {
  readonly #disk: LoopDisk;

  constructor(disk: LoopDisk) {
    super(join(disk.path, 'data'));
    this.#disk = disk;
  }

  override async start(): Promise<number> {
    this.#disk.mount();
    return await super.start();
  }

  override async stumble(afterMs: number): Promise<void> {
    this.#disk.mount();
    await super.stumble(afterMs);
  }

  override async kill(): Promise<void> {
    this.server.process.kill('SIGSTOP');
    this.#disk.cutPower();
    await super.kill();
    this.#disk.unmount();
  }
}
