/** A world for commands: a real registry in memory, an MQTT server and an event bus that are told what happens. */
import { MemoryStateStore } from '../../../test/support/memory-state.ts';
import { ManualClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { seededRandom } from '../../base/random.ts';
import type { Command, CommandTerms } from '../../model/commands.ts';
import type { EventMap, EventType } from '../../model/events.ts';
import { type DeviceId, isDeviceId } from '../../model/ids.ts';
import type {
  HeardMessage,
  Listening,
  MessageListener,
  Messaging,
  PlatformMessage,
} from '../../model/ports/messaging.ts';
import { silentMeter } from '../../model/ports/meter.ts';
import type { DeviceLinks } from '../../model/ports/presence.ts';
import { DeviceRegistry } from '../registry/device-registry.ts';
import { CommandService } from './command-service.ts';

class FakeMessaging implements Messaging {
  readonly published: PlatformMessage[] = [];
  readonly #listeners = new Set<MessageListener>();
  readonly #onSubscribed = new Set<(listening: Listening) => void>();
  /** Set: the log takes nothing. */
  refusal: Error | undefined;

  publish(message: PlatformMessage): Promise<void> {
    if (this.refusal !== undefined) return Promise.reject(this.refusal);
    this.published.push(message);
    return Promise.resolve();
  }

  subscribe(_filter: string, listener: MessageListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  onSubscribed(listener: (listening: Listening) => void): () => void {
    this.#onSubscribed.add(listener);
    return () => void this.#onSubscribed.delete(listener);
  }

  /** A device subscribes to one filter that ends in `#`. */
  subscribed(device: string, filter: string): void {
    if (!isDeviceId(device)) throw new Error(device);
    const hears = (topic: string): boolean => topic.startsWith(filter.slice(0, -1));
    for (const listener of this.#onSubscribed) listener({ device, hears });
  }

  /** Every reply matches exactly one of the two filters; here the first listener gets it. */
  async hear(origin: string, topic: string, payload: unknown): Promise<void> {
    if (!isDeviceId(origin)) throw new Error(origin);
    const bytes = payload instanceof Uint8Array ? payload : Buffer.from(JSON.stringify(payload));
    const message: HeardMessage = { origin, topic, payload: bytes, qos: 1, retain: false, receivedAt: 0 };
    for (const listener of [...this.#listeners].slice(0, 1)) await listener(message);
  }
}

class FakeEvents {
  readonly told: (readonly [EventType, unknown])[] = [];

  publish<T extends EventType>(type: T, _subject: string, data: EventMap[T]): void {
    this.told.push([type, data]);
  }
}

class FakeLinks implements DeviceLinks {
  readonly #listeners = new Set<(device: DeviceId, isConnected: boolean) => void>();

  onLink(listener: (device: DeviceId, isConnected: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  is(device: string, isConnected: boolean): void {
    if (!isDeviceId(device)) throw new Error(device);
    for (const listener of this.#listeners) listener(device, isConnected);
  }
}

export class World {
  readonly state = new MemoryStateStore();
  readonly clock = new ManualClock();
  readonly messaging = new FakeMessaging();
  readonly events = new FakeEvents();
  readonly links = new FakeLinks();
  readonly registry: DeviceRegistry;
  service: CommandService;

  constructor() {
    this.registry = this.#newRegistry();
    this.service = this.#newService();
    this.service.start();
  }

  /** As after a kill: what is on disk is all there is. */
  restart(): void {
    void this.service.stop();
    this.service = this.#newService();
    this.service.start();
  }

  connect(device: string): void {
    this.links.is(device, true);
  }

  disconnect(device: string): void {
    this.links.is(device, false);
  }

  /** Connected, and subscribed to its commands. */
  listens(device: string, filter = `v1/${device}/commands/#`): void {
    this.connect(device);
    this.messaging.subscribed(device, filter);
  }

  advance(ms: number): void {
    for (let left = ms; left > 0; left -= 100) {
      this.clock.advance(Math.min(100, left));
      this.service.tick();
    }
  }

  async send(device: string, name = 'reboot', more: SendMore = {}): Promise<Command> {
    const { args = {}, terms = {}, waitMs = 0 } = more;
    const sent = await this.service.send({ device, name, arguments: args, terms, by: 'user:admin', waitMs });
    if (!sent.ok) throw sent.error;
    return sent.value;
  }

  async reply(command: Command, payload: unknown): Promise<void> {
    const { device, id } = command;
    await this.messaging.hear(device, `v1/${device}/commands/${id}/reply`, payload);
  }

  get topics(): readonly string[] {
    return this.messaging.published.map(({ topic }) => topic);
  }

  eventsOf(type: EventType): readonly unknown[] {
    return this.events.told.filter(([told]) => told === type).map(([, data]) => data);
  }

  #newRegistry(): DeviceRegistry {
    const { state, events, clock } = this;
    const registry = new DeviceRegistry({ state, events, logger: silentLogger, clock });
    registry.open();
    return registry;
  }

  #newService(): CommandService {
    const { state, registry, messaging, links, events, clock } = this;
    const shared = { meter: silentMeter, logger: silentLogger, random: seededRandom(1) };
    return new CommandService({ state, registry, messaging, links, events, clock, ...shared });
  }
}

interface SendMore {
  readonly args?: Readonly<Record<string, unknown>>;
  readonly terms?: CommandTerms;
  readonly waitMs?: number;
}
