/**
 * The system object: opens what is durable, runs the four managers side by side under the supervisor, and shows
 * the doors one facade. The only place that knows concrete classes.
 */
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { STOP_DEADLINE_MS } from '../base/limits.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { CommunicationManager, type CommunicationOptions } from '../communication/communication-manager.ts';
import type { HttpDoor } from '../communication/http/http-server.ts';
import { DataManager } from '../data/data-manager.ts';
import { ReceiptBook } from '../data/receipts.ts';
import { DeviceManager } from '../devices/device-manager.ts';
import { InProcessEventBus } from '../events/event-bus.ts';
import { type LmdbLog, openLog } from '../log/lmdb/lmdb-log.ts';
import { openLogLookup } from '../log/lmdb/log-lookup.ts';
import type { SensoriumError } from '../model/errors.ts';
import type { LogLookup } from '../model/ports/log.ts';
import type { Messaging } from '../model/ports/messaging.ts';
import type { StateStore } from '../model/ports/state.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import type { PromMeter } from '../monitor/prom-meter.ts';
import { SecurityManager } from '../security/security-manager.ts';
import { openStateStore } from '../state/lmdb/lmdb-state.ts';
import { submitBroadcast } from './broadcast-readings.ts';
import { DataDirectory } from './data-directory.ts';
import type { Phases } from './phases.ts';
import { hearing, hearRevocations, isBehind } from './presence-inputs.ts';
import type { Configuration } from './settings.ts';
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
  readonly ws: string | null;
  readonly wss: string | null;
  /** Only on the very first start of a data directory. */
  readonly adminPassword: string | undefined;
}

/** What is open while the system runs. */
interface Parts {
  readonly directory: DataDirectory;
  readonly state: StateStore;
  readonly log: LmdbLog;
  readonly lookup: LogLookup;
  readonly events: InProcessEventBus;
  readonly receipts: ReceiptBook;
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
      this.#parts.receipts.start();
      await this.#parts.supervisor.start();
      phases.mark('managers');
    } catch (cause) {
      await this.stop();
      directory.close();
      throw cause;
    }
    const { communication, security } = this.#parts;
    const { http, mqtt, mqtts, ws, wss } = communication.addresses;
    const told = { http: url('http', http), mqtt: url('mqtt', mqtt), mqtts: url('mqtts', mqtts) };
    const startedAt = clock.now();
    directory.writeRunInfo({ pid: process.pid, version, startedAt, ...told, token: security.localToken });
    const { adminPassword } = security.firstStart ?? {};
    return { ...told, ws: url('ws', ws), wss: url('wss', wss), adminPassword };
  }

  /** Stops accepting, drains, commits, closes. Bounded by STOP_DEADLINE_MS per the managers' own bounds. */
  async stop(): Promise<void> {
    const parts = this.#parts;
    this.#parts = undefined;
    this.#options.meter.stop();
    if (parts === undefined) return;
    await parts.supervisor.stop();
    await parts.events.drain(STOP_DEADLINE_MS / 4);
    parts.receipts.stop();
    await parts.lookup.close();
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
    const lookup = openLogLookup({ path: logPath });
    const events = new InProcessEventBus({ ...shared, random });
    const messaging = lateMessaging(() => communication.messaging);
    const devices = new DeviceManager({
      state,
      events,
      messaging,
      isBehind: () => isBehind({ log, lookup, clock, storedUpTo: data.storedUpTo }),
      random,
      discovery: configuration.discovery,
      onReadings: (device, readings) => submitBroadcast({ device, readings, intake: data.intake, clock }),
      ...shared,
    });
    const { registry } = devices;
    const security = new SecurityManager({ state, dataDir: directory.path, registry, events, ...shared });
    const receipts = new ReceiptBook({ log, clock });
    const data: DataManager = new DataManager({
      log,
      logPath,
      dataDir: directory.path,
      registry,
      events: hearing(events, devices.watch),
      receipts,
      retention: configuration.retention,
      ...shared,
    });
    const managers = { devices, data, security };
    const late = { supervisor: () => supervisor, communication: () => communication };
    const communication: CommunicationManager = new CommunicationManager({
      version: this.#options.version,
      listeners: this.#listeners(),
      bridges: configuration.bridges,
      doors: this.#options.doors(this.#facade({ ...managers, ...late, log, events })),
      intake: data.intake,
      security,
      log,
      lookup,
      state,
      events,
      connections: devices.watch,
      random,
      receipts,
      ...shared,
    });
    hearRevocations(security, devices.watch);
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
    return { directory, state, log, lookup, events, receipts, supervisor, security, communication };
  }

  #listeners(): CommunicationOptions['listeners'] {
    const { http, mqtt, mqtts, ws, wss } = this.#options.configuration;
    const rows = [
      { name: 'mqtt', transport: 'tcp', host: LOOPBACK, port: mqtt.port },
      { name: 'mqtts', transport: 'tls', host: mqtts.host, port: mqtts.port },
      { name: 'ws', transport: 'ws', host: LOOPBACK, port: ws.port },
      { name: 'wss', transport: 'wss', host: wss.host, port: wss.port },
    ] as const;
    return {
      http: http.port === 'off' ? undefined : { host: LOOPBACK, port: http.port, mqtt: http.mqtt },
      mqtt: rows.flatMap((row) => (row.port === 'off' ? [] : [{ ...row, port: row.port }])),
    };
  }

  #facade(parts: FacadeParts): SystemFacade {
    const { version, meter, clock } = this.#options;
    const { data, devices, security, log, events, communication, supervisor } = parts;
    return {
      version,
      startedAt: clock.now(),
      registry: devices.registry,
      administration: devices.administration,
      commands: devices.commands,
      discovery: devices.discovery,
      presence: devices.presence,
      twins: devices.twins,
      history: data.history,
      quarantine: data.quarantine,
      ledger: data.ledger,
      retention: data.retention,
      traces: data.traces,
      intake: data.intake,
      live: data.live,
      get clients() {
        return communication().clients;
      },
      events,
      security,
      log,
      health: () => supervisor().health(),
      metrics: async () => await meter.metrics(),
    };
  }
}

/** Communication is made last: who speaks through it starts after that. */
const lateMessaging = (messaging: () => Messaging): Messaging => ({
  publish: async (message) => await messaging().publish(message),
  subscribe: (filter, listener) => messaging().subscribe(filter, listener),
  onSubscribed: (listener) => messaging().onSubscribed(listener),
});

interface Address {
  readonly host: string;
  readonly port: number;
}

interface FacadeParts extends Pick<Parts, 'security' | 'log' | 'events'> {
  readonly data: DataManager;
  readonly devices: DeviceManager;
  /** They are made after the doors that get the facade. */
  readonly communication: () => CommunicationManager;
  readonly supervisor: () => Supervisor;
}

function url(scheme: string, address: Address | null): string | null {
  if (address === null) return null;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${scheme}://${host}:${address.port}`;
}
