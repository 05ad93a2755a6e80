/**
 * Crashes at any moment, under a subscriber that remembers packet ids as the specification asks of it: what the log has
 * on disk arrives, with QoS 1 at least once, with QoS 2 exactly once, each in order.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Random, seededRandom } from '../../../base/random.ts';
import { REASON } from '../codec/reason.ts';
import { type CrashingMachine, LmdbMachine, Machine } from './test-machine.ts';
import type { World, WorldClient } from './test-world.ts';

/** The client's half of the protocol; it does not crash. */
class Subscriber {
  readonly got: { readonly 1: string[]; readonly 2: string[] } = { 1: [], 2: [] };
  /** QoS 2 ids between PUBREC and PUBCOMP. */
  readonly #pending = new Set<number>();
  #live: WorldClient | undefined;

  connect(world: World, window: number): void {
    this.#live = world.connect('reader', { window });
  }

  lost(): void {
    this.#live = undefined;
  }

  disconnect(world: World): void {
    if (this.#live !== undefined) world.lose(this.#live);
    this.#live = undefined;
  }

  /** Takes and answers what has come; `answers` of it at most. */
  read(answers: number): number {
    if (this.#live === undefined) return 0;
    const { receiver, session } = this.#live;
    const { outbound } = session;
    let left = answers;
    while (left > 0) {
      const next = receiver.sent.shift();
      if (next === undefined) break;
      left -= 1;
      const [, text = '', qos = '', packetId = ''] = /^(.*)@(\d)#(\d+)/.exec(next) ?? [];
      const id = Number(packetId);
      if (qos === '1') {
        this.got[1].push(text);
        outbound.acknowledged(id);
      } else {
        if (!this.#pending.has(id)) this.got[2].push(text);
        this.#pending.add(id);
        outbound.received(id, REASON.success);
      }
    }
    while (left > 0) {
      const id = receiver.released.shift();
      if (id === undefined) break;
      left -= 1;
      this.#pending.delete(Number(id));
      outbound.completed(Number(id));
    }
    return answers - left;
  }
}

interface Sent {
  readonly text: string;
  readonly qos: 1 | 2;
  readonly offset: number;
}

class Run {
  readonly #machine: CrashingMachine;
  readonly #random: Random;
  readonly #reader = new Subscriber();
  #world: World;
  /** Of this life of the server; what the next has of it moves to `#durable`. */
  #sent: Sent[] = [];
  readonly #durable: Sent[] = [];
  #count = 0;
  crashes = 0;

  constructor(machine: CrashingMachine, world: World, seed: number) {
    this.#machine = machine;
    this.#world = world;
    this.#random = seededRandom(seed);
  }

  get arrived(): number {
    return this.#reader.got[1].length + this.#reader.got[2].length;
  }

  async subscribe(): Promise<void> {
    const { session } = this.#world.connect('reader');
    this.#world.subscribe(session, 'a', 2);
    await this.#world.stored();
    this.#world.registry.close(session, { sendsWill: false });
  }

  async step(crashes: number): Promise<void> {
    const chance = this.#random.next();
    if (chance < 0.3) this.#publish();
    else if (chance < 0.5) await this.#machine.commit();
    else if (chance < 0.75) this.#reader.read(this.#below(6));
    else if (chance < 0.82) await this.#world.stored();
    else if (chance < 0.9) await turn();
    else if (chance < 1 - crashes) this.#turnConnection();
    else await this.#crash();
  }

  /** The client reads all there is; then the books must balance. */
  async end(): Promise<void> {
    await this.#machine.commit();
    this.#keepDurable();
    await this.#reconnect(1_000);
    for (let quiet = 0; quiet < 3; quiet += 1) {
      await this.#world.stored();
      if (this.#reader.read(1_000) > 0) quiet = -1;
    }
    for (const qos of [1, 2] as const) {
      const due = this.#durable.filter((one) => one.qos === qos).map(({ text }) => text);
      const got = this.#reader.got[qos];
      const wanted = new Set(due);
      // What was sent at once with QoS 1 may have been seen and then lost by the log.
      const first = [...new Set(got)].filter((text) => wanted.has(text));
      expect(first).toEqual(due);
      if (qos === 2) expect(got).toEqual(due);
    }
  }

  #publish(): void {
    const many = 1 + this.#below(8);
    for (let i = 0; i < many; i += 1) {
      const qos = this.#random.next() < 0.5 ? 1 : 2;
      const text = `${(this.#count += 1)}`;
      this.#sent.push({ text, qos, offset: this.#world.publish('a', text, qos) });
    }
  }

  #turnConnection(): void {
    if (this.#random.next() < 0.5) this.#reader.disconnect(this.#world);
    else void this.#reconnect(1 + this.#below(5));
  }

  #reconnect(window: number): Promise<void> {
    this.#reader.disconnect(this.#world);
    this.#reader.connect(this.#world, window);
    return this.#world.stored();
  }

  async #crash(): Promise<void> {
    this.crashes += 1;
    this.#reader.lost();
    this.#world = await this.#machine.crash();
    this.#keepDurable();
  }

  #keepDurable(): void {
    const { durable } = this.#machine;
    this.#durable.push(...this.#sent.filter(({ offset }) => offset < durable));
    this.#sent = [];
  }

  #below(limit: number): number {
    return Math.floor(this.#random.next() * limit);
  }
}

async function run(machine: CrashingMachine, seed: number, steps: number, crashes: number): Promise<Run> {
  try {
    const one = new Run(machine, await machine.start(), seed);
    await one.subscribe();
    for (let i = 0; i < steps; i += 1) await one.step(crashes);
    await one.end();
    return one;
  } finally {
    await machine.dispose();
  }
}

describe('a subscriber of a server that crashes', () => {
  it('gets all there is, QoS 2 once: stores in memory, many lives', async () => {
    let [crashes, arrived] = [0, 0];
    for (let seed = 1; seed <= 60; seed += 1) {
      const one = await run(new Machine(), seed, 150, 0.05);
      crashes += one.crashes;
      arrived += one.arrived;
    }
    expect(crashes).toBeGreaterThan(200);
    expect(arrived).toBeGreaterThan(2_000);
  });

  it('gets all there is, QoS 2 once: LMDB, its files as the crash finds them', async () => {
    const one = await run(new LmdbMachine(), 3, 400, 0.04);
    expect(one.crashes).toBeGreaterThan(5);
    expect(one.arrived).toBeGreaterThan(100);
  });
});
