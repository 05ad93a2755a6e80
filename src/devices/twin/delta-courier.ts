/**
 * Brings to each device what is left of its desired twin: when that changes, and each time it comes back, until it has
 * reported all of it. Owns who has something to do and who is there to hear it; it must not know how a twin changes.
 */
import { TWIN_RETRIES_PER_TICK_MAX, TWIN_RETRY_MS } from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import type { DeviceId } from '../../model/ids.ts';
import type { Listening, Messaging } from '../../model/ports/messaging.ts';
import type { DeviceLinks } from '../../model/ports/presence.ts';
import type { Registry } from '../../model/ports/registry.ts';
import { addresseeOf } from '../../model/topics.ts';
import { deltaOf, type StoredTwin } from './twin-record.ts';
import { desiredTopic } from './twin-topics.ts';

interface DeltaCourierOptions {
  readonly registry: Pick<Registry, 'get' | 'list'>;
  readonly messaging: Messaging;
  readonly links: DeviceLinks;
  readonly logger: Logger;
  /** As it is on disk. */
  readonly twin: (device: string) => StoredTwin;
}

/** Devices read from the registry at a time. */
const CHILDREN_PER_PAGE = 1_000;

export class DeltaCourier {
  readonly #options: DeltaCourierOptions;
  /** Those with a delta. */
  readonly #due = new Set<string>();
  readonly #connected = new Set<string>();
  /** The log did not take it. */
  readonly #retries = new Set<string>();
  #undo: (() => void)[] = [];

  constructor(options: DeltaCourierOptions) {
    this.#options = options;
    // For good: connections outlive a restart of this room in place.
    options.links.onLink((device, isConnected) => this.#linked(device, isConnected));
  }

  get size(): number {
    return this.#due.size;
  }

  start(due: Iterable<string>): void {
    const { messaging } = this.#options;
    this.#due.clear();
    for (const device of due) this.#due.add(device);
    const timer = setInterval(() => this.retry(), TWIN_RETRY_MS).unref();
    this.#undo = [
      () => clearInterval(timer),
      messaging.onSubscribed((listening) => this.#subscribed(listening)),
    ];
  }

  stop(): void {
    for (const undo of this.#undo.splice(0)) undo();
    this.#retries.clear();
  }

  /** A change of its twin is on disk; with `speaks` the device is to hear of it. */
  changed(device: string, twin: StoredTwin, speaks: boolean): void {
    if (deltaOf(twin) === undefined) {
      this.forget(device);
      return;
    }
    this.#due.add(device);
    if (speaks) this.#offer(device);
  }

  forget(device: string): void {
    this.#due.delete(device);
    this.#retries.delete(device);
  }

  retry(): void {
    for (const device of this.#retries.values().take(TWIN_RETRIES_PER_TICK_MAX)) {
      this.#retries.delete(device);
      this.#offer(device);
    }
  }

  #linked(device: DeviceId, isConnected: boolean): void {
    if (!isConnected) {
      this.#connected.delete(device);
      return;
    }
    this.#connected.add(device);
    if (this.#due.size === 0) return;
    // A session it comes back to has its subscriptions; a new one is told of when it has some.
    this.#offer(device);
    for (const child of this.#childrenDue(device)) this.#offer(child);
  }

  #subscribed({ device, hears }: Listening): void {
    if (this.#due.size === 0) return;
    if (hears(desiredTopic(device, device))) this.#offer(device);
    for (const child of this.#childrenDue(device)) if (hears(desiredTopic(child, device))) this.#offer(child);
  }

  *#childrenDue(gateway: string): Generator<string> {
    const { registry } = this.#options;
    let after: string | undefined;
    do {
      const page = registry.list({ parent: gateway, after, limit: CHILDREN_PER_PAGE });
      for (const { id } of page.devices) if (this.#due.has(id)) yield id;
      after = page.next;
    } while (after !== undefined);
  }

  /** Says what is left to be done, where somebody is there to hear it; else that is for when it comes. */
  #offer(id: string): void {
    const { registry, twin, messaging } = this.#options;
    const device = registry.get(id);
    if (device === undefined || !this.#due.has(id)) return;
    const addressee = addresseeOf(device, this.#connected.has(id));
    const stored = twin(id);
    const desired = deltaOf(stored);
    if (desired === undefined || !this.#connected.has(addressee)) return;
    const payload = JSON.stringify({ version: stored.desired.version, desired });
    messaging.publish({ topic: desiredTopic(id, addressee), payload, qos: 1 }).catch((cause: unknown) => {
      this.#options.logger.warn({ device: id, cause: String(cause) }, 'a twin could not be sent; again soon');
      this.#retries.add(id);
    });
  }
}
