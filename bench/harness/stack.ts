/**
 * What a user would assemble instead: Mosquitto, Node-RED and InfluxDB, each a process of its own, with authentication
 * between all of them. Only InfluxDB keeps anything.
 */
import { pause } from '../../test/support/server.ts';
import type { Broker, Target } from './broker.ts';
import { Influx } from './influx.ts';
import { startMosquitto } from './mosquitto.ts';
import { publish } from './mqtt-load.ts';
import { MEASUREMENT, startNodeRed } from './node-red.ts';
import { usageOf } from './processes.ts';

/** A number of each message: one point is one message. */
const FIELD = 'temp';
const POLL_MS = 200;
/** Points that come no more for so long were lost. */
const STALL_MS = 15_000;
const CONNECT_TIMEOUT_MS = 60_000;
/** So that the broker does not wait for single acknowledgements of Node-RED; its default is 20. */
const MOSQUITTO = ['max_inflight_messages 1000'];

export interface Arrival {
  readonly points: number;
  /** When the last of them was seen, of performance.now(). */
  readonly at: number;
}

export class Stack implements AsyncDisposable {
  readonly target: Target;
  readonly #influx: Influx;
  readonly #pids: readonly number[];
  readonly #parts: AsyncDisposableStack;

  private constructor(broker: Broker, influx: Influx, nodeRedPid: number, parts: AsyncDisposableStack) {
    this.target = broker.target;
    this.#influx = influx;
    this.#pids = [broker.pid, influx.pid, nodeRedPid];
    this.#parts = parts;
  }

  static async start(folder: string): Promise<Stack> {
    await using parts = new AsyncDisposableStack();
    const influx = parts.use(await Influx.start(folder));
    const broker = parts.use(await startMosquitto(folder, MOSQUITTO));
    const { subscriber, port } = broker.target;
    const nodeRed = parts.use(await startNodeRed(folder, { port, ...subscriber }, influx));
    const stack = new Stack(broker, influx, nodeRed.pid, parts.move());
    try {
      await stack.#connected(folder);
    } catch (cause) {
      await stack[Symbol.asyncDispose]();
      throw new Error(`the stack does not carry a message: ${nodeRed.output}`, { cause });
    }
    return stack;
  }

  /** Waits until all can be queried, or nothing more comes. */
  async arrival(expected: number): Promise<Arrival> {
    let seen = { points: -1, at: performance.now() };
    for (;;) {
      const points = await this.#influx.count(MEASUREMENT, FIELD);
      if (points !== seen.points) seen = { points, at: performance.now() };
      if (points >= expected || performance.now() - seen.at > STALL_MS) return seen;
      await pause(POLL_MS);
    }
  }

  async clear(): Promise<void> {
    await this.#influx.query(`DROP MEASUREMENT "${MEASUREMENT}"`);
  }

  /** Of all three processes since their start. */
  get cpuS(): number {
    return this.#pids.reduce((sum, pid) => sum + usageOf(pid).cpuS, 0);
  }

  get peakRssMiB(): number {
    return this.#pids.reduce((sum, pid) => sum + usageOf(pid).peakRssMiB, 0);
  }

  /** Node-RED does not tell when it has subscribed: one message of each device, until one comes through. */
  async #connected(folder: string): Promise<void> {
    const deadline = performance.now() + CONNECT_TIMEOUT_MS;
    while ((await this.#influx.count(MEASUREMENT, FIELD)) === 0) {
      if (performance.now() > deadline) throw new Error(`waited ${CONNECT_TIMEOUT_MS} ms`);
      await publish(folder, this.target, { messages: this.target.passwords.length, qos: 1 });
      await pause(POLL_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }
}
