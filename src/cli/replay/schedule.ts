/** When each row is due, and what time it carries. Pure: time comes in as numbers. */
export interface ScheduleOptions {
  /** Times of the file, milliseconds since the epoch. */
  readonly firstTs: number;
  readonly lastTs: number;
  /** 1 = original spacing, Infinity = no waiting. */
  readonly speed: number;
  readonly shiftToNow: boolean;
  /** Wall clock when playing begins. */
  readonly startMs: number;
}

export class Schedule {
  readonly #speed: number;
  readonly #shiftMs: number;
  readonly #base: number;
  /** Length of the whole play, milliseconds. */
  readonly durationMs: number;

  constructor(options: ScheduleOptions) {
    const span = Math.max(0, options.lastTs - options.firstTs);
    this.#speed = options.speed;
    this.#base = options.firstTs;
    this.durationMs = Number.isFinite(options.speed) ? span / options.speed : 0;
    // The last reading falls on the moment it is sent, so that no reading is ever of the future.
    this.#shiftMs = options.shiftToNow ? Math.floor(options.startMs + this.durationMs - options.lastTs) : 0;
  }

  /** Milliseconds after the start. A row that lies before the first one (unsorted file) is due at once. */
  dueMs(ts: number): number {
    return Number.isFinite(this.#speed) ? Math.max(0, ts - this.#base) / this.#speed : 0;
  }

  /** The time the reading is sent with. */
  sentTs(ts: number): number {
    return ts + this.#shiftMs;
  }
}
