/** Kept sessions whose clients are away while a publisher goes on: what piles up, and whether it comes out whole. */
import { KeptPublisher } from './kept-publisher.ts';
import { KeptSubscriber } from './kept-subscriber.ts';
import { Ledger } from './ledger.ts';
import { isReached } from './progress.ts';
import { SUBSCRIBED, type Victim } from './torture.ts';

const PUBLISHER_WINDOW = 1_000;

export class OfflineQueues {
  readonly ledger: Ledger;
  readonly #publisher: KeptPublisher;
  readonly #subscribers: readonly KeptSubscriber[];

  private constructor(publisher: KeptPublisher, subscribers: readonly KeptSubscriber[], ledger: Ledger) {
    this.#publisher = publisher;
    this.#subscribers = subscribers;
    this.ledger = ledger;
  }

  /** Subscriptions of both versions and QoS in turn; each client is gone again. */
  static async open(victim: Victim, port: number, queues: number): Promise<OfflineQueues> {
    const ledger = new Ledger();
    const account = await victim.account('filler', 'publisher');
    const publisher = new KeptPublisher({
      account,
      version: 4,
      window: PUBLISHER_WINDOW,
      ledger,
      qosOf: () => 1,
    });
    const viewer = await victim.account('reader', 'subscriber');
    const subscribers = Array.from(
      { length: queues },
      (_, index) =>
        new KeptSubscriber({
          name: `queue${index}`,
          account: viewer,
          version: index % 2 === 0 ? 4 : 5,
          qos: index % 4 < 2 ? 1 : 2,
          receiveMaximum: 65_535,
          filter: SUBSCRIBED,
          ledger,
          delayMs: () => 0,
        }),
    );
    await Promise.all(subscribers.map((subscriber) => subscriber.open(port)));
    for (const subscriber of subscribers) subscriber.drop();
    return new OfflineQueues(publisher, subscribers, ledger);
  }

  /** Resolves when all is acknowledged. */
  async fill(port: number, messages: number): Promise<void> {
    await this.#publisher.open(port);
    this.#publisher.allow(messages);
    const isFull = await isReached(
      () => this.#publisher.isDrained,
      () => this.#publisher.acknowledged,
    );
    if (!isFull) this.ledger.fault('not everything acknowledged');
    this.#publisher.drop();
  }

  /** All clients come back and take what waits for them; the ledger says what was wrong with it. */
  async take(port: number): Promise<void> {
    const { ledger } = this;
    const { streams } = this.#publisher;
    const names = this.#subscribers.map(({ name }) => name);
    await Promise.all(this.#subscribers.map((subscriber) => subscriber.open(port)));
    await isReached(
      () => names.every((name) => ledger.missing(name, streams) === 0),
      () => ledger.deliveries,
    );
    for (const subscriber of this.#subscribers) subscriber.drop();
    ledger.close(names, streams);
  }
}
