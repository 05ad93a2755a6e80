import { backoffMs } from '../base/backoff.ts';
import { BoundedQueue } from '../base/bounded-queue.ts';
import {
  EVENT_HANDLER_QUEUE_MAX,
  EVENT_HANDLER_RETRIES,
  EVENT_HANDLER_TIMEOUT_MS,
  EVENT_HANDLER_TURN_MAX,
  EVENT_RETRY_INITIAL_MS,
  EVENT_RETRY_MAX_MS,
} from '../base/limits.ts';
import type { Random } from '../base/random.ts';
import type { AnyEvent } from '../model/events.ts';

export type EventHandler = (event: AnyEvent) => void | Promise<void>;

/** What became of an event this handler could not take. `attempts` 0: it never got into the queue. */
export interface Undelivered {
  readonly event: AnyEvent;
  readonly handler: string;
  readonly attempts: number;
  readonly error: string;
  /** False for the later ones of a burst that overflows the queue: counted, not listed. */
  readonly listed: boolean;
}

interface SubscriptionOptions {
  readonly name: string;
  readonly handler: EventHandler;
  readonly random: Random;
  readonly undelivered: (what: Undelivered) => void;
}

/**
 * One handler and the events that wait for it. Owns order, retries and the time limit of this handler, so that a
 * slow or throwing one costs its own queue and nothing else. Knows nothing of other handlers or of the bus.
 */
export class Subscription {
  readonly #name: string;
  readonly #handler: EventHandler;
  readonly #random: Random;
  readonly #undelivered: (what: Undelivered) => void;
  readonly #queue = new BoundedQueue<AnyEvent>(EVENT_HANDLER_QUEUE_MAX);
  #running = false;
  #closed = false;
  #overflowing = false;
  #idleWaiters: (() => void)[] = [];

  constructor(options: SubscriptionOptions) {
    this.#name = options.name;
    this.#handler = options.handler;
    this.#random = options.random;
    this.#undelivered = options.undelivered;
  }

  get idle(): boolean {
    return !this.#running;
  }

  push(event: AnyEvent): void {
    if (this.#closed) return;
    if (!this.#queue.push(event)) {
      const error = `queue of ${EVENT_HANDLER_QUEUE_MAX} events is full`;
      this.#undelivered({ event, handler: this.#name, attempts: 0, error, listed: !this.#overflowing });
      this.#overflowing = true;
      return;
    }
    this.#overflowing = false;
    if (this.#running) return;
    this.#running = true;
    // Not a microtask: the publisher's I/O turn ends before any handler runs.
    setImmediate(() => void this.#run());
  }

  /** Resolves when nothing waits or runs. */
  whenIdle(): Promise<void> {
    if (!this.#running) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  close(): void {
    this.#closed = true;
    this.#queue.clear();
  }

  async #run(): Promise<void> {
    let turn = 0;
    for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) {
      const pending = this.#tryOnce(event);
      if (pending !== undefined) await this.#finish(event, pending);
      turn += 1;
      if (turn % EVENT_HANDLER_TURN_MAX === 0) await nextTurn();
    }
    this.#running = false;
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const resolve of waiters) resolve();
  }

  /** Undefined when a synchronous handler is done: no promise and no timer for the common case. */
  #tryOnce(event: AnyEvent): Promise<void> | undefined {
    try {
      const answer = this.#handler(event);
      return answer instanceof Promise ? within(EVENT_HANDLER_TIMEOUT_MS, answer) : undefined;
    } catch (cause) {
      return Promise.reject(asError(cause));
    }
  }

  async #finish(event: AnyEvent, first: Promise<void>): Promise<void> {
    let pending: Promise<void> | undefined = first;
    for (let attempts = 1; ; attempts += 1) {
      try {
        await pending;
        return;
      } catch (cause) {
        if (this.#closed) return;
        if (attempts > EVENT_HANDLER_RETRIES) {
          const error = asError(cause).message;
          this.#undelivered({ event, handler: this.#name, attempts, error, listed: true });
          return;
        }
        const retry = { initialMs: EVENT_RETRY_INITIAL_MS, maxMs: EVENT_RETRY_MAX_MS };
        await sleep(backoffMs(attempts - 1, retry, this.#random));
        if (this.#closed) return;
        pending = this.#tryOnce(event);
      }
    }
  }
}

function within(timeoutMs: number, work: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    timer.unref();
    work.then(resolve, (cause: unknown) => reject(asError(cause))).finally(() => clearTimeout(timer));
  });
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Unreferenced: a retry that waits does not keep a stopped process alive. */
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());

const asError = (cause: unknown): Error => (cause instanceof Error ? cause : new Error(String(cause)));
