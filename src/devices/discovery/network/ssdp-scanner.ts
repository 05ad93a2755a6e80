/**
 * SSDP (UPnP Device Architecture 2.0, 1): devices that announce themselves, and those that answer a search. On each
 * interface one socket hears announcements, one searches and gets the answers. Says nothing about itself.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Clock } from '../../../base/clock.ts';
import { DISCOVERY_INTERFACES_MAX } from '../../../base/limits.ts';
import type { Logger } from '../../../base/logger.ts';
import type { ScannerCondition, Sighting } from '../../../model/discovery.ts';
import { RUNNING, type Scanner, type SightingSink, sighting, unavailable } from '../scanner.ts';
import { DatagramGate } from './datagram-gate.ts';
import { DescriptionDesk } from './description-desk.ts';
import type { DeviceDescription } from './device-description.ts';
import type { Link, Links } from './ranges.ts';
import { parseSsdp, type SsdpMessage, searchMessage, splitUsn } from './ssdp-message.ts';

interface SsdpScannerOptions {
  readonly links: Links;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default 1900; tests have one of their own. */
  readonly port?: number | undefined;
}

/** [UDA 2.0, 1.1.1] */
const GROUP = '239.255.255.250';
const PORT = 1900;
const PACE_MS = 60_000;
/** Root devices: one answer for each box, not one for each of its services. */
const TARGET = 'upnp:rootdevice';
const MX_S = 2;

interface Ear {
  readonly link: Link;
  readonly listener: Socket;
  readonly searcher: Socket;
}

export class SsdpScanner implements Scanner {
  readonly name = 'ssdp';
  readonly paceMs = PACE_MS;
  readonly #options: SsdpScannerOptions;
  readonly #descriptions: DescriptionDesk;
  #ears: Ear[] = [];
  #sink: SightingSink = () => undefined;
  #fault: string | undefined;
  readonly #port: number;
  /** Raised by each stop: what a start was still opening then is closed at once. */
  #generation = 0;

  constructor(options: SsdpScannerOptions) {
    this.#options = options;
    this.#port = options.port ?? PORT;
    this.#descriptions = new DescriptionDesk(options);
  }

  async start(sink: SightingSink): Promise<ScannerCondition> {
    this.#sink = sink;
    this.#fault = undefined;
    const links = this.#links();
    if (links.length === 0) return unavailable('no network interface with an IPv4 address');
    const generation = this.#generation;
    for (const link of links) {
      const ear = await this.#listen(link).catch((cause: unknown) => {
        this.#fault = `UDP port ${this.#port}: ${String((cause as NodeJS.ErrnoException).code ?? cause)}`;
      });
      if (ear === undefined) continue;
      this.#ears.push(ear);
      if (generation !== this.#generation) await this.#close();
    }
    return this.#ears.length === 0 ? unavailable(this.#fault ?? 'cannot listen') : RUNNING;
  }

  async scan(): Promise<ScannerCondition> {
    if (
      this.#ears.map(({ link }) => link.cidr).join() !==
      this.#links()
        .map(({ cidr }) => cidr)
        .join()
    ) {
      await this.stop();
      return await this.start(this.#sink);
    }
    if (this.#fault !== undefined) return unavailable(this.#fault);
    const search = searchMessage(GROUP, this.#port, TARGET, MX_S);
    // A link without a way for multicast hears announcements all the same.
    for (const { searcher } of this.#ears) searcher.send(search, this.#port, GROUP, () => undefined);
    return RUNNING;
  }

  async stop(): Promise<void> {
    this.#generation += 1;
    await this.#close();
  }

  async #close(): Promise<void> {
    this.#descriptions.stop();
    const sockets = this.#ears.flatMap(({ listener, searcher }) => [listener, searcher]);
    this.#ears = [];
    await Promise.all(sockets.map((socket) => new Promise<void>((done) => socket.close(() => done()))));
  }

  #links(): readonly Link[] {
    return this.#options
      .links()
      .filter(({ family }) => family === 4)
      .slice(0, DISCOVERY_INTERFACES_MAX);
  }

  async #listen(link: Link): Promise<Ear> {
    const gate = new DatagramGate(link, this.#options.clock);
    const listener = await this.#open(gate, { address: '0.0.0.0', port: this.#port });
    listener.addMembership(GROUP, link.address);
    const searcher = await this.#open(gate, { address: link.address, port: 0 });
    searcher.setMulticastInterface(link.address);
    // [UDA 2.0, 1.3.2] "The TTL for the IP packet SHOULD default to 2"
    searcher.setMulticastTTL(2);
    return { link, listener, searcher };
  }

  async #open(gate: DatagramGate, at: { readonly address: string; readonly port: number }): Promise<Socket> {
    const socket = createSocket({ type: 'udp4', reuseAddr: at.port !== 0 });
    socket.on('message', (bytes, from) => {
      if (gate.admits(bytes.length, from.address)) this.#hear(bytes, from);
    });
    socket.bind(at.port, at.address);
    await once(socket, 'listening');
    // A link that goes takes its sockets with it; the next look says so.
    socket.on('error', (cause) => {
      this.#fault = cause.message;
    });
    return socket;
  }

  #hear(bytes: Buffer, { address }: RemoteInfo): void {
    const message = parseSsdp(bytes);
    if (message === undefined || (message.kind !== 'alive' && message.kind !== 'answer')) return;
    const location = message.headers.get('location');
    const tell = (description: DeviceDescription | undefined): void => {
      this.#sink(sightingOf(message, address, description, this.#options.clock.now()));
    };
    if (location === undefined) tell(undefined);
    else tell(this.#descriptions.ask({ location, announcer: address, take: tell }));
  }
}

function sightingOf(
  { kind, headers }: SsdpMessage,
  address: string,
  description: DeviceDescription | undefined,
  ts: number,
): Sighting {
  const { uuid, type } = splitUsn(headers.get('usn') ?? '');
  const services = [type ?? headers.get('nt') ?? headers.get('st'), description?.deviceType]
    .concat(description?.services ?? [])
    .filter((service) => service !== undefined && service !== TARGET && !/^uuid:/i.test(service));
  const facts = {
    location: headers.get('location'),
    server: headers.get('server'),
    modelNumber: description?.modelNumber,
  };
  const name = description?.friendlyName;
  return sighting({
    scanner: 'ssdp',
    // An embedded device has a UUID of its own; the box is known by that of its description.
    identifiers: { uuid: description?.uuid ?? uuid, serial: description?.serialNumber, ip: address },
    names: name === undefined ? [] : [name],
    manufacturer: description?.manufacturer,
    model: description?.modelName,
    services: services.filter((service) => service !== undefined),
    attributes: Object.fromEntries(
      Object.entries(facts).filter((fact): fact is [string, string] => fact[1] !== undefined),
    ),
    evidence: `${kind === 'alive' ? 'announces itself' : 'answers a search'} by SSDP from ${address}`,
    ts,
  });
}
