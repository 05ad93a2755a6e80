/**
 * A small local network on this machine: a hub with a bridge, and hosts on it, each in a network namespace of its own.
 * Needs root and `ip`. Takes away what it made; ends only processes it started.
 */
import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { PROJECT } from './server.ts';

const PREFIX = '10.77.0';
let networks = 0;

const ip = (...words: readonly string[]): void => {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, PATH: PATH() } });
};
const PATH = (): string => `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;

/** Why there can be no such network here; undefined where there can. */
export const noVirtualNetwork: string | undefined = whyNot();

function whyNot(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are of Linux';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const name = `sn${process.pid}try`;
  try {
    ip('netns', 'add', name);
    ip('netns', 'del', name);
    return undefined;
  } catch (cause) {
    return `no network namespaces: ${(cause as Error).message.split('\n')[0]}`;
  }
}

export class VirtualNetwork implements AsyncDisposable {
  /** Of the hub. */
  readonly range = `${PREFIX}.0/24`;
  readonly #hub: string;
  readonly #spaces: string[] = [];
  readonly #children: ChildProcess[] = [];

  constructor() {
    networks += 1;
    this.#hub = `sn${process.pid}n${networks}`;
    this.#add(this.#hub);
    const inHub = ['-n', this.#hub] as const;
    ip(...inHub, 'link', 'add', 'br0', 'type', 'bridge');
    ip(...inHub, 'addr', 'add', `${PREFIX}.1/24`, 'dev', 'br0');
    ip(...inHub, 'link', 'set', 'br0', 'up');
  }

  /** A host on the bridge; the answer is its address. */
  addHost(): { readonly space: string; readonly address: string } {
    const n = this.#spaces.length + 1;
    const space = `${this.#hub}h${n}`;
    const address = `${PREFIX}.${n}`;
    this.#add(space);
    ip('-n', this.#hub, 'link', 'add', `v${n}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space);
    ip('-n', this.#hub, 'link', 'set', `v${n}`, 'master', 'br0', 'up');
    ip('-n', space, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
    ip('-n', space, 'link', 'set', 'eth0', 'up');
    return { space, address };
  }

  /** Words to put before a command that is to run in the hub. */
  get inHub(): readonly string[] {
    return within(this.#hub);
  }

  /** Runs a program on a host until the network is taken away. */
  run(space: string, command: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const [program = '', ...words] = [...within(space), ...command];
    const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'inherit'], ...options });
    this.#children.push(child);
    return child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const closed = once(child, 'close');
      child.kill('SIGKILL');
      await closed;
    }
    for (const space of this.#spaces.toReversed()) ip('netns', 'del', space);
  }

  #add(space: string): void {
    ip('netns', 'add', space);
    this.#spaces.push(space);
    ip('-n', space, 'link', 'set', 'lo', 'up');
  }
}

/** A thing of the field on the network: `test/support/field-host.ts`. */
export class FieldHost {
  readonly address: string;
  readonly #child: ChildProcess;

  private constructor(address: string, child: ChildProcess) {
    this.address = address;
    this.#child = child;
  }

  /** Resolves when it listens. */
  static async start(network: VirtualNetwork, kind: 'mdns' | 'ssdp' | 'modbus'): Promise<FieldHost> {
    const { space, address } = network.addHost();
    const program = [process.execPath, join(PROJECT, 'test/support/field-host.ts'), kind, address];
    const child = network.run(space, program);
    if (child.stdout !== null) await once(child.stdout, 'data');
    return new FieldHost(address, child);
  }

  /** Announces itself under this name; resolves with the time at which it did, milliseconds since the epoch. */
  async announce(name: string): Promise<number> {
    const { stdin, stdout } = this.#child;
    if (stdin === null || stdout === null) throw new Error('the host has no pipes');
    const answer = once(stdout, 'data');
    stdin.write(`${name}\n`);
    const [line] = (await answer) as [Buffer];
    return (JSON.parse(line.toString()) as { at: number }).at;
  }
}

/** `nsenter` becomes the program, so that a signal for it reaches the program. */
const within = (space: string): readonly string[] => ['nsenter', `--net=/run/netns/${space}`];
