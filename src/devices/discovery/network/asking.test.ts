/** The scanners that ask: bounded, in their ranges, round by round; and the one that only reads. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { ManualClock, systemClock } from '../../../base/clock.ts';
import { PROBE_CONNECTS_IN_FLIGHT, PROBE_CONNECTS_PER_SECOND } from '../../../base/limits.ts';
import type { Sighting } from '../../../model/discovery.ts';
import { NeighbourScanner } from './neighbour-scanner.ts';
import { ProbeScanner } from './probe-scanner.ts';
import { RangeWalk } from './range-walk.ts';
import { isWithin, parseRange } from './ranges.ts';

const range = (text: string) => parseRange(text) ?? expect.fail(`${text} is no range`);
const { signal } = new AbortController();

it('a walk visits every host once a round, a slice at a time, few at once, and rests in between', async () => {
  const clock = new ManualClock();
  const ranges = [range('10.0.0.0/26'), range('10.0.9.4/31')];
  const walk = new RangeWalk({ ranges, ports: [502, 80], roundMs: 60_000, clock });
  const visited: string[] = [];
  let active = 0;
  let most = 0;
  const slice = async (): Promise<number> => {
    const before = visited.length;
    await walk.slice(signal, async ({ address, port }) => {
      active += 1;
      most = Math.max(most, active);
      await turn();
      active -= 1;
      expect(ranges.some((one) => isWithin(one, address))).toBe(true);
      visited.push(`${address}:${port}`);
    });
    return visited.length - before;
  };
  expect([await slice(), await slice(), await slice()]).toEqual([PROBE_CONNECTS_PER_SECOND, 64, 0]);
  expect(new Set(visited).size).toBe((62 + 2) * 2);
  expect(most).toBe(PROBE_CONNECTS_IN_FLIGHT);
  clock.advance(60_000);
  expect(await slice()).toBe(64);
  expect(new Set(visited).size).toBe(128);
});

it('an aborted slice begins nothing more', async () => {
  const walk = new RangeWalk({
    ranges: [range('10.0.0.0/24')],
    ports: [80],
    roundMs: 1,
    clock: new ManualClock(),
  });
  const abort = new AbortController();
  let visits = 0;
  await walk.slice(abort.signal, () => {
    visits += 1;
    abort.abort();
    return Promise.resolve();
  });
  expect(visits).toBe(1);
});

it('a probe tells open ports, and says nothing to them', async () => {
  const heard: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined).on('data', (bytes: Buffer) => heard.push(bytes));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const ports = new Map([
    [port, 'thing'],
    [1, 'nobody'],
  ]);
  const scanner = new ProbeScanner({ ranges: [range('127.0.0.1')], clock: systemClock, ports });
  const seen: Sighting[] = [];
  expect(await scanner.start((one) => seen.push(one))).toEqual({ state: 'running' });
  await scanner.scan(signal);
  await scanner.stop();
  server.close();
  expect(seen.map(({ services, identifiers }) => [services, identifiers.ip])).toEqual([
    [[`tcp:${port}/thing`], '127.0.0.1'],
  ]);
  expect(heard).toEqual([]);
});

it('without ranges nobody is asked, and that is said', async () => {
  const scanner = new ProbeScanner({ ranges: [], clock: systemClock });
  expect(await scanner.start(() => undefined)).toEqual({
    state: 'unavailable',
    reason: 'no ranges are configured',
  });
});

it('neighbours come from the kernel tables; without a table that is said', async () => {
  const root = mkdtempSync(join(tmpdir(), 'sensorium-neighbours-'));
  const options = { clock: systemClock, root };
  const none = await new NeighbourScanner(options).start(() => undefined);
  expect(none).toEqual({ state: 'unavailable', reason: `no neighbour table at ${root}/proc/net/arp` });
  mkdirSync(join(root, 'proc/net'), { recursive: true });
  const head = 'IP address       HW type     Flags       HW address            Mask     Device\n';
  const row = '10.0.0.5         0x1         0x2         02:00:00:00:00:05     *        eth0\n';
  writeFileSync(join(root, 'proc/net/arp'), head + row);
  const seen: Sighting[] = [];
  const scanner = new NeighbourScanner({
    ...options,
    readIpv6: () => Promise.resolve('fe80::5 dev eth0 lladdr 02:00:00:00:00:05 STALE\n'),
  });
  await scanner.start((one) => seen.push(one));
  await scanner.scan(signal);
  // No program `ip`: IPv4 is told all the same.
  const alone = new NeighbourScanner({ ...options, readIpv6: () => Promise.reject(new Error('ENOENT')) });
  await alone.start((one) => seen.push(one));
  await alone.scan(signal);
  expect(seen.map(({ identifiers }) => identifiers)).toEqual([
    { mac: '02:00:00:00:00:05', ip: '10.0.0.5' },
    { mac: '02:00:00:00:00:05', ip: 'fe80::5%eth0' },
    { mac: '02:00:00:00:00:05', ip: '10.0.0.5' },
  ]);
  rmSync(root, { recursive: true });
});
