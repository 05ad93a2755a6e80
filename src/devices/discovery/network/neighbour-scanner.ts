/**
 * The kernel's neighbour tables: who this machine has spoken to on its links, address and MAC together. Sends nothing.
 * This is what ties an address that SSDP or mDNS told of to something that lasts.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '../../../base/clock.ts';
import { NEIGHBOURS_MAX } from '../../../base/limits.ts';
import type { ScannerCondition } from '../../../model/discovery.ts';
import { RUNNING, type Scanner, type SightingSink, sighting, unavailable } from '../scanner.ts';
import { type Neighbour, parseArp, parseIpNeigh } from './neighbours.ts';

interface NeighbourScannerOptions {
  readonly clock: Clock;
  /** `/`; a fixture tree in tests. */
  readonly root?: string | undefined;
  /** What `ip -6 neigh show` prints; empty where there is no such program. */
  readonly readIpv6?: ((signal: AbortSignal) => Promise<string>) | undefined;
}

const PACE_MS = 10_000;
const run = promisify(execFile);

export class NeighbourScanner implements Scanner {
  readonly name = 'neighbours';
  readonly paceMs = PACE_MS;
  readonly #clock: Clock;
  readonly #path: string;
  readonly #readIpv6: (signal: AbortSignal) => Promise<string>;
  #sink: SightingSink = () => undefined;

  constructor({ clock, root = '/', readIpv6 = ipNeigh }: NeighbourScannerOptions) {
    this.#clock = clock;
    this.#path = join(root, 'proc/net/arp');
    this.#readIpv6 = readIpv6;
  }

  async start(sink: SightingSink): Promise<ScannerCondition> {
    this.#sink = sink;
    const table = await this.#readIpv4();
    return table === undefined ? unavailable(`no neighbour table at ${this.#path}`) : RUNNING;
  }

  async scan(signal: AbortSignal): Promise<ScannerCondition> {
    const table = await this.#readIpv4();
    if (table === undefined) return unavailable(`no neighbour table at ${this.#path}`);
    const ipv6 = await this.#readIpv6(signal).catch(() => '');
    const neighbours = [...parseArp(table), ...parseIpNeigh(ipv6)].slice(0, NEIGHBOURS_MAX);
    if (!signal.aborted) for (const neighbour of neighbours) this.#tell(neighbour);
    return RUNNING;
  }

  stop(): Promise<void> {
    this.#sink = () => undefined;
    return Promise.resolve();
  }

  async #readIpv4(): Promise<string | undefined> {
    return await readFile(this.#path, 'utf8').catch(() => undefined);
  }

  #tell({ ip, mac, interface: link }: Neighbour): void {
    this.#sink(
      sighting({
        scanner: this.name,
        identifiers: { mac, ip },
        attributes: { interface: link },
        evidence: `neighbour ${ip} on ${link}`,
        ts: this.#clock.now(),
      }),
    );
  }
}

async function ipNeigh(signal: AbortSignal): Promise<string> {
  const { stdout } = await run('ip', ['-6', 'neigh', 'show'], { signal, maxBuffer: 1_048_576 });
  return stdout;
}
