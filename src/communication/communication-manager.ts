/**
 * The communication manager: MQTT and HTTP listeners as one part that starts, stops and fails together. It owns
 * no message: what a listener accepts goes to the log, what it needs to know it asks the security port.
 */
import type { Clock } from '../base/clock.ts';
import { type Health, type Manager, UP } from '../base/lifecycle.ts';
import type { Logger } from '../base/logger.ts';
import type { EventPublisher } from '../model/ports/events.ts';
import type { Intake } from '../model/ports/history.ts';
import type { Log } from '../model/ports/log.ts';
import type { Meter } from '../model/ports/meter.ts';
import type { SecurityFacade } from '../model/ports/security.ts';
import type { StateStore } from '../model/ports/state.ts';
import { type HttpDoor, HttpServer } from './http/http-server.ts';
import { MqttServer } from './mqtt/mqtt-server.ts';

interface Listener {
  readonly host: string;
  readonly port: number;
}

export interface CommunicationOptions {
  /** Absent = that door is off. */
  readonly listeners: {
    readonly http?: Listener | undefined;
    readonly mqtt?: Listener | undefined;
    readonly mqtts?: Listener | undefined;
  };
  readonly doors: readonly HttpDoor[];
  readonly security: SecurityFacade;
  readonly log: Log;
  readonly intake: Intake;
  readonly state: StateStore;
  readonly events: EventPublisher;
  readonly meter: Meter;
  readonly logger: Logger;
  readonly clock: Clock;
}

export class CommunicationManager implements Manager {
  readonly name = 'communication';
  readonly #mqtt: MqttServer | undefined;
  readonly #http: HttpServer | undefined;

  constructor(options: CommunicationOptions) {
    const { listeners, doors, intake, log, state, events, ...shared } = options;
    const { http, mqtt, mqtts } = listeners;
    if (mqtt !== undefined || mqtts !== undefined) {
      this.#mqtt = new MqttServer({ ...shared, listeners: { tcp: mqtt, tls: mqtts }, log, state, events });
    }
    if (http !== undefined) this.#http = new HttpServer({ ...shared, listener: http, intake, doors });
  }

  async start(): Promise<void> {
    const results = await Promise.allSettled([this.#mqtt?.start(), this.#http?.start()]);
    const refused = results.find((result) => result.status === 'rejected');
    if (refused === undefined) return;
    await this.stop();
    throw refused.reason;
  }

  async stop(): Promise<void> {
    await Promise.all([this.#mqtt?.stop(), this.#http?.stop()]);
  }

  health(): Health {
    return UP;
  }

  onFailure(listener: (cause: Error) => void): void {
    this.#mqtt?.onFailure(listener);
    this.#http?.onFailure(listener);
  }

  /** Where the listeners really are (port 0 asks for any free one); null = off. */
  get addresses(): {
    readonly http: Listener | null;
    readonly mqtt: Listener | null;
    readonly mqtts: Listener | null;
  } {
    return {
      http: this.#http?.address ?? null,
      mqtt: this.#mqtt?.addresses.mqtt ?? null,
      mqtts: this.#mqtt?.addresses.mqtts ?? null,
    };
  }
}
