/**
 * mDNS and DNS-SD (RFC 6762, 6763): services that announce themselves, and those that answer when asked. One socket per
 * interface. The library that reads the packets trusts them; here only neighbours get through, at a bounded rate, and
 * what it throws over a packet is caught. Its memory of services ends with each look.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { Browser, Service } from 'bonjour-service';
import type { Clock } from '../../../base/clock.ts';
import { DISCOVERY_INTERFACES_MAX } from '../../../base/limits.ts';
import type { ScannerCondition, Sighting } from '../../../model/discovery.ts';
import { RUNNING, type Scanner, type SightingSink, sighting, unavailable } from '../scanner.ts';
import { DatagramGate } from './datagram-gate.ts';
import { isWithin, type Link, type Links, parseRange } from './ranges.ts';
import { factsOfText, type TextRecord } from './text-record.ts';

interface MdnsScannerOptions {
  readonly links: Links;
  readonly clock: Clock;
  /** Default 5353; tests have one of their own. */
  readonly port?: number | undefined;
}

const PORT = 5353;
const PACE_MS = 30_000;

/** Asked for by name: some small stacks do not list their services, and some announce only the service itself. */
const KNOWN_TYPES = ['shelly', 'esphomelib', 'hap', 'matter', 'matterc', 'mqtt', 'http'] as const;

type BonjourClass = typeof import('bonjour-service')['Bonjour'];
type Bonjour = InstanceType<BonjourClass>;

interface Ear {
  readonly link: Link;
  readonly bonjour: Bonjour;
  browsers: readonly Browser[];
}

export class MdnsScanner implements Scanner {
  readonly name = 'mdns';
  readonly paceMs = PACE_MS;
  readonly #options: MdnsScannerOptions;
  #ears: Ear[] = [];
  #sink: SightingSink = () => undefined;
  #fault: string | undefined;
  readonly #port: number;
  /** Raised by each stop: what a start was still opening then is closed at once. */
  #generation = 0;

  constructor(options: MdnsScannerOptions) {
    this.#options = options;
    this.#port = options.port ?? PORT;
  }

  async start(sink: SightingSink): Promise<ScannerCondition> {
    this.#sink = sink;
    this.#fault = undefined;
    const links = this.#links();
    if (links.length === 0) return unavailable('no network interface with an IPv4 address');
    const { Bonjour: Library } = await import('bonjour-service');
    const generation = this.#generation;
    for (const link of links) {
      const ear = await this.#listen(Library, link).catch((cause: unknown) => {
        this.#fault = `UDP port ${this.#port}: ${String((cause as NodeJS.ErrnoException).code ?? cause)}`;
      });
      if (ear === undefined) continue;
      this.#ears.push(ear);
      if (generation !== this.#generation) await this.#close();
    }
    return this.#ears.length === 0 ? unavailable(this.#fault ?? 'cannot listen') : RUNNING;
  }

  async scan(): Promise<ScannerCondition> {
    const before = this.#ears.map(({ link }) => link.cidr);
    const now = this.#links().map(({ cidr }) => cidr);
    if (before.join() !== now.join()) {
      await this.stop();
      return await this.start(this.#sink);
    }
    if (this.#fault !== undefined) return unavailable(this.#fault);
    for (const ear of this.#ears) this.#browse(ear);
    return RUNNING;
  }

  async stop(): Promise<void> {
    this.#generation += 1;
    await this.#close();
  }

  async #close(): Promise<void> {
    const ears = this.#ears;
    this.#ears = [];
    for (const { browsers } of ears) for (const browser of browsers) browser.stop();
    await Promise.all(ears.map(({ bonjour }) => new Promise<void>((done) => bonjour.destroy(() => done()))));
  }

  #links(): readonly Link[] {
    return this.#options
      .links()
      .filter(({ family }) => family === 4)
      .slice(0, DISCOVERY_INTERFACES_MAX);
  }

  async #listen(Library: BonjourClass, link: Link): Promise<Ear> {
    const socket = createSocket({ type: 'udp4', reuseAddr: true });
    const listening = this.#guard(socket, new DatagramGate(link, this.#options.clock));
    // Passed on as it is to multicast-dns, whose options these are; it joins the group once the socket listens.
    const options = { socket, bind: false, interface: link.address, port: this.#port };
    const given = options as unknown as ConstructorParameters<BonjourClass>[0];
    const bonjour = new Library(given, () => undefined);
    // With an interface set, Linux delivers multicast only to sockets bound to every address.
    socket.bind(this.#port, '0.0.0.0');
    try {
      await listening;
    } catch (cause) {
      bonjour.destroy();
      throw cause;
    }
    const ear: Ear = { link, bonjour, browsers: [] };
    this.#browse(ear);
    return ear;
  }

  /**
   * The library sees messages that the gate admits, and no errors of the socket: it would throw them at the process.
   * Resolves when the socket listens, rejects when it cannot.
   */
  async #guard(socket: Socket, gate: DatagramGate): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const emit = socket.emit.bind(socket) as (event: string, ...rest: unknown[]) => boolean;
    const guarded = (event: string, ...rest: unknown[]): boolean => {
      if (event === 'error') {
        const [cause] = rest as [Error];
        this.#fault = cause.message;
        reject(cause);
        return true;
      }
      if (event !== 'message') return emit(event, ...rest);
      const [message, from] = rest as [Buffer, RemoteInfo];
      if (!gate.admits(message.length, from.address)) return true;
      try {
        return emit(event, message, from);
      } catch {
        return true;
      }
    };
    Object.assign(socket, { emit: guarded });
    socket.once('listening', resolve);
    await promise;
  }

  /** New browsers ask again and report everything that answers; what the old ones had gathered is forgotten. */
  #browse(ear: Ear): void {
    for (const browser of ear.browsers) browser.stop();
    const take = (service: Service): void => this.#take(service, ear.link);
    const typed = KNOWN_TYPES.map((type) => watch(ear.bonjour.find({ type }), take));
    const other = watch(ear.bonjour.find(null), (service) => {
      if (!KNOWN_TYPES.some((type) => type === service.type)) take(service);
    });
    ear.browsers = [...typed, other];
  }

  #take(service: Service, link: Link): void {
    const seen = sightingOf(service, link, this.#options.clock.now());
    if (seen !== undefined) this.#sink(seen);
  }
}

function watch(browser: Browser, take: (service: Service) => void): Browser {
  browser.on('up', take);
  browser.on('txt-update', take);
  browser.on('srv-update', take);
  return browser;
}

/** What the packets hold is a stranger's; nothing of it need be what the types say. */
function sightingOf(service: Service, link: Link, ts: number): Sighting | undefined {
  const from = service.referer?.address;
  const type = `_${service.type}._${service.protocol}`;
  if (from === undefined || typeof service.name !== 'string') return undefined;
  const host = typeof service.host === 'string' ? service.host : undefined;
  const claimed = (service.addresses ?? []).filter((address) => typeof address === 'string');
  const text = factsOfText((service.txt ?? {}) as TextRecord);
  const address = addressOf(from, claimed, link);
  return sighting({
    scanner: 'mdns',
    identifiers: { ...text.identifiers, hostName: host, ip: address },
    names: [...text.names, service.name],
    manufacturer: text.manufacturer,
    model: text.model,
    services: [type],
    attributes: { ...text.attributes, [`port.${type}`]: service.port },
    evidence: `announces ${type} "${service.name}" from ${from}`,
    ts,
  });
}

/**
 * The sender, unless it says that the service is elsewhere: a reflector passes on the words of others, and then an
 * address counts only if it is on this link.
 */
function addressOf(from: string, claimed: readonly string[], { cidr }: Link): string | undefined {
  if (claimed.length === 0 || claimed.includes(from)) return from;
  const range = parseRange(cidr);
  return range === undefined ? undefined : claimed.find((address) => isWithin(range, address));
}
