import type { Clock } from '../base/clock.ts';
import { DEAD_LETTERS_MAX } from '../base/limits.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { problem } from '../model/errors.ts';
import {
  type AnyEvent,
  EVENT_TYPES,
  type EventMap,
  type EventType,
  type PlatformEvent,
} from '../model/events.ts';
import type { DeadLetter, EventBus } from '../model/ports/events.ts';
import type { Meter } from '../model/ports/meter.ts';
import { type EventHandler, Subscription, type Undelivered } from './subscription.ts';

interface EventBusOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly meter: Meter;
  readonly logger: Logger;
  /** CloudEvents `source`, a URI reference; with `id` it is unique over all runs. */
  readonly source?: string;
}

/** What the bus knows of one event type: its count, and who listens (replaced, never changed, so a publish in progress sees one list). */
interface Channel {
  published: number;
  deadLetters: number;
  subscriptions: readonly Subscription[];
}

/**
 * The event bus of one process: typed, at-least-once per handler while the process lives, in order per handler.
 * Publishing without a subscriber is a counter. Promises that no handler can delay or harm a publisher or another
 * handler; keeps nothing over a restart, that is the job of the log.
 */
export class InProcessEventBus implements EventBus {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #source: string;
  readonly #idPrefix: string;
  readonly #channels: ReadonlyMap<string, Channel>;
  /** Handlers that still have events after they were taken off do not hold up `drain`: only these do. */
  readonly #subscriptions = new Set<Subscription>();
  #deadLetters: DeadLetter[] = [];
  #sequence = 0;

  constructor({ clock, random, meter, logger, source = '/sensorium' }: EventBusOptions) {
    this.#clock = clock;
    this.#random = random;
    this.#logger = logger;
    this.#source = source;
    this.#idPrefix = Buffer.from(random.bytes(6)).toString('hex');
    this.#channels = new Map(EVENT_TYPES.map((type) => [type, newChannel()]));
    for (const [type, channel] of this.#channels) {
      meter.collect('iot_events_total', () => channel.published, { type });
      meter.collect('iot_event_dead_letters_total', () => channel.deadLetters, { type });
    }
  }

  publish<T extends EventType>(type: T, subject: string, data: EventMap[T]): void {
    const channel = this.#channel(type);
    channel.published += 1;
    const { subscriptions } = channel;
    if (subscriptions.length === 0) return;
    const event = this.#event(type, subject, data);
    for (const subscription of subscriptions) subscription.push(event);
  }

  on<T extends EventType>(
    type: T,
    name: string,
    handler: (event: PlatformEvent<T>) => void | Promise<void>,
  ): () => void {
    const narrowed: EventHandler = (event) => (isOfType(event, type) ? handler(event) : undefined);
    return this.#subscribe([this.#channel(type)], name, narrowed);
  }

  onAny(name: string, handler: EventHandler): () => void {
    return this.#subscribe([...this.#channels.values()], name, handler);
  }

  /** Oldest first; the last DEAD_LETTERS_MAX of this run. */
  deadLetters(): readonly DeadLetter[] {
    return [...this.#deadLetters];
  }

  /** Waits until every handler has taken what is queued, or `deadlineMs` have passed. True when nothing was left. */
  async drain(deadlineMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), deadlineMs);
    });
    const done = this.#allIdle();
    const inTime = await Promise.race([done, late]);
    clearTimeout(timer);
    return inTime;
  }

  /** A handler may publish while it works, so one round is not enough; `drain` sets the end. */
  async #allIdle(): Promise<true> {
    while ([...this.#subscriptions].some((subscription) => !subscription.idle)) {
      await Promise.all([...this.#subscriptions].map((subscription) => subscription.whenIdle()));
    }
    return true;
  }

  #subscribe(channels: readonly Channel[], name: string, handler: EventHandler): () => void {
    const undelivered = (what: Undelivered): void => this.#bury(what);
    const subscription = new Subscription({ name, handler, random: this.#random, undelivered });
    this.#subscriptions.add(subscription);
    for (const channel of channels) channel.subscriptions = [...channel.subscriptions, subscription];
    return () => {
      subscription.close();
      this.#subscriptions.delete(subscription);
      for (const channel of channels) {
        channel.subscriptions = channel.subscriptions.filter((other) => other !== subscription);
      }
    };
  }

  #event<T extends EventType>(type: T, subject: string, data: EventMap[T]): AnyEvent {
    this.#sequence += 1;
    // A copy, frozen: handlers share it, and one of them must not change what the next one sees.
    const copy: EventMap[T] = { ...data };
    Object.freeze(copy);
    const event: PlatformEvent<T> = {
      specversion: '1.0',
      id: `${this.#idPrefix}-${this.#sequence.toString(36)}`,
      source: this.#source,
      type,
      subject,
      time: new Date(this.#clock.now()).toISOString(),
      datacontenttype: 'application/json',
      data: copy,
    };
    Object.freeze(event);
    assertPaired(event);
    return event;
  }

  #bury({ event, handler, attempts, error, listed }: Undelivered): void {
    this.#channel(event.type).deadLetters += 1;
    if (!listed) return;
    this.#logger.warn({ type: event.type, id: event.id, handler, attempts, error }, 'event to dead letters');
    if (this.#deadLetters.length === DEAD_LETTERS_MAX) this.#deadLetters.shift();
    this.#deadLetters.push({ event, handler, attempts, error, at: this.#clock.now() });
  }

  #channel(type: string): Channel {
    const channel = this.#channels.get(type);
    if (channel === undefined) throw problem('event.unknown_type', `"${type}" is not an event type`);
    return channel;
  }
}

const isOfType = <T extends EventType>(event: PlatformEvent, type: T): event is PlatformEvent<T> =>
  event.type === type;

/** Type and data come from one type parameter, so they fit; the compiler cannot see that through a union. */
function assertPaired(event: PlatformEvent): asserts event is AnyEvent {
  void event;
}

const newChannel = (): Channel => ({ published: 0, deadLetters: 0, subscriptions: [] });
