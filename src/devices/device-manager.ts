import type { Clock } from '../base/clock.ts';
import { type Health, type Manager, UP } from '../base/lifecycle.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import type { DeviceId } from '../model/ids.ts';
import type { Commands } from '../model/ports/commands.ts';
import type { DeviceAdministration } from '../model/ports/device-administration.ts';
import type { Discovery } from '../model/ports/discovery.ts';
import type { EventBus } from '../model/ports/events.ts';
import type { Messaging } from '../model/ports/messaging.ts';
import type { Meter } from '../model/ports/meter.ts';
import type { PresenceBook, PresenceWatch } from '../model/ports/presence.ts';
import type { Registry } from '../model/ports/registry.ts';
import type { StateStore } from '../model/ports/state.ts';
import type { Twins } from '../model/ports/twins.ts';
import { CommandService } from './commands/command-service.ts';
import { DiscoveryService, type HeardReadings } from './discovery/discovery-service.ts';
import type { DiscoverySettings } from './discovery/settings.ts';
import { scannerSources } from './discovery/sources.ts';
import { PresenceTracker } from './presence/presence-tracker.ts';
import { DeviceRegistry } from './registry/device-registry.ts';
import { TwinService } from './twin/twin-service.ts';

interface DeviceManagerOptions {
  readonly state: StateStore;
  readonly events: Pick<EventBus, 'publish' | 'on'>;
  readonly messaging: Messaging;
  /** History is behind what came in: silence of a device says nothing. */
  readonly isBehind: () => boolean;
  readonly meter: Meter;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  readonly discovery: DiscoverySettings;
  /** Where values go that an admitted device broadcast; absent: nowhere. */
  readonly onReadings?: ((device: DeviceId, readings: HeardReadings) => void) | undefined;
}

/**
 * Runs what the platform knows about its devices; today that is the registry. Promises that `registry` is one object
 * for the life of the process: lookups answer from memory even while the manager is being restarted.
 */
export class DeviceManager implements Manager {
  readonly name = 'devices';
  readonly registry: Registry;
  readonly administration: DeviceAdministration;
  readonly commands: Commands;
  readonly discovery: Discovery;
  readonly presence: PresenceBook;
  readonly twins: Twins;
  /** Told of what devices do. */
  readonly watch: PresenceWatch;
  readonly #registry: DeviceRegistry;
  readonly #commands: CommandService;
  readonly #presence: PresenceTracker;
  readonly #twins: TwinService;
  readonly #discovery: DiscoveryService;
  readonly #meter: Meter;
  readonly #logger: Logger;
  #running = false;
  #stopMetering: () => void = () => undefined;

  constructor(options: DeviceManagerOptions) {
    const { state, events, meter, logger, clock } = options;
    this.#logger = logger.child({ manager: this.name });
    this.#meter = meter;
    this.#registry = new DeviceRegistry({ state, events, logger: this.#logger, clock });
    this.registry = this.#registry;
    this.administration = this.#registry;
    const { random, discovery: settings, onReadings } = options;
    const shared = { state, events, meter, clock, random, logger: this.#logger, registry: this.#registry };
    const { messaging, isBehind } = options;
    this.#presence = new PresenceTracker({ ...shared, isBehind });
    this.presence = this.#presence;
    this.watch = this.#presence;
    this.#commands = new CommandService({ ...shared, messaging, links: this.#presence });
    this.#twins = new TwinService({ ...shared, messaging, links: this.#presence });
    this.twins = this.#twins;
    this.commands = this.#commands;
    const sources = scannerSources({ settings, clock, logger: this.#logger });
    const { watchers } = settings;
    this.#discovery = new DiscoveryService({ ...shared, sources, watchers, onReadings });
    this.discovery = this.#discovery;
  }

  async start(): Promise<void> {
    this.#registry.open();
    this.#presence.start();
    this.#twins.start();
    this.#commands.start();
    this.#stopMetering = this.#meter.collect('iot_devices', () => this.#registry.size);
    this.#discovery.start();
    this.#running = true;
    this.#logger.info({ devices: this.#registry.size }, 'registry open');
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    this.#stopMetering();
    await this.#discovery.stop();
    await this.#commands.stop();
    await this.#twins.stop();
    await this.#presence.stop();
    await this.#registry.close();
  }

  health(): Health {
    if (!this.#running) return { status: 'down', reasons: ['the device registry is not open'] };
    const reasons = [
      ...this.#registry.faults,
      ...this.#commands.faults,
      ...this.#presence.faults,
      ...this.#twins.faults,
    ];
    return reasons.length === 0 ? UP : { status: 'degraded', reasons };
  }

  /** Nothing here runs on its own and could fail between calls: a broken disk shows in `health` and in each answer. */
  onFailure(): void {
    // No failure to tell of.
  }
}
