import { describe, expect, it } from 'vitest';
import { PRESENCE_FLAPS_MAX, PRESENCE_GRACE_MS, PRESENCE_QUIET_MS } from '../../base/limits.ts';
import { seededRandom } from '../../base/random.ts';
import type { EventMap } from '../../model/events.ts';
import type { DisconnectReason } from '../../model/presence.ts';
import { PresenceWorld } from './test-world.ts';

const DEVICES = 5_000;
const REASONS: readonly DisconnectReason[] = ['clean', 'keep-alive', 'network', 'kicked'];

/** What a device really is, by a model that only knows the devices' side. */
interface Real {
  isConnected: boolean;
  hasReported: boolean;
  ended: string | undefined;
}

class Fleet {
  readonly world = new PresenceWorld();
  readonly #random = seededRandom(20);
  readonly real = new Map<string, Real>();

  constructor() {
    for (let i = 0; i < DEVICES; i += 1) {
      const id = `d${i}`;
      this.world.registry.add(id);
      this.real.set(id, { isConnected: false, hasReported: false, ended: undefined });
    }
  }

  chance(share: number): boolean {
    return this.#random.next() < share;
  }

  connect(id: string, real: Real): void {
    if (real.isConnected) this.world.disconnect(id, 'taken-over');
    this.world.connect(id);
    Object.assign(real, { isConnected: true, hasReported: false });
  }

  disconnect(id: string, real: Real, reason: DisconnectReason): void {
    if (!real.isConnected) return;
    this.world.disconnect(id, reason);
    Object.assign(real, { isConnected: false, ended: reason });
  }

  report(id: string, real: Real): void {
    if (!real.isConnected) return;
    this.world.tracker.received(id);
    real.hasReported = true;
  }

  reason(): DisconnectReason {
    return REASONS[Math.floor(this.#random.next() * REASONS.length)] ?? 'clean';
  }

  /** Devices whose presence is wrong. */
  wrong(): readonly string[] {
    return [...this.real].flatMap(([id, real]) => {
      const expected = expectedOf(real);
      const is = this.world.of(id);
      return is === expected ? [] : [`${id}: ${is}, not ${expected}`];
    });
  }

  /** Devices of which the events say something else, read from the first to the last. */
  wrongInEvents(): readonly string[] {
    const said = new Map<string, string>();
    const linked = new Map<string, boolean>();
    const wrong: string[] = [];
    for (const { type, subject, data } of this.world.events) {
      if (type === 'device.connected') linked.set(subject, true);
      if (type === 'device.disconnected') linked.set(subject, false);
      if (type !== 'device.presence') continue;
      const { state, reason, previous } = data as EventMap['device.presence'];
      const before = said.get(subject)?.split(' ')[0] ?? 'unknown';
      if (before !== previous) wrong.push(`${subject}: from ${previous}, but it was ${before}`);
      said.set(subject, `${state} ${reason}`);
    }
    for (const [id, real] of this.real) {
      const expected = expectedOf(real);
      if ((said.get(id) ?? 'unknown never-seen') !== expected) wrong.push(`${id}: said ${said.get(id)}`);
      if ((linked.get(id) ?? false) !== real.isConnected) wrong.push(`${id}: connection told wrong`);
    }
    return wrong;
  }
}

function expectedOf({ isConnected, hasReported, ended }: Real): string {
  if (isConnected) return hasReported ? 'reporting data' : 'connected link';
  return ended === undefined ? 'unknown never-seen' : `disconnected ${ended}`;
}

describe('5,000 devices', () => {
  it('are each rightly told of through a take-over storm and a restart, now and in the events', async () => {
    const fleet = new Fleet();
    await using world = fleet.world;
    for (let round = 0; round < 8; round += 1) {
      for (const [id, real] of fleet.real) {
        if (fleet.chance(0.9)) fleet.connect(id, real);
        if (fleet.chance(0.3)) fleet.report(id, real);
        if (fleet.chance(0.1)) fleet.disconnect(id, real, fleet.reason());
      }
      expect(fleet.wrong()).toEqual([]);
      world.pass(1_000);
    }
    world.pass(PRESENCE_QUIET_MS + 2_000);
    expect(fleet.wrong()).toEqual([]);
    expect(fleet.wrongInEvents()).toEqual([]);
    const perDevice = world.count('device.presence') / DEVICES;
    expect(perDevice).toBeLessThanOrEqual(PRESENCE_FLAPS_MAX + 1);

    // The server goes and comes back; of ten devices nine do.
    for (const [id, real] of fleet.real) if (real.isConnected) world.disconnect(id, 'shutdown');
    await world.restart();
    const told = world.events.length;
    expect(fleet.wrong()).toEqual([]);
    for (const [id, real] of fleet.real) {
      if (!real.isConnected) continue;
      if (fleet.chance(0.9)) world.connect(id);
      else Object.assign(real, { isConnected: false, ended: 'not-back' });
    }
    expect(world.events.length).toBe(told);
    world.pass(PRESENCE_GRACE_MS + 2_000, 1_000);
    expect(fleet.wrong()).toEqual([]);
    expect(fleet.wrongInEvents()).toEqual([]);
    const missing = [...fleet.real.values()].filter(({ ended }) => ended === 'not-back').length;
    // Told of those that are missing, and of nobody else.
    expect(world.events.length - told).toBe(2 * missing);
  }, 20_000);
});
