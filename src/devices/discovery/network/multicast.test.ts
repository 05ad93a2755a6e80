/** The two multicast scanners on the loopback link, with real sockets: other hosts need the system test. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Bonjour } from 'bonjour-service';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../base/clock.ts';
import { silentLogger } from '../../../base/logger.ts';
import { seededRandom } from '../../../base/random.ts';
import type { Sighting } from '../../../model/discovery.ts';
import type { Scanner } from '../scanner.ts';
import { MdnsScanner } from './mdns-scanner.ts';
import type { Link } from './ranges.ts';
import { SsdpScanner } from './ssdp-scanner.ts';

const HERE = '127.0.0.1';
const LOOPBACK: readonly Link[] = [{ name: 'lo', address: HERE, family: 4, cidr: `${HERE}/8` }];
/** Not those of the standards: others on this machine listen there. */
const MDNS_PORT = 25_353;
const SSDP_PORT = 21_900;
const clock = systemClock;
const logger = silentLogger;

async function running(scanner: Scanner): Promise<{ seen: Sighting[] } & AsyncDisposable> {
  const seen: Sighting[] = [];
  expect(await scanner.start((one) => seen.push(one))).toEqual({ state: 'running' });
  return { seen, [Symbol.asyncDispose]: async () => await scanner.stop() };
}

async function socketFor(group: string, port: number): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  socket.bind(port, '0.0.0.0');
  await once(socket, 'listening');
  socket.setMulticastInterface(HERE);
  if (port !== 0) socket.addMembership(group, HERE);
  return socket;
}

async function until<T>(probe: () => T | undefined): Promise<T> {
  for (let n = 0; n < 500; n += 1) {
    const value = probe();
    if (value !== undefined) return value;
    await sleep(10);
  }
  throw new Error('nothing came');
}

function publish(name: string): Bonjour {
  const options = { interface: HERE, bind: '0.0.0.0', port: MDNS_PORT };
  const bonjour = new Bonjour(options, () => undefined);
  bonjour.publish({ name, type: 'shelly', port: 80, txt: { app: 'plug' }, probe: false });
  return bonjour;
}

const gone = async (bonjour: Bonjour): Promise<void> =>
  await new Promise((done) => {
    bonjour.destroy(() => done());
  });

describe('mDNS', () => {
  it('hears a service, survives every damage to its packets, and hears the next one', async () => {
    await using scanner = await running(new MdnsScanner({ links: () => LOOPBACK, clock, port: MDNS_PORT }));
    const tap = await socketFor('224.0.0.251', MDNS_PORT);
    const packets: Buffer[] = [];
    tap.on('message', (packet) => packets.push(packet));
    const first = publish('plug-one');
    const heard = await until(() => scanner.seen.find(({ names }) => names.includes('plug-one')));
    expect(heard).toMatchObject({ scanner: 'mdns', services: ['_shelly._tcp'], model: 'plug' });
    const whole = await until(() =>
      packets.find((packet) => packet.includes('plug-one') && packet.length > 100),
    );
    const random = seededRandom(7);
    const at = (length: number): number => Math.floor(random.next() * length);
    for (let n = 0; n < 400; n += 1) {
      const packet = Buffer.from(whole.subarray(0, n % 2 === 0 ? whole.length : at(whole.length)));
      for (let m = 0; m < 1 + (n % 8) && packet.length > 0; m += 1) packet[at(packet.length)] = at(256);
      tap.send(packet, MDNS_PORT, '224.0.0.251');
    }
    // Over the rate of a second: what comes after it must be heard again.
    await sleep(1_200);
    const second = publish('plug-two');
    await until(() => scanner.seen.find(({ names }) => names.includes('plug-two')));
    tap.close();
    await gone(first);
    await gone(second);
  });

  it('finds by asking what was there before', async () => {
    const before = publish('plug-before');
    await sleep(200);
    const scanner = new MdnsScanner({ links: () => LOOPBACK, clock, port: MDNS_PORT });
    await using found = await running(scanner);
    await scanner.scan();
    await until(() => found.seen.find(({ names }) => names.includes('plug-before')));
    await gone(before);
  });

  it('says that its port is taken, and is no error of the process', async () => {
    const other = createSocket({ type: 'udp4' });
    other.bind(0, '0.0.0.0');
    await once(other, 'listening');
    const { port } = other.address();
    const options = { links: () => LOOPBACK, clock, port };
    for (const scanner of [new MdnsScanner(options), new SsdpScanner({ ...options, logger })]) {
      const condition = await scanner.start(() => undefined);
      expect(condition).toEqual({ state: 'unavailable', reason: `UDP port ${port}: EADDRINUSE` });
      await scanner.stop();
    }
    other.close();
  });

  it('without an interface is unavailable', async () => {
    const scanner = new MdnsScanner({ links: () => [], clock });
    expect(await scanner.start(() => undefined)).toMatchObject({ state: 'unavailable' });
    await scanner.stop();
  });
});

describe('SSDP', () => {
  const notify = (location: string, usn: string): string =>
    `NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nLOCATION: ${location}\r\nNT: upnp:rootdevice\r\nNTS: ssdp:alive\r\nUSN: ${usn}\r\n\r\n`;

  it('fetches a description once, from its announcer only; hostile messages harm nobody', async () => {
    const asked: string[] = [];
    const http = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.end(
        '<root><device><friendlyName>Lamp</friendlyName><UDN>uuid:11112222-3333-4444-5555-666677778888</UDN></device></root>',
      );
    });
    // Every loopback address: also the one that another host is played by.
    http.listen(0, '0.0.0.0');
    await once(http, 'listening');
    const { port } = http.address() as AddressInfo;
    const scanner = new SsdpScanner({ links: () => LOOPBACK, clock, logger, port: SSDP_PORT });
    await using found = await running(scanner);
    const out = await socketFor('239.255.255.250', 0);
    const say = (text: string): void => out.send(text, SSDP_PORT, '239.255.255.250');
    say(notify(`http://127.0.0.2:${port}/elsewhere`, 'uuid:elsewhere-1::upnp:rootdevice'));
    say(notify('http://[::ffff:10.0.0.1]/x', 'uuid:elsewhere-2::upnp:rootdevice'));
    say(
      `NOTIFY * HTTP/1.1\r\n${'x'.repeat(4_096)}:y\r\nNTS: ssdp:alive\r\nUSN: ${'uuid:'.repeat(800)}\r\n\r\n`,
    );
    say('\0\0\0\u202E<script>');
    for (let n = 0; n < 3; n += 1) say(notify(`http://${HERE}:${port}/lamp`, 'uuid:1-2::upnp:rootdevice'));
    const lamp = await until(() => found.seen.find(({ names }) => names.includes('Lamp')));
    expect(lamp).toMatchObject({
      identifiers: { uuid: 'uuid:11112222-3333-4444-5555-666677778888', ip: HERE },
    });
    say(notify(`http://${HERE}:${port}/lamp`, 'uuid:1-2::upnp:rootdevice'));
    const before = found.seen.length;
    await until(() => (found.seen.length > before ? true : undefined));
    expect(asked).toEqual(['/lamp']);
    out.close();
    http.close();
  });

  it('finds by asking what was there before', async () => {
    const device = await socketFor('239.255.255.250', SSDP_PORT);
    device.on('message', (message, from) => {
      if (!message.includes('M-SEARCH')) return;
      expect(message.toString()).toMatch(/^MX: 2\r$/m);
      device.send(
        'HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nUSN: uuid:aaaa-1::upnp:rootdevice\r\n\r\n',
        from.port,
        from.address,
      );
    });
    const scanner = new SsdpScanner({ links: () => LOOPBACK, clock, logger, port: SSDP_PORT });
    await using found = await running(scanner);
    await scanner.scan();
    const seen = await until(() => found.seen.find(({ identifiers }) => identifiers.uuid === 'aaaa-1'));
    expect(seen.evidence).toContain('answers a search');
    device.close();
  });
});
