/**
 * Which hosts of the ranges a user named have a port open that things of the field use. Connects, says nothing, closes.
 * Without ranges it touches nobody.
 */
import type { Clock } from '../../../base/clock.ts';
import { DISCOVERY_TICK_MS } from '../../../base/limits.ts';
import type { ScannerCondition } from '../../../model/discovery.ts';
import { RUNNING, type Scanner, type SightingSink, sighting, unavailable } from '../scanner.ts';
import { RangeWalk } from './range-walk.ts';
import type { AddressRange } from './ranges.ts';
import { tryConnect } from './tcp-connect.ts';

interface ProbeScannerOptions {
  readonly ranges: readonly AddressRange[];
  readonly clock: Clock;
  /** Port to service name; default: those below. */
  readonly ports?: ReadonlyMap<number, string> | undefined;
}

/** https://www.iana.org/assignments/service-names-port-numbers, and what makers document. */
const PORTS: ReadonlyMap<number, string> = new Map([
  [1883, 'mqtt'],
  [8883, 'secure-mqtt'],
  [4840, 'opcua-tcp'],
  [6053, 'esphome-api'],
  [80, 'http'],
  [102, 'iso-tsap'],
  [44_818, 'ethernet-ip'],
  [20_000, 'dnp'],
  [9_999, 'kasa'],
]);

const ROUND_MS = 10 * 60_000;

export class ProbeScanner implements Scanner {
  readonly name = 'probe';
  readonly paceMs = DISCOVERY_TICK_MS;
  readonly #options: ProbeScannerOptions;
  readonly #ports: ReadonlyMap<number, string>;
  #walk: RangeWalk | undefined;
  #sink: SightingSink = () => undefined;

  constructor(options: ProbeScannerOptions) {
    this.#options = options;
    this.#ports = options.ports ?? PORTS;
  }

  start(sink: SightingSink): Promise<ScannerCondition> {
    this.#sink = sink;
    const { ranges, clock } = this.#options;
    if (ranges.length === 0) return Promise.resolve(unavailable('no ranges are configured'));
    this.#walk = new RangeWalk({ ranges, ports: [...this.#ports.keys()], roundMs: ROUND_MS, clock });
    return Promise.resolve(RUNNING);
  }

  async scan(signal: AbortSignal): Promise<ScannerCondition> {
    await this.#walk?.slice(signal, async ({ address, port }) => {
      const socket = await tryConnect(address, port, signal);
      if (socket === undefined) return;
      socket.destroy();
      if (!signal.aborted) this.#tell(address, port);
    });
    return RUNNING;
  }

  stop(): Promise<void> {
    this.#walk = undefined;
    return Promise.resolve();
  }

  #tell(address: string, port: number): void {
    const service = `tcp:${port}/${this.#ports.get(port) ?? 'unknown'}`;
    this.#sink(
      sighting({
        scanner: this.name,
        identifiers: { ip: address },
        services: [service],
        evidence: `port ${port} of ${address} is open`,
        ts: this.#options.clock.now(),
      }),
    );
  }
}
