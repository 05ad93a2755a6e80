/**
 * Transitions as events. Promises that the last event of a device says what it is, and that one that flaps is told of
 * now and then, with the number of transitions in between. It must not know why a state is what it is.
 */
import {
  PRESENCE_DUE_PER_TICK_MAX,
  PRESENCE_FLAP_WINDOW_MS,
  PRESENCE_FLAPS_MAX,
  PRESENCE_HELD_MAX_MS,
  PRESENCE_QUIET_MS,
} from '../../base/limits.ts';
import type { EventPublisher } from '../../model/ports/events.ts';
import type { TellingWindow, Track } from './track.ts';

export class PresenceAnnouncer {
  readonly counts = { told: 0, held: 0 };
  readonly #events: EventPublisher;
  /** Devices with a window of which nothing is held back, in the order those began. */
  readonly #calm = new Set<Track>();
  /** Those of which something is, in the order of their last transition. */
  readonly #flapping = new Set<Track>();

  constructor(events: EventPublisher) {
    this.#events = events;
  }

  /** There was a transition; `now` is monotonic. */
  moved(track: Track, now: number): void {
    const isSame = track.toldState === track.state && track.toldLinked === track.isLinked;
    if (track.held === 0 && isSame) return;
    const window = this.#windowOf(track, now);
    if (window.held === 0 && window.told < PRESENCE_FLAPS_MAX) {
      window.told += 1;
      this.#tell(track, 0);
      return;
    }
    if (window.held === 0) window.heldAt = now;
    window.held += 1;
    this.counts.held += 1;
    window.changedAt = now;
    this.#calm.delete(track);
    this.#flapping.delete(track);
    this.#flapping.add(track);
    // It goes on, and is held back again after this one.
    if (now - window.heldAt >= PRESENCE_HELD_MAX_MS) this.#release(track, now, PRESENCE_FLAPS_MAX);
  }

  /** Tells of those that have become quiet, `atMost` of them, and forgets windows that are over. */
  settle(now: number, atMost: number): void {
    for (const track of this.#calm.values().take(PRESENCE_DUE_PER_TICK_MAX)) {
      if (track.window !== undefined && now - track.window.since < PRESENCE_FLAP_WINDOW_MS) break;
      track.window = undefined;
      this.#calm.delete(track);
    }
    for (const track of this.#flapping.values().take(atMost)) {
      if (now - (track.window?.changedAt ?? 0) < PRESENCE_QUIET_MS) return;
      this.#release(track, now, 1);
    }
  }

  forget(track: Track): void {
    this.#calm.delete(track);
    this.#flapping.delete(track);
  }

  #windowOf(track: Track, now: number): TellingWindow {
    const { window } = track;
    const isOpen = window !== undefined && (window.held > 0 || now - window.since < PRESENCE_FLAP_WINDOW_MS);
    return isOpen ? window : this.#begin(track, now, 0);
  }

  #begin(track: Track, now: number, told: number): TellingWindow {
    const window = { since: now, told, held: 0, heldAt: 0, changedAt: 0 };
    track.window = window;
    this.#calm.delete(track);
    this.#calm.add(track);
    return window;
  }

  #release(track: Track, now: number, told: number): void {
    const { held } = track;
    this.#flapping.delete(track);
    this.#begin(track, now, told);
    this.#tell(track, held);
  }

  #tell(track: Track, held: number): void {
    const { device, state, reason, isLinked, toldState: previous, toldLinked } = track;
    const { address = '', transport = '' } = track;
    track.toldState = state;
    track.toldLinked = isLinked;
    this.counts.told += 1;
    if (isLinked && !toldLinked) {
      this.#events.publish('device.connected', device, { device, transport, address });
    } else if (toldLinked && !isLinked) {
      const ended = track.ended ?? 'network';
      this.#events.publish('device.disconnected', device, { device, reason: ended, address });
    }
    this.#events.publish('device.presence', device, { device, state, reason, previous, held });
    if (state !== 'overdue' || previous === 'overdue') return;
    const { everyMs, lastDataAt } = track;
    this.#events.publish('device.overdue', device, { device, everyMs, lastDataAt });
  }
}
