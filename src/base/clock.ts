/** Time as a dependency: rooms take a `Clock`, so that a failing run replays and a test never sleeps. */
export interface Clock {
  /** Wall time, milliseconds since the Unix epoch. May jump. */
  now(): number;
  /** Monotonic milliseconds from an arbitrary origin. Never jumps. */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

/** A clock that moves only when told to. */
export class ManualClock implements Clock {
  #wall: number;
  #elapsed = 0;

  constructor(startMs = 1_790_000_000_000) {
    this.#wall = startMs;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  advance(ms: number): void {
    this.#wall += ms;
    this.#elapsed += ms;
  }

  /** The wall jumps (NTP, a user); monotonic time does not notice. */
  jump(ms: number): void {
    this.#wall += ms;
  }
}
