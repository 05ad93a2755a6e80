/**
 * Clients that follow the standard to the letter, against a server that is ended at random moments. What may not happen
 * is the ledger's; this file decides who does what when, all from one seed (the interleaving is the machine's).
 */
import { MQTT_QUEUE_MAX_MESSAGES } from '../../../src/base/limits.ts';
import type { Random } from '../../../src/base/random.ts';
import { pause } from '../server.ts';
import { KeptPublisher } from './kept-publisher.ts';
import { KeptSubscriber } from './kept-subscriber.ts';
import { Ledger, type Stream } from './ledger.ts';
import { isReached } from './progress.ts';
import type { Account, Version } from './wire.ts';

/** What is tortured. */
export interface Victim {
  /** Starts on what is left from before; answers the MQTT port. */
  start(): Promise<number>;
  /** Starts, and is ended before it can be ready: recovery must bear that, too. */
  stumble(afterMs: number): Promise<void>;
  account(name: string, role: 'publisher' | 'subscriber'): Promise<Account>;
  /** As unkindly as it can. */
  kill(): Promise<void>;
}

interface TortureOptions {
  readonly victim: Victim;
  readonly random: Random;
  readonly cycles: number;
  readonly say?: (text: string) => void;
}

/** How the publishers mix QoS 1 and 2, and which version they speak. */
const PUBLISHERS: readonly { name: string; version: Version; window: number; mix: readonly (1 | 2)[] }[] = [
  { name: 'p1', version: 4, window: 40, mix: [1] },
  { name: 'p2', version: 4, window: 40, mix: [2] },
  { name: 'p3', version: 5, window: 15, mix: [1, 2, 2] },
  { name: 'p4', version: 5, window: 3, mix: [2, 1] },
];

/** Presence: share of the cycles a subscriber is there. */
const SUBSCRIBERS: readonly {
  name: string;
  version: Version;
  qos: 1 | 2;
  window: number;
  presence: number;
}[] = [
  { name: 's1', version: 4, qos: 1, window: 65_535, presence: 0.9 },
  { name: 's2', version: 4, qos: 2, window: 65_535, presence: 0.9 },
  { name: 's3', version: 5, qos: 1, window: 5, presence: 0.8 },
  { name: 's4', version: 5, qos: 2, window: 50, presence: 0.9 },
  { name: 's5', version: 5, qos: 2, window: 1_000, presence: 0.3 },
];

/** Of the users who subscribe: what all devices say. */
export const SUBSCRIBED = 'v1/+/telemetry';
const CYCLE_MESSAGES_MAX = 400;
const LOAD_MAX_MS = 450;
const ANSWER_DELAY_MAX_MS = 15;
const STUMBLE_SHARE = 0.15;
const STUMBLE_MAX_MS = 600;
/** Connections cut per cycle, at most, without the server being ended. */
const DROPS_MAX = 5;
/** Half of them so shortly before the end that what they set off is not on disk yet. */
const LATE_MS = 15;
/** Cycles without any subscriber: nothing hurries what the sessions are owed to disk. */
const QUIET_SHARE = 0.2;
const PUBLISHER_PRESENCE = 0.75;
/** A queue over its bound drops its oldest, and rightly so; a thousand cycles of a slow subscriber would get there. */
const BACKLOG_MAX = MQTT_QUEUE_MAX_MESSAGES / 5;
const CYCLES_PER_REPORT = 50;

export class Torture {
  readonly #options: TortureOptions;
  readonly ledger: Ledger;
  publishers: readonly KeptPublisher[] = [];
  #subscribers: readonly KeptSubscriber[] = [];
  #port = 0;
  #cycle = 0;
  #opening: readonly Promise<void>[] = [];

  constructor(options: TortureOptions) {
    this.#options = options;
    this.ledger = new Ledger((fault) => options.say?.(`cycle ${this.#cycle}: ${fault}`));
  }

  /** Ends with the server running and everything delivered, or with faults in the ledger. */
  async run(): Promise<void> {
    const { victim, random, cycles, say } = this.#options;
    await this.#populate(await victim.start());
    for (let cycle = 0; cycle < cycles; cycle += 1) {
      this.#cycle = cycle;
      if (cycle > 0) {
        if (random.next() < STUMBLE_SHARE) await victim.stumble(random.next() * STUMBLE_MAX_MS);
        const port = await victim.start();
        if (this.#furthestBehind > BACKLOG_MAX) await this.#catchUp(port);
        this.#openSome(port);
      }
      await this.#load();
      if ((cycle + 1) % CYCLES_PER_REPORT === 0) say?.(`${cycle + 1} cycles: ${this.ledger.summary}`);
    }
    await this.#drain(await victim.start());
    this.ledger.close(
      this.#subscribers.map(({ name }) => name),
      this.#streams(),
    );
  }

  /** Accounts and subscriptions, before the first message. */
  async #populate(port: number): Promise<void> {
    this.#port = port;
    const { victim, random } = this.#options;
    const { ledger } = this;
    this.publishers = await Promise.all(
      PUBLISHERS.map(async ({ name, version, window, mix }) => {
        const account = await victim.account(name, 'publisher');
        const qosOf = (count: number): 1 | 2 => mix[count % mix.length] ?? 1;
        return new KeptPublisher({ account, version, window, ledger, qosOf });
      }),
    );
    this.#subscribers = await Promise.all(
      SUBSCRIBERS.map(async ({ name, version, qos, window }) => {
        const account = await victim.account(name, 'subscriber');
        const delayMs = (): number => random.next() ** 4 * ANSWER_DELAY_MAX_MS;
        const receiveMaximum = window;
        return new KeptSubscriber({
          name,
          account,
          version,
          qos,
          receiveMaximum,
          filter: SUBSCRIBED,
          ledger,
          delayMs,
        });
      }),
    );
    await Promise.all([...this.#subscribers, ...this.publishers].map((client) => client.open(port)));
  }

  /** Who is there this time; the rest stays away. */
  #openSome(port: number): void {
    this.#port = port;
    const { random } = this.#options;
    const isQuiet = random.next() < QUIET_SHARE;
    const subscribers = this.#subscribers.filter(
      (_, index) => !isQuiet && random.next() < (SUBSCRIBERS[index]?.presence ?? 1),
    );
    const publishers = this.publishers.filter(() => random.next() < PUBLISHER_PRESENCE);
    // Not waited for: the server may be ended in the middle of a CONNECT.
    this.#opening = [...subscribers, ...publishers].map((client) => client.open(port));
  }

  async #load(): Promise<void> {
    const { victim, random } = this.#options;
    for (const publisher of this.publishers) publisher.allow(Math.ceil(random.next() * CYCLE_MESSAGES_MAX));
    // Short ones more often: two crashes in a row find what one does not.
    const loadMs = random.next() ** 2 * LOAD_MAX_MS;
    const drops = Array.from({ length: Math.floor(random.next() * (DROPS_MAX + 1)) }, () => {
      const isLate = random.next() < 0.5;
      return this.#dropOne(isLate ? Math.max(0, loadMs - random.next() * LATE_MS) : random.next() * loadMs);
    });
    await pause(loadMs);
    await victim.kill();
    await Promise.all([...drops, ...this.#opening]);
    for (const client of [...this.publishers, ...this.#subscribers]) client.drop();
    for (const publisher of this.publishers) publisher.allow(0);
  }

  /** A cut cable in the middle of it all; the client comes back at once. */
  async #dropOne(afterMs: number): Promise<void> {
    const clients = [...this.publishers, ...this.#subscribers];
    const client = clients[Math.floor(this.#options.random.next() * clients.length)];
    await pause(afterMs);
    if (client?.isOpen !== true) return;
    client.drop();
    await client.open(this.#port);
  }

  get #furthestBehind(): number {
    const streams = this.#streams();
    return Math.max(...this.#subscribers.map(({ name }) => this.ledger.missing(name, streams)));
  }

  /** Some undisturbed time for the slow ones. */
  async #catchUp(port: number): Promise<void> {
    await Promise.all(this.#subscribers.map((subscriber) => subscriber.open(port)));
    await isReached(
      () => this.#furthestBehind < BACKLOG_MAX / 2,
      () => this.ledger.deliveries,
    );
    for (const subscriber of this.#subscribers) subscriber.drop();
  }

  async #drain(port: number): Promise<void> {
    const clients = [...this.#subscribers, ...this.publishers];
    await Promise.all(clients.map((client) => client.open(port)));
    await this.#untilDone();
    // Acknowledged is acknowledged: a session taken up again has nothing to say.
    const { deliveries } = this.ledger;
    for (const subscriber of this.#subscribers) subscriber.drop();
    await Promise.all(this.#subscribers.map((subscriber) => subscriber.open(port)));
    await Promise.all(this.#subscribers.map((subscriber) => subscriber.settled()));
    if (this.ledger.deliveries !== deliveries)
      this.ledger.fault(`${this.ledger.deliveries - deliveries} deliveries after all was acknowledged`);
    for (const client of clients) client.drop();
  }

  async #untilDone(): Promise<void> {
    const isDone = (): boolean =>
      this.publishers.every(({ isDrained }) => isDrained) &&
      this.#subscribers.every(
        ({ name, isIdle }) => isIdle && this.ledger.missing(name, this.#streams()) === 0,
      );
    const progress = (): number =>
      this.publishers.reduce((sum, { acknowledged }) => sum + acknowledged, this.ledger.deliveries);
    if (!(await isReached(isDone, progress))) {
      for (const { name, isDrained } of this.publishers)
        if (!isDrained) this.ledger.fault(`${name}: not everything acknowledged`);
    }
    await Promise.all(this.#subscribers.map((subscriber) => subscriber.settled()));
  }

  #streams(): readonly Stream[] {
    return this.publishers.flatMap(({ streams }) => streams);
  }
}
