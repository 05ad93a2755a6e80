/** A Bluetooth adapter that is none: bluez.py behind a pipe. Why it cannot run here, where it cannot. */
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const PYTHON = '/usr/bin/python3';
const SCRIPT = fileURLToPath(new URL('./bluez.py', import.meta.url));

export const noBluez: string | undefined = reason();

function reason(): string | undefined {
  const { status } = spawnSync(PYTHON, ['-c', 'import dbusmock, dbus'], { stdio: 'ignore' });
  if (status !== 0) return 'needs the Debian packages python3-dbusmock and dbus';
  try {
    // Noble asks for it and does not bring it.
    createRequire(createRequire(import.meta.url).resolve('@stoprocent/noble')).resolve('dbus-next');
    return undefined;
  } catch {
    return 'needs the packages @stoprocent/noble and dbus-next';
  }
}

export class Bluez implements AsyncDisposable {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  address = '';

  private constructor() {
    this.#process = spawn(PYTHON, [SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#reader = createInterface(this.#process.stdout);
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  static async start(): Promise<Bluez> {
    const bluez = new Bluez();
    bluez.address = (JSON.parse(await bluez.#line()) as { readonly address: string }).address;
    return bluez;
  }

  async adapter(): Promise<void> {
    await this.#obey('adapter');
  }

  async device(address: string, name: string): Promise<void> {
    await this.#obey('device', address, name);
  }

  async power(isOn: boolean): Promise<void> {
    await this.#obey('power', isOn);
  }

  /** Data as hexadecimal text; companies by their number in hexadecimal, services by their whole UUID. */
  async advertise(
    address: string,
    companies: Readonly<Record<string, string>>,
    services: Readonly<Record<string, string>>,
    rssi: number,
  ): Promise<void> {
    await this.#obey('advertise', address, companies, services, rssi);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exited = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.stdin.end();
    await exited;
  }

  async #obey(...words: readonly unknown[]): Promise<void> {
    this.#process.stdin.write(`${JSON.stringify(words)}\n`);
    const answer = await this.#line();
    if (answer !== 'done') throw new Error(`bluez.py answered ${answer}`);
  }

  async #line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error('bluez.py has ended');
    return value;
  }
}
