import { LIVE_SUBSCRIBERS_MAX } from '../base/limits.ts';
import { problem } from '../model/errors.ts';
import type { LiveFeed } from '../model/ports/history.ts';
import type { Reading } from '../model/reading.ts';
import type { WatchList } from './protocol.ts';

type Listener = (readings: readonly Reading[], dropped: number) => void;

/** Who watches what. The worker sends readings only while somebody does, and only theirs. */
export class LiveHub implements LiveFeed {
  readonly #watchers = new Map<Listener, string | undefined>();
  readonly #changed: (list: WatchList) => void;

  constructor(changed: (list: WatchList) => void) {
    this.#changed = changed;
  }

  /** Throws 'query.busy' beyond LIVE_SUBSCRIBERS_MAX. */
  watch(filter: { readonly device?: string | undefined }, listener: Listener): () => void {
    if (this.#watchers.size >= LIVE_SUBSCRIBERS_MAX) {
      throw problem('query.busy', `${LIVE_SUBSCRIBERS_MAX} others watch already`);
    }
    // A function of its own, so that one listener may watch twice.
    const watcher: Listener = (readings, dropped) => listener(readings, dropped);
    this.#watchers.set(watcher, filter.device);
    this.#changed(this.list);
    return () => {
      if (this.#watchers.delete(watcher)) this.#changed(this.list);
    };
  }

  get list(): WatchList {
    const devices = new Set<string>();
    for (const device of this.#watchers.values()) {
      if (device === undefined) return 'all';
      devices.add(device);
    }
    return [...devices];
  }

  publish(readings: readonly Reading[], dropped: number): void {
    if (readings.length === 0 && dropped === 0) return;
    for (const [watcher, device] of this.#watchers) {
      const own = device === undefined ? readings : readings.filter((reading) => reading.device === device);
      if (own.length > 0 || dropped > 0) watcher(own, dropped);
    }
  }
}
