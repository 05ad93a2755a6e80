/** A tracker on a clock that tests move, a registry of their making, and the events it told. */
import { MemoryStateStore } from '../../../test/support/memory-state.ts';
import { ManualClock } from '../../base/clock.ts';
import { PRESENCE_TICK_MS } from '../../base/limits.ts';
import { silentLogger } from '../../base/logger.ts';
import type { Device } from '../../model/device.ts';
import type { EventMap, EventType } from '../../model/events.ts';
import type { DeviceId } from '../../model/ids.ts';
import { silentMeter } from '../../model/ports/meter.ts';
import type { RegistryChange } from '../../model/ports/registry.ts';
import type { DisconnectReason, PresenceState } from '../../model/presence.ts';
import { OPEN_PROFILE, type Profile } from '../../model/profile.ts';
import { PresenceTracker } from './presence-tracker.ts';

interface ToldEvent {
  readonly type: EventType;
  readonly subject: string;
  readonly data: EventMap[EventType];
}

export class FakeRegistry {
  readonly devices = new Map<string, Device>();
  readonly #listeners = new Set<(change: RegistryChange) => void>();

  add(id: string, more: Partial<Device> = {}): void {
    const device: Device = {
      id: id as DeviceId,
      name: id,
      profile: OPEN_PROFILE.id,
      gateway: false,
      attributes: {},
      createdAt: 0,
      updatedAt: 0,
      version: 1,
      ...more,
    };
    const added = !this.devices.has(id);
    this.devices.set(id, device);
    for (const listener of this.#listeners) listener({ kind: 'device-put', device, added });
  }

  remove(id: string): void {
    this.devices.delete(id);
    for (const listener of this.#listeners) listener({ kind: 'device-removed', id: id as DeviceId });
  }

  get(id: string): Device | undefined {
    return this.devices.get(id);
  }

  profile(id: string): Profile | undefined {
    return id === OPEN_PROFILE.id ? OPEN_PROFILE : undefined;
  }

  onChange(listener: (change: RegistryChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

export class PresenceWorld implements AsyncDisposable {
  readonly registry = new FakeRegistry();
  readonly state = new MemoryStateStore();
  readonly clock = new ManualClock();
  readonly events: ToldEvent[] = [];
  isBehind = false;
  tracker: PresenceTracker;

  constructor() {
    this.tracker = this.#tracker();
    this.tracker.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tracker.stop();
  }

  /** Stopped and started again; who was connected has been told of by then. */
  async restart(awayMs = 5_000): Promise<void> {
    await this.tracker.stop();
    this.clock.advance(awayMs);
    this.tracker = this.#tracker();
    this.tracker.start();
  }

  /** The process dies: what is not on disk is gone. */
  async crash(): Promise<void> {
    this.state.writeFault = new Error('the process is dead');
    await this.tracker.stop();
    this.state.writeFault = undefined;
    this.tracker = this.#tracker();
    this.tracker.start();
  }

  /** Time goes by, looked at as often as it is in the process; `stepMs` for long times. */
  pass(ms: number, stepMs = PRESENCE_TICK_MS): void {
    for (let gone = 0; gone < ms; gone += stepMs) {
      this.clock.advance(Math.min(stepMs, ms - gone));
      this.tracker.tick();
    }
  }

  connect(id: string): void {
    this.tracker.connecting(connection(id));
    this.tracker.connected(connection(id));
  }

  disconnect(id: string, reason: DisconnectReason = 'clean'): void {
    this.tracker.disconnected(connection(id), reason, true);
  }

  /** "state reason" */
  of(id: string): string {
    const { state, reason } = this.tracker.get(id);
    return `${state} ${reason}`;
  }

  /** The states told of a device, in order. */
  told(id: string): readonly PresenceState[] {
    return this.events.flatMap(({ type, subject, data }) =>
      type === 'device.presence' && subject === id ? [(data as EventMap['device.presence']).state] : [],
    );
  }

  count(type: EventType): number {
    return this.events.filter((event) => event.type === type).length;
  }

  #tracker(): PresenceTracker {
    const { registry, state, clock } = this;
    return new PresenceTracker({
      registry,
      state,
      clock,
      meter: silentMeter,
      logger: silentLogger,
      events: { publish: (type, subject, data) => void this.events.push({ type, subject, data }) },
      isBehind: () => this.isBehind,
    });
  }
}

export const connection = (id: string) => ({
  device: id as DeviceId,
  transport: 'mqtt',
  address: '192.0.2.1',
});
