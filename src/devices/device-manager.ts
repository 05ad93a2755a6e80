import type { Clock } from '../base/clock.ts';
import { type Health, type Manager, UP } from '../base/lifecycle.ts';
import type { Logger } from '../base/logger.ts';
import type { EventPublisher } from '../model/ports/events.ts';
import type { Meter } from '../model/ports/meter.ts';
import type { Registry } from '../model/ports/registry.ts';
import type { StateStore } from '../model/ports/state.ts';
import { DeviceRegistry } from './registry/device-registry.ts';

interface DeviceManagerOptions {
  readonly state: StateStore;
  readonly events: EventPublisher;
  readonly meter: Meter;
  readonly logger: Logger;
  readonly clock: Clock;
}

/**
 * Runs what the platform knows about its devices; today that is the registry. Promises that `registry` is one object
 * for the life of the process: lookups answer from memory even while the manager is being restarted.
 */
export class DeviceManager implements Manager {
  readonly name = 'devices';
  readonly registry: Registry;
  readonly #registry: DeviceRegistry;
  readonly #meter: Meter;
  readonly #logger: Logger;
  #running = false;
  #stopMetering: () => void = () => undefined;

  constructor({ state, events, meter, logger, clock }: DeviceManagerOptions) {
    this.#logger = logger.child({ manager: this.name });
    this.#meter = meter;
    this.#registry = new DeviceRegistry({ state, events, logger: this.#logger, clock });
    this.registry = this.#registry;
  }

  async start(): Promise<void> {
    this.#registry.open();
    this.#stopMetering = this.#meter.collect('iot_devices', () => this.#registry.size);
    this.#running = true;
    this.#logger.info({ devices: this.#registry.size }, 'registry open');
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    this.#stopMetering();
    await this.#registry.close();
  }

  health(): Health {
    if (!this.#running) return { status: 'down', reasons: ['the device registry is not open'] };
    const reasons = this.#registry.faults;
    return reasons.length === 0 ? UP : { status: 'degraded', reasons };
  }

  /** Nothing here runs on its own and could fail between calls: a broken disk shows in `health` and in each answer. */
  onFailure(): void {
    // No failure to tell of.
  }
}
