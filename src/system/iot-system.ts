/**
 * The system object: opens what is durable, runs the four managers side by side under the supervisor, and shows
 * the doors one facade. The only place that knows concrete classes.
 */
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { STOP_DEADLINE_MS } from '../base/limits.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { CommunicationManager } from '../communication/communication-manager.ts';
import type { HttpDoor } from '../communication/http/http-server.ts';
import { DataManager } from '../data/data-manager.ts';
import { DeviceManager } from '../devices/device-manager.ts';
import { InProcessEventBus } from '../events/event-bus.ts';
import { type LmdbLog, openLog } from '../log/lmdb/lmdb-log.ts';
import type { SensoriumError } from '../model/errors.ts';
import type { StateStore } from '../model/ports/state.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import type { PromMeter } from '../monitor/prom-meter.ts';
import { SecurityManager } from '../security/security-manager.ts';
import { openStateStore } from '../state/lmdb/lmdb-state.ts';
import { DataDirectory } from './data-directory.ts';
import type { Phases } from './phases.ts';
import type { Configuration, PortSetting } from './settings.ts';
import { Supervisor } from './supervisor.ts';

/** Plain protocols stay on this machine; the network gets TLS. Not a setting on purpose. */
const LOOPBACK = '127.0.0.1';

export interface SystemOptions {
  readonly configuration: Configuration;
  readonly version: string;
  /** Doors above the system (the API); they see the facade and nothing behind it. */
  readonly doors: (facade: SystemFacade) => readonly HttpDoor[];
  readonly meter: PromMeter;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  readonly phases: Phases;
  /** A manager failed for good; the caller stops the system and ends the process with this cause. */
  readonly onFatal: (cause: SensoriumError) => void;
}

export interface Ready {
  readonly http: string | null;
  readonly mqtt: string | null;
  readonly mqtts: string | null;
  /** Only on the very first start of a data directory. */
  readonly adminPassword: string | undefined;
}

/** What is open while the system runs. */
interface Parts {
  readonly directory: DataDirectory;
  readonly state: StateStore;
  readonly log: LmdbLog;
  readonly events: InProcessEventBus;
  readonly supervisor: Supervisor;
  readonly security: SecurityManager;
  readonly communication: CommunicationManager;
}

export class IoTSystem {
  readonly #options: SystemOptions;
  #parts: Parts | undefined;

  constructor(options: SystemOptions) {
    this.#options = options;
  }

  /** Throws SensoriumError with the cause where something cannot start; what had started is undone. */
  async start(): Promise<Ready> {
    const { configuration, meter, phases, version, clock } = this.#options;
    const directory = new DataDirectory(configuration.dataDir);
    await directory.open();
    phases.mark('data directory');
    try {
      this.#parts = await this.#open(directory);
      phases.mark('state and log');
      meter.start();
      await this.#parts.supervisor.start();
      phases.mark('managers');
    } catch (cause) {
      await this.stop();
      directory.close();
      throw cause;
    }
    const { communication, security } = this.#parts;
    const { http, mqtt, mqtts } = communication.addresses;
    const ready = { http: url('http', http), mqtt: url('mqtt', mqtt), mqtts: url('mqtts', mqtts) };
    const startedAt = clock.now();
    directory.writeRunInfo({ pid: process.pid, version, startedAt, ...ready, token: security.localToken });
    return { ...ready, adminPassword: security.firstStart?.adminPassword };
  }

  /** Stops accepting, drains, commits, closes. Bounded by STOP_DEADLINE_MS per the managers' own bounds. */
  async stop(): Promise<void> {
    const parts = this.#parts;
    this.#parts = undefined;
    this.#options.meter.stop();
    if (parts === undefined) return;
    await parts.supervisor.stop();
    await parts.events.drain(STOP_DEADLINE_MS / 4);
    await parts.log.close();
    await parts.state.close();
    parts.directory.close();
  }

  async #open(directory: DataDirectory): Promise<Parts> {
    const { configuration, logger, clock, meter, random } = this.#options;
    const shared = { logger, clock, meter };
    const logPath = join(directory.path, 'log');
    const state = await openStateStore({ path: join(directory.path, 'state'), logger });
    const log = await openLog({ path: logPath, ...configuration.log, ...shared }).catch(
      async (cause: unknown) => {
        await state.close();
        throw cause;
      },
    );
    const events = new InProcessEventBus({ ...shared, random });
    const devices = new DeviceManager({ state, events, ...shared });
    const { registry } = devices;
    const security = new SecurityManager({ state, dataDir: directory.path, registry, events, ...shared });
    const data = new DataManager({ log, logPath, dataDir: directory.path, registry, events, ...shared });
    const managers = { devices, data, security };
    const communication = new CommunicationManager({
      listeners: this.#listeners(),
      doors: this.#options.doors(this.#facade({ ...managers, log, events, supervisor: () => supervisor })),
      intake: data.intake,
      security,
      log,
      state,
      events,
      ...shared,
    });
    const supervisor = new Supervisor({
      groups: [
        [security, devices],
        [data, communication],
      ],
      events,
      random,
      onFatal: this.#options.onFatal,
      ...shared,
    });
    return { directory, state, log, events, supervisor, security, communication };
  }

  #listeners(): { http?: Address; mqtt?: Address; mqtts?: Address } {
    const { http, mqtt, mqtts } = this.#options.configuration;
    const on = <K extends string>(key: K, host: string, port: PortSetting): Partial<Record<K, Address>> =>
      port === 'off' ? {} : ({ [key]: { host, port } } as Record<K, Address>);
    return {
      ...on('http', LOOPBACK, http.port),
      ...on('mqtt', LOOPBACK, mqtt.port),
      ...on('mqtts', mqtts.host, mqtts.port),
    };
  }

  #facade(parts: FacadeParts): SystemFacade {
    const { version, meter, clock } = this.#options;
    const { data, devices, security, log, events, supervisor } = parts;
    return {
      version,
      startedAt: clock.now(),
      registry: devices.registry,
      history: data.history,
      intake: data.intake,
      live: data.live,
      events,
      security,
      log,
      health: () => supervisor().health(),
      metrics: async () => await meter.metrics(),
    };
  }
}

interface Address {
  readonly host: string;
  readonly port: number;
}

interface FacadeParts extends Pick<Parts, 'security' | 'log' | 'events'> {
  readonly data: DataManager;
  readonly devices: DeviceManager;
  readonly supervisor: () => Supervisor;
}

function url(scheme: string, address: Address | null): string | null {
  if (address === null) return null;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${scheme}://${host}:${address.port}`;
}
