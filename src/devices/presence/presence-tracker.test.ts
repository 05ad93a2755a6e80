import { describe, expect, it } from 'vitest';
import {
  PRESENCE_CONNECTING_TOLD_MS,
  PRESENCE_DUE_PER_TICK_MAX,
  PRESENCE_FLAPS_MAX,
  PRESENCE_GRACE_MS,
  PRESENCE_HELD_MAX_MS,
  PRESENCE_LAG_MS,
  PRESENCE_QUIET_MS,
  PRESENCE_SILENCE_MS,
  PRESENCE_TICK_MS,
  PRESENCE_TOLD_PER_TICK_MAX,
} from '../../base/limits.ts';
import type { DeviceId } from '../../model/ids.ts';
import { connection, PresenceWorld } from './test-world.ts';

const DAY_MS = 86_400_000;
const every = (text: string, sleeps = false) => ({ attributes: { presence: { every: text, sleeps } } });
/** When a device that declared 10 s is overdue. */
const OVERDUE_MS = 15_000 + PRESENCE_LAG_MS;

describe('presence', () => {
  it('goes from unknown over connected and reporting to disconnected, with reasons, and tells each', async () => {
    await using world = new PresenceWorld();
    world.registry.add('d');
    expect(world.of('d')).toBe('unknown never-seen');
    world.tracker.connecting(connection('d'));
    expect(world.of('d')).toBe('connecting handshake');
    world.tracker.connected(connection('d'));
    expect(world.of('d')).toBe('connected link');
    world.tracker.received('d');
    expect(world.of('d')).toBe('reporting data');
    world.disconnect('d', 'keep-alive');
    expect(world.of('d')).toBe('disconnected keep-alive');
    expect(world.events.map(({ type, data }) => [type, data])).toEqual([
      ['device.connected', { device: 'd', transport: 'mqtt', address: '192.0.2.1' }],
      ['device.presence', { device: 'd', state: 'connected', reason: 'link', previous: 'unknown', held: 0 }],
      [
        'device.presence',
        { device: 'd', state: 'reporting', reason: 'data', previous: 'connected', held: 0 },
      ],
      ['device.disconnected', { device: 'd', reason: 'keep-alive', address: '192.0.2.1' }],
      [
        'device.presence',
        { device: 'd', state: 'disconnected', reason: 'keep-alive', previous: 'reporting', held: 0 },
      ],
    ]);
  });

  it('keeps a device connected as long as one of its connections is open', async () => {
    await using world = new PresenceWorld();
    world.registry.add('d');
    world.connect('d');
    world.connect('d');
    world.disconnect('d');
    expect(world.tracker.get('d')).toMatchObject({ state: 'connected', connections: 1 });
    world.disconnect('d', 'network');
    expect(world.of('d')).toBe('disconnected network');
    expect([world.count('device.connected'), world.count('device.disconnected')]).toEqual([1, 1]);
  });

  it('tells of connecting only when it lasts, and takes it back when nothing comes of it', async () => {
    await using world = new PresenceWorld();
    world.registry.add('d');
    world.tracker.connecting(connection('d'));
    world.pass(PRESENCE_CONNECTING_TOLD_MS + PRESENCE_TICK_MS);
    expect(world.told('d')).toEqual(['connecting']);
    world.tracker.disconnected(connection('d'), 'network', false);
    expect(world.of('d')).toBe('unknown silent');
  });

  it('calls a connected device overdue when it is silent for longer than it declared, once', async () => {
    await using world = new PresenceWorld();
    world.registry.add('d', every('10s'));
    world.connect('d');
    world.tracker.received('d');
    for (let i = 0; i < 10; i += 1) {
      world.pass(OVERDUE_MS - PRESENCE_TICK_MS);
      expect(world.of('d')).toBe('reporting data');
      world.tracker.received('d');
    }
    world.pass(OVERDUE_MS + PRESENCE_TICK_MS);
    expect(world.of('d')).toBe('overdue silent');
    world.pass(DAY_MS, 60_000);
    expect(world.events.filter(({ type }) => type === 'device.overdue')).toMatchObject([
      { data: { device: 'd', everyMs: 10_000 } },
    ]);
    world.tracker.received('d');
    expect(world.of('d')).toBe('reporting data');
  });

  it('lets a device that declares it sleep between its connections, until it is overdue', async () => {
    await using world = new PresenceWorld();
    world.registry.add('d', every('10s', true));
    for (let i = 0; i < 3; i += 1) {
      world.connect('d');
      world.tracker.received('d');
      world.disconnect('d');
      expect(world.of('d')).toBe('sleeping declared');
      world.pass(OVERDUE_MS - PRESENCE_TICK_MS);
    }
    expect(world.of('d')).toBe('sleeping declared');
    world.pass(2 * PRESENCE_TICK_MS);
    expect(world.of('d')).toBe('overdue silent');
  });

  it('follows a declaration that is changed', async () => {
    await using world = new PresenceWorld();
    world.registry.add('d', every('1h'));
    world.connect('d');
    world.registry.add('d', every('10s'));
    world.pass(OVERDUE_MS + PRESENCE_TICK_MS);
    expect(world.of('d')).toBe('overdue silent');
    world.registry.add('d', { attributes: { presence: 'nonsense' } });
    expect(world.of('d')).toBe('connected link');
  });

  it('knows a device without connections by its data', async () => {
    await using world = new PresenceWorld();
    world.registry.add('plain');
    world.registry.add('declared', every('10s'));
    for (const id of ['plain', 'declared']) world.tracker.received(id);
    expect([world.of('plain'), world.of('declared')]).toEqual(['reporting data', 'reporting data']);
    world.pass(OVERDUE_MS + PRESENCE_TICK_MS);
    expect([world.of('plain'), world.of('declared')]).toEqual(['reporting data', 'overdue silent']);
    world.pass(PRESENCE_SILENCE_MS);
    expect(world.of('plain')).toBe('unknown silent');
  });

  it('does not take data that was on its way when the device left for a sign of it', async () => {
    await using world = new PresenceWorld();
    world.registry.add('d');
    world.connect('d');
    world.disconnect('d');
    world.pass(PRESENCE_LAG_MS - PRESENCE_TICK_MS);
    world.tracker.received('d');
    expect(world.of('d')).toBe('disconnected clean');
    world.isBehind = true;
    world.pass(PRESENCE_LAG_MS);
    world.tracker.received('d');
    expect(world.of('d')).toBe('disconnected clean');
    world.isBehind = false;
    world.pass(PRESENCE_TICK_MS);
    world.tracker.received('d');
    expect(world.of('d')).toBe('reporting data');
  });

  it('calls nobody silent while history is behind', async () => {
    await using world = new PresenceWorld();
    world.registry.add('d', every('10s'));
    world.connect('d');
    world.isBehind = true;
    world.pass(DAY_MS, 10_000);
    expect(world.of('d')).toBe('connected link');
    world.isBehind = false;
    world.pass(PRESENCE_LAG_MS + PRESENCE_TICK_MS);
    expect(world.of('d')).toBe('overdue silent');
  });

  it('calls children disconnected with their gateway, and back with it', async () => {
    await using world = new PresenceWorld();
    world.registry.add('g', { gateway: true });
    world.registry.add('c', { parent: 'g' as DeviceId });
    world.connect('g');
    world.tracker.received('c');
    expect([world.of('g'), world.of('c')]).toEqual(['reporting data', 'reporting data']);
    world.disconnect('g', 'network');
    expect([world.of('g'), world.of('c')]).toEqual(['disconnected network', 'disconnected gateway']);
    world.tracker.received('c');
    expect(world.of('c')).toBe('disconnected gateway');
    world.connect('g');
    expect([world.of('g'), world.of('c')]).toEqual(['connected link', 'reporting data']);
  });

  it('is blocked when its credentials are revoked, until it is let in again', async () => {
    await using world = new PresenceWorld();
    world.registry.add('d');
    world.connect('d');
    world.tracker.revoked('d');
    world.disconnect('d', 'kicked');
    expect(world.of('d')).toBe('blocked revoked');
    await world.restart();
    expect(world.of('d')).toBe('blocked revoked');
    world.connect('d');
    world.disconnect('d');
    expect(world.of('d')).toBe('disconnected clean');
  });

  it('forgets a device that is removed, and knows nothing of those nobody registered', async () => {
    await using world = new PresenceWorld();
    world.connect('stranger');
    world.tracker.received('stranger');
    expect(world.events).toEqual([]);
    world.registry.add('d');
    world.connect('d');
    world.pass(2_000);
    world.registry.remove('d');
    world.disconnect('d');
    expect(world.of('d')).toBe('unknown never-seen');
    expect(world.tracker.count('connected')).toBe(0);
    await world.restart();
    world.registry.add('d');
    expect(world.of('d')).toBe('unknown never-seen');
  });
});

describe('presence and clocks', () => {
  it('does not notice a wall clock that jumps by 400 days, either way', async () => {
    await using world = new PresenceWorld();
    world.registry.add('silent', every('10s'));
    world.registry.add('lively', every('10s'));
    for (const id of ['silent', 'lively']) world.connect(id);
    for (const jump of [400 * DAY_MS, -800 * DAY_MS, 400 * DAY_MS]) {
      world.clock.jump(jump);
      world.tracker.tick();
      expect([world.of('silent'), world.of('lively')]).toEqual(['connected link', expect.anything()]);
      world.pass(5_000);
      world.tracker.received('lively');
    }
    world.pass(OVERDUE_MS - 10_000);
    expect([world.of('silent'), world.of('lively')]).toEqual(['overdue silent', 'reporting data']);
  });

  it('does not notice one that jumped while the process was away', async () => {
    await using world = new PresenceWorld();
    world.registry.add('d', every('10s', true));
    world.connect('d');
    world.disconnect('d');
    world.clock.jump(-400 * DAY_MS);
    await world.restart(400 * DAY_MS);
    world.tracker.tick();
    expect(world.of('d')).toBe('sleeping declared');
  });
});

describe('presence over restarts', () => {
  it('is what it was, unconfirmed, and tells nothing when all come back', async () => {
    await using world = new PresenceWorld();
    for (const id of ['reporting', 'connected', 'gone']) {
      world.registry.add(id);
      world.connect(id);
    }
    world.tracker.received('reporting');
    world.disconnect('gone');
    const since = world.tracker.get('reporting').since;
    for (const id of ['reporting', 'connected']) world.disconnect(id, 'shutdown');
    await world.restart();
    const states = () => ['reporting', 'connected', 'gone'].map((id) => world.of(id));
    const before = ['reporting data', 'connected link', 'disconnected clean'];
    expect(states()).toEqual(before);
    expect(world.tracker.get('reporting').confirmed).toBe(false);
    const told = world.events.length;
    world.pass(PRESENCE_GRACE_MS - 1_000, 1_000);
    for (const id of ['reporting', 'connected']) world.connect(id);
    world.pass(PRESENCE_GRACE_MS, 1_000);
    expect(states()).toEqual(before);
    expect(world.events.slice(told)).toEqual([]);
    expect(world.tracker.get('reporting')).toMatchObject({ confirmed: true, since });
  });

  it('tells of those that did not come back when the grace is over', async () => {
    await using world = new PresenceWorld();
    world.registry.add('d');
    world.registry.add('sleeper', every('1h', true));
    for (const id of ['d', 'sleeper']) {
      world.connect(id);
      world.disconnect(id, 'shutdown');
    }
    await world.restart();
    world.pass(PRESENCE_GRACE_MS - PRESENCE_TICK_MS);
    expect([world.of('d'), world.of('sleeper')]).toEqual(['connected link', 'connected link']);
    world.pass(2 * PRESENCE_TICK_MS);
    expect([world.of('d'), world.of('sleeper')]).toEqual(['disconnected not-back', 'sleeping declared']);
    expect(world.events.filter(({ type }) => type === 'device.disconnected')).toMatchObject([
      { data: { device: 'd', reason: 'not-back' } },
      { data: { device: 'sleeper', reason: 'not-back' } },
    ]);
  });

  it('survives a crash with what was on disk a second ago', async () => {
    await using world = new PresenceWorld();
    world.registry.add('d');
    world.connect('d');
    world.pass(1_250);
    await new Promise((done) => setTimeout(done, 10));
    world.disconnect('d');
    await world.crash();
    expect(world.tracker.get('d')).toMatchObject({ state: 'connected', confirmed: false });
  });

  it('keeps what it cannot store until the disk takes it again', async () => {
    await using world = new PresenceWorld();
    world.registry.add('d');
    world.state.writeFault = new Error('disk full');
    world.connect('d');
    world.pass(1_250);
    await new Promise((done) => setTimeout(done, 10));
    expect(world.tracker.faults).toEqual(['presence cannot be stored: disk full']);
    world.state.writeFault = undefined;
    await world.restart();
    expect(world.of('d')).toBe('connected link');
  });

  it('does not read what is no presence, and goes on', async () => {
    await using world = new PresenceWorld();
    const table = world.state.table<unknown>('presence');
    for (const [key, value] of [
      ['d', 7],
      ['e', { state: 'dreaming', reason: 'x', linked: true }],
      ['f', null],
    ] as const) {
      world.registry.add(key);
      await table.put(key, value);
    }
    await world.restart();
    expect(['d', 'e', 'f'].map((id) => world.of(id))).toEqual(Array(3).fill('unknown never-seen'));
  });
});

describe('flapping', () => {
  it('is held back and counted; the last event says what the device is', async () => {
    await using world = new PresenceWorld();
    world.registry.add('d');
    for (let i = 0; i < 50; i += 1) {
      world.connect('d');
      world.disconnect('d', 'network');
    }
    world.connect('d');
    expect(world.told('d')).toHaveLength(PRESENCE_FLAPS_MAX);
    expect(world.tracker.get('d')).toMatchObject({ state: 'connected', held: 101 - PRESENCE_FLAPS_MAX });
    world.pass(PRESENCE_QUIET_MS + PRESENCE_TICK_MS);
    expect(world.told('d')).toHaveLength(PRESENCE_FLAPS_MAX + 1);
    expect(world.events.at(-1)).toMatchObject({
      type: 'device.presence',
      data: { state: 'connected', previous: 'disconnected', held: 101 - PRESENCE_FLAPS_MAX },
    });
    expect(world.events.at(-2)).toMatchObject({ type: 'device.connected' });
    expect(world.tracker.get('d').held).toBe(0);
  });

  it('that never ends is told of now and then', async () => {
    await using world = new PresenceWorld();
    world.registry.add('d');
    const rounds = 4;
    for (let gone = 0; gone < rounds * PRESENCE_HELD_MAX_MS; gone += 10_000) {
      world.connect('d');
      world.disconnect('d', 'network');
      world.pass(10_000);
    }
    const told = world.told('d').length;
    expect(told).toBeGreaterThan(PRESENCE_FLAPS_MAX + 2);
    expect(told).toBeLessThan(PRESENCE_FLAPS_MAX + 2 * rounds);
  });
});

describe('presence of many', () => {
  it('does a bounded amount of work per tick, and gets all of it done', async () => {
    await using world = new PresenceWorld();
    const devices = Array.from({ length: 2 * PRESENCE_DUE_PER_TICK_MAX }, (_, i) => `d${i}`);
    for (const id of devices) {
      world.registry.add(id, every('10s'));
      world.connect(id);
    }
    world.clock.advance(OVERDUE_MS);
    const before = world.events.length;
    let ticks = 0;
    while (world.tracker.count('overdue') < devices.length) {
      const told = world.count('device.overdue');
      world.tracker.tick();
      expect(world.count('device.overdue') - told).toBeLessThanOrEqual(PRESENCE_TOLD_PER_TICK_MAX);
      ticks += 1;
    }
    expect(ticks).toBe(devices.length / PRESENCE_TOLD_PER_TICK_MAX);
    expect(world.events.length - before).toBe(2 * devices.length);
  });
});
