/** Whether a link is read: it is not while there is any reason against it. Owns the reasons and the throttle's timer. */
import { clearTimeout, setTimeout } from 'node:timers';
import type { Link } from '../transport/link.ts';

/** One bit each. */
export const PAUSE = { authenticating: 1, crowded: 2, congested: 4, stopping: 8, throttled: 16 } as const;
type Pause = (typeof PAUSE)[keyof typeof PAUSE];

/** We ask the client to wait: its silence is our doing. */
const OURS = PAUSE.congested | PAUSE.stopping | PAUSE.throttled;

export class Reading {
  readonly #link: Link;
  readonly #onResume: () => void;
  #reasons = 0;
  #timer: NodeJS.Timeout | undefined;
  #isEnded = false;
  #isCongested = false;
  #isSource = false;

  constructor(link: Link, onResume: () => void) {
    this.#link = link;
    this.#onResume = onResume;
  }

  /** The client cannot be blamed for silence. */
  get isHeldByUs(): boolean {
    return (this.#reasons & OURS) !== 0;
  }

  /** The log is behind. Who only takes messages is read on: without its acknowledgements it would get none. */
  congest(isCongested: boolean): void {
    this.#isCongested = isCongested;
    if (isCongested && this.#isSource) this.pause(PAUSE.congested);
    else this.resume(PAUSE.congested);
  }

  /** It has sent a message: from now on it waits while the log is behind. */
  publishes(): void {
    if (this.#isSource) return;
    this.#isSource = true;
    if (this.#isCongested) this.pause(PAUSE.congested);
  }

  pause(reason: Pause): void {
    if (this.#isEnded) return;
    if (this.#reasons === 0) this.#link.pause();
    this.#reasons |= reason;
  }

  resume(reason: Pause): void {
    if ((this.#reasons & reason) === 0) return;
    this.#reasons &= ~reason;
    if (this.#reasons !== 0) return;
    this.#onResume();
    this.#link.resume();
  }

  /** The client sends faster than one may: it is read again after a while. */
  rest(milliseconds: number): void {
    this.pause(PAUSE.throttled);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.resume(PAUSE.throttled), milliseconds).unref();
  }

  /** Reads on and throws away: closing on unread bytes would reset the connection, and our last words with it. */
  end(): void {
    this.#isEnded = true;
    clearTimeout(this.#timer);
    this.#reasons = 0;
    this.#link.resume();
  }
}
