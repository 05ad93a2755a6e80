/** Twins in memory, a registry of the test's making, devices that come, go, subscribe and report. */
import { MemoryStateStore } from '../../../test/support/memory-state.ts';
import { ManualClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import type { Device } from '../../model/device.ts';
import type { SensoriumError } from '../../model/errors.ts';
import type { EventMap, EventType } from '../../model/events.ts';
import type { DeviceId } from '../../model/ids.ts';
import type { Origin } from '../../model/packet.ts';
import type { Listening, MessageListener, Messaging, PlatformMessage } from '../../model/ports/messaging.ts';
import { silentMeter } from '../../model/ports/meter.ts';
import type { DevicePage, DeviceQuery } from '../../model/ports/registry.ts';
import type { TwinEdit } from '../../model/ports/twins.ts';
import type { JsonObject, Twin } from '../../model/twin.ts';
import { FakeRegistry } from '../presence/test-world.ts';
import { TwinService } from './twin-service.ts';

class FamilyRegistry extends FakeRegistry {
  list({ parent, after = '', limit = 10 }: DeviceQuery): DevicePage {
    const all = [...this.devices.values()].filter((device: Device) => device.parent === parent);
    const rest = all.filter(({ id }) => id > after).toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const devices = rest.slice(0, limit);
    return { devices, total: all.length, next: rest.length > limit ? devices.at(-1)?.id : undefined };
  }
}

export class TwinWorld implements AsyncDisposable, Messaging {
  readonly registry = new FamilyRegistry();
  readonly state = new MemoryStateStore();
  readonly clock = new ManualClock();
  readonly published: PlatformMessage[] = [];
  readonly events: EventMap['twin.changed'][] = [];
  /** Set: the log takes nothing. */
  refusal: Error | undefined;
  service: TwinService;
  readonly #links = new Set<(device: DeviceId, isConnected: boolean) => void>();
  readonly #subscribed = new Set<(listening: Listening) => void>();
  readonly #listeners = new Map<string, MessageListener>();

  constructor() {
    this.service = this.#service();
    this.service.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service.stop();
  }

  /** A new process: nobody is connected. */
  async restart(): Promise<void> {
    await this.service.stop();
    this.#links.clear();
    this.service = this.#service();
    this.service.start();
  }

  publish(message: PlatformMessage): Promise<void> {
    if (this.refusal !== undefined) return Promise.reject(this.refusal);
    this.published.push(message);
    return Promise.resolve();
  }

  subscribe(filter: string, listener: MessageListener): () => void {
    this.#listeners.set(filter, listener);
    return () => this.#listeners.delete(filter);
  }

  onSubscribed(listener: (listening: Listening) => void): () => void {
    this.#subscribed.add(listener);
    return () => this.#subscribed.delete(listener);
  }

  link(device: string, isConnected: boolean): void {
    for (const listener of this.#links) listener(device as DeviceId, isConnected);
  }

  /** To one topic. */
  listens(device: string, filter = `v1/${device}/twin/desired`): void {
    const listening = { device: device as DeviceId, hears: (topic: string) => topic === filter };
    for (const listener of this.#subscribed) listener(listening);
  }

  /** Resolves when it is acknowledged. */
  async reports(origin: string, payload: unknown, topic = `v1/${origin}/twin/reported`): Promise<void> {
    const filter = topic.includes('/children/') ? 'v1/+/children/+/twin/reported' : 'v1/+/twin/reported';
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : Buffer.from(JSON.stringify(payload));
    const message = { topic, origin: origin as Origin, payload: bytes, qos: 1, retain: false } as const;
    await this.#listeners.get(filter)?.({ ...message, receivedAt: 0 });
  }

  async wish(device: string, properties: JsonObject, more: Partial<TwinEdit> = {}): Promise<Twin> {
    const edit = { device, part: 'desired', how: 'merge', properties, by: 'user:admin', ...more } as const;
    const done = await this.service.edit(edit);
    if (!done.ok) throw done.error;
    return done.value;
  }

  async fault(device: string, properties: JsonObject, more: Partial<TwinEdit> = {}): Promise<string> {
    const failed = await this.wish(device, properties, more).then(
      () => undefined,
      (error: SensoriumError) => error.code,
    );
    return failed ?? 'none';
  }

  twin(device: string): Twin {
    const found = this.service.get(device);
    if (!found.ok) throw found.error;
    return found.value;
  }

  /** What was sent, as "topic payload". */
  get sent(): readonly string[] {
    return this.published.map(({ topic, payload }) => `${topic} ${payload.toString()}`);
  }

  #service(): TwinService {
    const { registry, state, clock } = this;
    return new TwinService({
      registry,
      state,
      clock,
      messaging: this,
      links: {
        onLink: (listener) => {
          this.#links.add(listener);
          return () => this.#links.delete(listener);
        },
      },
      meter: silentMeter,
      logger: silentLogger,
      events: {
        publish: <T extends EventType>(_type: T, _subject: string, data: EventMap[T]) =>
          void this.events.push(data as EventMap['twin.changed']),
      },
    });
  }
}
