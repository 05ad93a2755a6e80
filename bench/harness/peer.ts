/** A broker that is not ours, as a process of its own: same authentication, nothing durable. */
import { type Broker, type BrokerName, deviceNames, type Target } from './broker.ts';
import { Daemon } from './daemon.ts';

export const PEER_PASSWORD = 'bench-password';
export const PEER_SUBSCRIBER = 'subscriber';

export class Peer implements Broker {
  readonly name: BrokerName;
  readonly target: Target;
  readonly #daemon: Daemon;

  private constructor(name: BrokerName, daemon: Daemon, port: number) {
    this.name = name;
    this.#daemon = daemon;
    this.target = {
      port,
      passwords: deviceNames.map(() => PEER_PASSWORD),
      subscriber: { user: PEER_SUBSCRIBER, password: PEER_PASSWORD },
    };
  }

  /** Runs a command that listens on `port` of the loopback address. */
  static async start(name: BrokerName, port: number, command: readonly string[]): Promise<Peer> {
    return new Peer(name, await Daemon.start({ name, port, command }), port);
  }

  get pid(): number {
    return this.#daemon.pid;
  }

  settled(): Promise<void> {
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon[Symbol.asyncDispose]();
  }
}
