/** Fetches descriptions for the SSDP scanner: each once an hour, few at a time, a bounded number waiting. */
import type { Clock } from '../../../base/clock.ts';
import {
  DESCRIPTION_CACHE_MAX,
  DESCRIPTION_FETCHES_MAX,
  DESCRIPTION_FRESH_MS,
  DESCRIPTION_QUEUE_MAX,
} from '../../../base/limits.ts';
import type { Logger } from '../../../base/logger.ts';
import { type DeviceDescription, fetchDescription } from './device-description.ts';

interface Entry {
  readonly at: number;
  /** Undefined while it is fetched, or where it is refused. */
  readonly description: DeviceDescription | undefined;
}

interface Request {
  readonly location: string;
  readonly announcer: string;
  readonly take: (description: DeviceDescription) => void;
}

export class DescriptionDesk {
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** By announcer and location; the oldest first. */
  readonly #entries = new Map<string, Entry>();
  readonly #waiting: Request[] = [];
  #abort = new AbortController();
  #active = 0;

  constructor({ clock, logger }: { readonly clock: Clock; readonly logger: Logger }) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** The description if it is known; otherwise undefined, and `take` hears of it later, if it can be had. */
  ask(request: Request): DeviceDescription | undefined {
    const key = keyOf(request);
    const entry = this.#entries.get(key);
    if (entry !== undefined && this.#clock.monotonic() - entry.at < DESCRIPTION_FRESH_MS)
      return entry.description;
    if (this.#waiting.length >= DESCRIPTION_QUEUE_MAX) return entry?.description;
    this.#remember(key, entry?.description);
    this.#waiting.push(request);
    this.#next();
    return entry?.description;
  }

  /** Nothing is taken after this. */
  stop(): void {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#waiting.length = 0;
    this.#entries.clear();
  }

  #next(): void {
    while (this.#active < DESCRIPTION_FETCHES_MAX) {
      const request = this.#waiting.shift();
      if (request === undefined) return;
      this.#active += 1;
      void this.#fetch(request).finally(() => {
        this.#active -= 1;
        this.#next();
      });
    }
  }

  async #fetch(request: Request): Promise<void> {
    const { signal } = this.#abort;
    const description = await fetchDescription(request.location, request.announcer, signal);
    if (signal.aborted) return;
    if (description.ok) {
      this.#remember(keyOf(request), description.value);
      request.take(description.value);
      return;
    }
    const { code, message } = description.error;
    this.#logger.info({ code, from: request.announcer, reason: message }, 'device description refused');
  }

  #remember(key: string, description: DeviceDescription | undefined): void {
    this.#entries.delete(key);
    this.#entries.set(key, { at: this.#clock.monotonic(), description });
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= DESCRIPTION_CACHE_MAX) return;
      this.#entries.delete(oldest);
    }
  }
}

const keyOf = ({ announcer, location }: Request): string => `${announcer} ${location}`;
