/** The platform as a broker among brokers: devices registered, history counted. */
import type { Server, Totals } from '../../test/support/server.ts';
import { type Broker, deviceNames, type LoadResult, type Target } from './broker.ts';
import { caughtUp, pidOf, register, startServer } from './fleet.ts';

/** Numbers in each payload of either generator: temp, hum, bat, rssi, seq. */
export const READINGS_PER_MESSAGE = 5;

export class Platform implements Broker {
  readonly name = 'Sensorium';
  readonly pid: number;
  readonly target: Target;
  /** To ask it questions; what ends it is the platform. */
  readonly server: Server;
  #before: Totals;

  private constructor(server: Server, target: Target, before: Totals) {
    this.server = server;
    this.pid = pidOf(server);
    this.target = target;
    this.#before = before;
  }

  static async start(folder: string, env?: Readonly<Record<string, string>>): Promise<Platform> {
    const server = await startServer(`${folder}/data`, env);
    try {
      const passwords = await register(server, deviceNames);
      const subscriber = { user: '@bench', password: await server.userToken('bench', 'operator') };
      return new Platform(server, { port: server.mqttPort, passwords, subscriber }, await server.totals());
    } catch (cause) {
      await server[Symbol.asyncDispose]();
      throw cause;
    }
  }

  /** A run whose history does not hold exactly what was acknowledged is no run. */
  async settled(load: LoadResult): Promise<void> {
    const totals = await caughtUp(this.server);
    const grown = (field: keyof Totals): number => totals[field] - this.#before[field];
    const stored = grown('stored');
    const isWhole = load.acknowledged === 0 || stored + grown('forwarded') === load.acknowledged;
    if (!isWhole || grown('readings') !== stored * READINGS_PER_MESSAGE)
      throw new Error(`${load.acknowledged} messages acknowledged, in history: ${JSON.stringify(totals)}`);
    this.#before = totals;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop();
  }
}
