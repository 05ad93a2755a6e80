import { ManualClock } from '../../src/base/clock.ts';
import { PRESENCE_TICK_MS } from '../../src/base/limits.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { PresenceTracker } from '../../src/devices/presence/presence-tracker.ts';
import { DeviceRegistry } from '../../src/devices/registry/device-registry.ts';
import { type DeviceId, isDeviceId } from '../../src/model/ids.ts';
import { silentMeter } from '../../src/model/ports/meter.ts';
import type { StateStore } from '../../src/model/ports/state.ts';
import { openStateStore } from '../../src/state/lmdb/lmdb-state.ts';
import { heapBytes } from '../harness/heap.ts';
import type { BenchContext, Measurement, Scenario } from '../harness/scenario.ts';
import { median, percentile } from '../harness/statistics.ts';

const DEVICES = 100_000;
/** Each reports so often, evenly spread. */
const EVERY_MS = 10_000;
const SECONDS = 60;

const idOf = (n: number): DeviceId => {
  const id = `device-${String(n).padStart(6, '0')}`;
  if (!isDeviceId(id)) throw new Error(id);
  return id;
};
const connectionOf = (device: DeviceId) => ({ device, transport: 'mqtt', address: '192.0.2.1' });

class World {
  readonly clock = new ManualClock();
  readonly registry: DeviceRegistry;
  readonly #state: StateStore;
  events = 0;

  constructor(state: StateStore) {
    this.#state = state;
    const { clock } = this;
    this.registry = new DeviceRegistry({
      state,
      clock,
      logger: silentLogger,
      events: { publish: () => undefined },
    });
    this.registry.open();
  }

  async fill(ids: readonly DeviceId[]): Promise<void> {
    const attributes = { presence: { every: `${EVERY_MS / 1_000}s` } };
    for (let from = 0; from < ids.length; from += 1_000) {
      const some = ids.slice(from, from + 1_000);
      await Promise.all(some.map((id) => this.registry.add({ id, attributes }, 'bench')));
    }
  }

  tracker(): PresenceTracker {
    const { registry, clock } = this;
    return new PresenceTracker({
      registry,
      clock,
      state: this.#state,
      meter: silentMeter,
      logger: silentLogger,
      events: { publish: () => void (this.events += 1) },
      isBehind: () => false,
    });
  }
}

/** All report at their pace for a minute: milliseconds of work per tick. */
function reporting(tracker: PresenceTracker, clock: ManualClock, ids: readonly DeviceId[]): number[] {
  const perTick = Math.ceil((ids.length * PRESENCE_TICK_MS) / EVERY_MS);
  const ticks: number[] = [];
  let next = 0;
  for (let at = 0; at < SECONDS * 1_000; at += PRESENCE_TICK_MS) {
    clock.advance(PRESENCE_TICK_MS);
    const begun = performance.now();
    for (let i = 0; i < perTick; i += 1) {
      tracker.received(ids[next] ?? '');
      next = (next + 1) % ids.length;
    }
    tracker.tick();
    ticks.push(performance.now() - begun);
  }
  return ticks;
}

/** The peer: a timer per device, moved at each report. */
function timers(ids: readonly DeviceId[]): { readonly nsPerReport: number; readonly bytes: number } {
  const before = heapBytes();
  const all = ids.map(() => setTimeout(() => undefined, EVERY_MS * 1.5).unref());
  const bytes = (heapBytes() - before) / ids.length;
  const begun = performance.now();
  for (const timer of all) timer.refresh();
  const nsPerReport = ((performance.now() - begun) * 1e6) / ids.length;
  for (const timer of all) clearTimeout(timer);
  return { nsPerReport, bytes };
}

async function measure(context: BenchContext): Promise<readonly Measurement[]> {
  const ids = Array.from({ length: context.scaled(DEVICES) }, (_, n) => idOf(n));
  const state = await openStateStore({ path: context.folder('state'), logger: silentLogger });
  const empty = heapBytes();
  const world = new World(state);
  await world.fill(ids);
  const registered = heapBytes();
  const tracker = world.tracker();
  tracker.start();
  for (const id of ids) {
    tracker.connecting(connectionOf(id));
    tracker.connected(connectionOf(id));
  }
  const ticks = reporting(tracker, world.clock, ids);
  const perTick = (ids.length * PRESENCE_TICK_MS) / EVERY_MS;
  const nsPerReport = (median(ticks) * 1e6) / perTick;
  const isRight = tracker.count('reporting') === ids.length;
  if (!isRight) throw new Error(`${tracker.count('reporting')} of ${ids.length} are reporting`);
  await tracker.stop();
  const tracked = heapBytes();
  const told = world.events;
  const again = world.tracker();
  const begun = performance.now();
  again.start();
  const startMs = performance.now() - begun;
  if (world.events !== told) throw new Error('a start tells of something');
  await again.stop();
  await state.close();
  const peer = timers(ids);
  const note = `${ids.length} devices, one report each in ${EVERY_MS / 1_000} s`;
  return [
    {
      what: 'heap per device: registry and presence',
      value: (tracked - empty) / ids.length / 1_024,
      unit: 'KiB',
      asked: { atMost: 1 },
    },
    { what: 'heap per device: presence', value: (tracked - registered) / ids.length, unit: 'bytes' },
    { what: 'heap per device: a timer each', value: peer.bytes, unit: 'bytes' },
    { what: 'a report, its share of the tick in it', value: nsPerReport, unit: 'ns', note },
    { what: 'a report moves a timer', value: peer.nsPerReport, unit: 'ns' },
    { what: 'work in 250 ms, p99', value: percentile(ticks, 0.99), unit: 'ms', note },
    { what: 'start: reading what the last run knew', value: startMs, unit: 'ms' },
  ];
}

export const scenario: Scenario = {
  name: 'presence',
  description: '100,000 devices that report, in memory: heap, time per report, start; beside a timer each',
  run: measure,
};
