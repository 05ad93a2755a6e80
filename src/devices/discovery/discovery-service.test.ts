import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Result } from '../../base/result.ts';
import type { SensoriumError } from '../../model/errors.ts';
import { RUNNING, unavailable } from './scanner.ts';
import { DiscoveryBench, FakeScanner, lamp } from './test-kit.ts';

const never = (): Promise<never> => new Promise(() => undefined);
const codeOf = (result: Result<unknown, SensoriumError>): string => (result.ok ? 'ok' : result.error.code);

/** Ticks once a second for so long, with everything settled in between. */
async function run(bench: DiscoveryBench, service: { tick(): void }, seconds: number): Promise<void> {
  for (let n = 0; n < seconds; n += 1) {
    service.tick();
    for (let m = 0; m < 4; m += 1) await turn();
    bench.clock.advance(1_000);
  }
}

describe('scanners', () => {
  it('look at their own pace', async () => {
    const bench = new DiscoveryBench();
    const quick = new FakeScanner('quick');
    quick.paceMs = 1_000;
    const slow = new FakeScanner('slow');
    slow.paceMs = 10_000;
    const service = bench.service([quick, slow]);
    await run(bench, service, 30);
    expect([quick.starts, slow.starts]).toEqual([1, 1]);
    expect(quick.scans).toBeGreaterThan(25);
    expect(slow.scans).toBe(3);
    expect(service.scanners().map(({ condition }) => condition.state)).toEqual(['running', 'running']);
    await service.stop();
    expect([quick.stops, slow.stops]).toEqual([1, 1]);
  });

  it('that lack something say it once, and are tried again with back-off', async () => {
    const bench = new DiscoveryBench();
    const scanner = new FakeScanner('bluetooth');
    scanner.onStart = () => Promise.resolve(unavailable('no Bluetooth adapter'));
    const service = bench.service([scanner]);
    await run(bench, service, 600);
    expect(service.scanners()[0]?.condition).toEqual(unavailable('no Bluetooth adapter'));
    expect(scanner.starts).toBeGreaterThan(4);
    expect(scanner.starts).toBeLessThan(12);
    expect(bench.logger.lines).toEqual(['scanner unavailable; it is tried again']);
    scanner.onStart = () => Promise.resolve(RUNNING);
    await run(bench, service, 301);
    expect(service.scanners()[0]?.condition.state).toBe('running');
    await service.stop();
  });

  it('that throw or hang are stopped, and harm nobody else', async () => {
    const bench = new DiscoveryBench();
    const throws = new FakeScanner('throws');
    throws.onScan = () => Promise.reject(new Error('EIO'));
    const hangs = new FakeScanner('hangs');
    hangs.onScan = never;
    const fine = new FakeScanner('fine');
    const service = bench.service([throws, hangs, fine]);
    await run(bench, service, 13);
    const [first, second, third] = service.scanners();
    expect(first?.condition).toEqual(unavailable('EIO'));
    expect(second?.condition).toEqual(unavailable('no answer to scan in 10 s'));
    expect(third?.condition.state).toBe('running');
    expect([throws.stops > 0, hangs.stops, fine.scans >= 2]).toEqual([true, 1, true]);
    // Given up, so not heard any more.
    hangs.sink(lamp());
    expect(service.list({}).total).toBe(0);
    await service.stop();
  });

  it('that flood are cut to their rate, and what is cut is counted', async () => {
    const bench = new DiscoveryBench();
    const scanner = new FakeScanner();
    const service = bench.service([scanner]);
    await run(bench, service, 1);
    for (let n = 0; n < 5_000; n += 1) scanner.sink(lamp());
    expect(service.scanners()[0]).toMatchObject({ sightings: 1_000, dropped: 4_000 });
    expect(service.get(service.list({}).candidates[0]?.id ?? '')?.evidence[0]?.count).toBe(1_000);
    await service.stop();
  });
});

describe('decisions', () => {
  it('admit makes a device of what was seen and suggested, durably', async () => {
    const bench = new DiscoveryBench();
    const service = bench.service();
    service.observe(lamp());
    const [{ id, suggestion } = { id: '', suggestion: undefined }] = service.list({}).candidates;
    expect(suggestion).toEqual({ profile: 'open', preset: 'shelly', reasons: ['offers "_shelly._tcp"'] });
    expect(bench.events).toEqual([
      `device.discovered ${JSON.stringify({ candidate: id, name: 'Lamp', scanner: 'mdns', address: '10.0.0.5', profile: 'open' })}`,
    ]);
    const admitted = await service.admit(id, {}, '@admin');
    expect(codeOf(admitted)).toBe('ok');
    expect(bench.registry.get('Lamp')).toMatchObject({
      name: 'Lamp',
      profile: 'open',
      preset: 'shelly',
      identifiers: { mac: '02:00:00:00:00:01' },
      attributes: { address: '10.0.0.5', hostName: 'lamp.local' },
    });
    expect(service.list({}).total).toBe(0);
    expect(codeOf(await service.admit(id, {}, '@admin'))).toBe('candidate.admitted');

    const restarted = bench.service();
    restarted.observe(lamp({ names: ['Lamp again'] }));
    expect(restarted.list({}).total).toBe(0);
    expect(restarted.get(id)).toMatchObject({ state: 'admitted', device: 'Lamp', decidedBy: '@admin' });
    await bench.registry.remove('Lamp', '@admin');
    restarted.observe(lamp());
    expect(restarted.list({}).candidates.map((candidate) => candidate.id)).toEqual([id]);
  });

  it('a refused admission leaves the candidate as it was, on disk, too', async () => {
    const bench = new DiscoveryBench();
    const service = bench.service();
    service.observe(lamp());
    const [{ id } = { id: '' }] = service.list({}).candidates;
    expect(codeOf(await service.admit(id, { profile: 'nothing-like-it' }, '@admin'))).toBe('profile.unknown');
    expect(codeOf(await service.admit('nobody', {}, '@admin'))).toBe('candidate.unknown');
    expect(service.get(id)?.state).toBe('new');
    expect(bench.state.table('candidates').count).toBe(0);
    bench.state.writeFault = new Error('EIO');
    expect((await service.ignore(id, '@admin')).ok).toBe(false);
    expect(service.get(id)?.state).toBe('new');
  });

  it('ignored and blocked ones stay out of sight over a restart; only an ignored one can be admitted', async () => {
    const bench = new DiscoveryBench();
    const other = lamp({ identifiers: { mac: '02:00:00:00:00:02' }, names: ['Lamp'] });
    const service = bench.service();
    service.observe(lamp());
    service.observe(other);
    const [a, b] = service.list({}).candidates.map(({ id }) => id);
    await service.ignore(a ?? '', '@admin');
    await service.block(b ?? '', '@admin');
    const restarted = bench.service();
    restarted.observe(lamp());
    restarted.observe(other);
    expect(restarted.list({}).total).toBe(0);
    expect(restarted.list({ state: 'blocked' }).candidates[0]?.id).toBe(b);
    expect(codeOf(await restarted.admit(b ?? '', {}, '@admin'))).toBe('candidate.blocked');
    expect(codeOf(await restarted.admit(a ?? '', {}, '@admin'))).toBe('ok');
    expect(codeOf(await restarted.forget(b ?? '', '@admin'))).toBe('ok');
    restarted.observe(other);
    expect(restarted.list({}).candidates.map(({ id }) => id)).toEqual([b]);
  });

  it('of many who decide at once one wins', async () => {
    const bench = new DiscoveryBench();
    const service = bench.service();
    service.observe(lamp());
    const [{ id } = { id: '' }] = service.list({}).candidates;
    const all = await Promise.all([1, 2, 3].map((n) => service.admit(id, { id: `lamp-${n}` }, '@admin')));
    expect(all.map(codeOf).toSorted()).toEqual(['candidate.admitted', 'candidate.admitted', 'ok']);
    expect(bench.registry.size).toBe(1);
  });

  it('a decision whose device never came to be is dropped at the start', async () => {
    const bench = new DiscoveryBench();
    const service = bench.service();
    service.observe(lamp());
    const [{ id } = { id: '' }] = service.list({}).candidates;
    await service.admit(id, {}, '@admin');
    const stored = bench.state.table<{ device: string }>('candidates').get(id);
    await bench.state.table('candidates').put(id, { ...stored, device: 'never-made' });
    const restarted = bench.service();
    expect(restarted.get(id)).toBeUndefined();
  });
});

describe('watchers', () => {
  const watchers = [
    { name: 'shellies', match: { service: '_shelly.*', address: '10.0.0.0/24' }, profile: 'energy-meter' },
  ];

  it('admit what matches, once, with their profile', async () => {
    const bench = new DiscoveryBench();
    const service = bench.service([], watchers);
    service.observe(lamp({ identifiers: { mac: '02:00:00:00:00:01' } }));
    service.observe(lamp({ identifiers: { ip: '10.0.9.5' } }));
    await turn();
    expect(bench.registry.size).toBe(0);
    service.observe(lamp());
    service.observe(lamp());
    await turn();
    await turn();
    expect(bench.registry.get('Lamp')).toMatchObject({ profile: 'energy-meter' });
    expect(service.list({ state: 'admitted' }).candidates[0]?.decidedBy).toBe('watcher:shellies');
    expect(bench.registry.size).toBe(1);
  });

  it('admit nothing that is blocked or ignored, and no more than their rate', async () => {
    const bench = new DiscoveryBench();
    const service = bench.service([], watchers);
    for (let n = 0; n < 600; n += 1) {
      const mac = `02:00:00:00:${Math.floor(n / 100)}${(n % 10).toString(16)}:${String(n % 100).padStart(2, '0')}`;
      service.observe(lamp({ identifiers: { mac, ip: `10.0.0.${(n % 200) + 1}` }, names: [`lamp-${n}`] }));
    }
    await turn();
    await turn();
    expect(bench.registry.size).toBe(500);
    const [left] = service.list({}).candidates;
    await service.block(left?.id ?? '', '@admin');
    service.observe(lamp({ identifiers: { mac: left?.identifiers.mac?.[0] }, names: ['changed'] }));
    await turn();
    expect(service.get(left?.id ?? '')?.state).toBe('blocked');
  });
});

it('values a device broadcasts are passed on once it is admitted', async () => {
  const bench = new DiscoveryBench();
  const service = bench.service();
  const readings = [{ metric: 'temperature', ts: 1, value: 21.5, unit: 'Cel' }];
  service.observe(lamp({ readings }));
  await service.admit(service.list({}).candidates[0]?.id ?? '', {}, '@admin');
  service.observe(lamp({ readings }));
  expect(bench.readings).toEqual([`Lamp ${JSON.stringify(readings)}`]);
});
