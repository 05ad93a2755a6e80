/**
 * The communication manager: MQTT and HTTP listeners and bridges as one part that starts, stops and fails together. It owns
 * no message: what a listener accepts goes to the log, what it needs to know it asks the security port.
 */
import type { Clock } from '../base/clock.ts';
import type { Health, Manager } from '../base/lifecycle.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { type ClientDirectory, noClients } from '../model/ports/clients.ts';
import type { EventPublisher } from '../model/ports/events.ts';
import type { Intake } from '../model/ports/history.ts';
import type { Receipts } from '../model/ports/ledger.ts';
import type { Log, LogLookup } from '../model/ports/log.ts';
import { type Messaging, noMessaging } from '../model/ports/messaging.ts';
import type { Meter } from '../model/ports/meter.ts';
import type { ConnectionWatch } from '../model/ports/presence.ts';
import type { SecurityFacade } from '../model/ports/security.ts';
import type { StateStore } from '../model/ports/state.ts';
import type { BridgeSettings } from './bridge/bridge-settings.ts';
import { Bridges } from './bridge/bridges.ts';
import type { AcceptLink } from './bridge/crossing.ts';
import { type HttpDoor, HttpServer } from './http/http-server.ts';
import type { Upgrades } from './http/upgrades.ts';
import { MqttServer } from './mqtt/mqtt-server.ts';
import type { Address, ListenerName, ListenerRow } from './mqtt/transport/link.ts';

/** Where clients of MQTT over WebSocket look first. */
const MQTT_PATH = '/mqtt';

export interface CommunicationOptions {
  readonly version: string;
  /** Absent = that door is off. */
  readonly listeners: {
    /** `mqtt`: it serves MQTT, too, as WebSockets at MQTT_PATH. */
    readonly http?: (Address & { readonly mqtt: boolean }) | undefined;
    readonly mqtt: readonly ListenerRow[];
  };
  readonly bridges: readonly BridgeSettings[];
  readonly doors: readonly HttpDoor[];
  readonly security: SecurityFacade;
  readonly log: Log;
  readonly lookup: LogLookup;
  readonly intake: Intake;
  readonly state: StateStore;
  readonly events: EventPublisher;
  /** Told of connections of devices. */
  readonly connections: ConnectionWatch;
  readonly receipts: Receipts;
  readonly meter: Meter;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

export class CommunicationManager implements Manager {
  readonly name = 'communication';
  readonly #mqtt: MqttServer | undefined;
  readonly #http: HttpServer | undefined;
  readonly #bridges: Bridges;

  constructor(options: CommunicationOptions) {
    const {
      version,
      listeners,
      bridges: table,
      doors,
      intake,
      log,
      lookup,
      state,
      events,
      connections,
      random,
      receipts,
      ...shared
    } = options;
    const { http, mqtt } = listeners;
    const servesMqtt = http?.mqtt === true;
    if (mqtt.length > 0 || servesMqtt || table.length > 0) {
      this.#mqtt = new MqttServer({
        ...shared,
        version,
        listeners: mqtt,
        log,
        lookup,
        state,
        connections,
        receipts,
      });
    }
    const accept: AcceptLink = (link, principal) => this.#mqtt?.accept(link, principal);
    this.#bridges = new Bridges({ ...shared, table, accept, state, events, random });
    if (http === undefined) return;
    const upgrades: Upgrades = servesMqtt ? { [MQTT_PATH]: (upgrade) => this.#mqtt?.upgrade(upgrade) } : {};
    this.#http = new HttpServer({ ...shared, listener: http, intake, doors, upgrades });
  }

  get messaging(): Messaging {
    return this.#mqtt?.messaging ?? noMessaging;
  }

  get clients(): ClientDirectory {
    return this.#mqtt?.clients ?? noClients;
  }

  async start(): Promise<void> {
    const results = await Promise.allSettled([this.#mqtt?.start(), this.#http?.start()]);
    const refused = results.find((result) => result.status === 'rejected');
    if (refused === undefined) {
      this.#bridges.start();
      return;
    }
    await this.stop();
    throw refused.reason;
  }

  async stop(): Promise<void> {
    await this.#bridges.stop();
    await Promise.all([this.#mqtt?.stop(), this.#http?.stop()]);
  }

  health(): Health {
    const bridges = this.#bridges.health();
    const trouble = this.#mqtt?.trouble;
    if (trouble === undefined) return bridges;
    return { status: 'degraded', reasons: [trouble, ...bridges.reasons] };
  }

  onFailure(listener: (cause: Error) => void): void {
    this.#mqtt?.onFailure(listener);
    this.#http?.onFailure(listener);
  }

  /** Where the listeners really are (port 0 asks for any free one); null = off. */
  get addresses(): Readonly<Record<'http' | ListenerName, Address | null>> {
    const off = { mqtt: null, mqtts: null, ws: null, wss: null };
    return { http: this.#http?.address ?? null, ...off, ...this.#mqtt?.addresses };
  }
}
