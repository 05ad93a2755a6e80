/** Looks at running tasks while anything is in flight, and names the one that is over its time. */
import type { Clock } from '../../base/clock.ts';
import { SCHEDULER_WATCH_MS } from '../../base/limits.ts';
import type { Flight, Flights } from './flights.ts';
import type { Culprit } from './recovery.ts';
import type { SharedState } from './shared-state.ts';
import { ownerOf, ownerOfWorker, phaseOf, TaskPhase } from './tag.ts';

interface WatchdogOptions {
  readonly state: SharedState;
  readonly flights: Flights;
  readonly clock: Clock;
  readonly overdue: (worker: number, culprit: Culprit) => void;
  /** At each look. */
  readonly looked: () => void;
}

/** A worker's step count, and since when it has been that. */
interface Sight {
  readonly steps: number;
  readonly sinceMs: number;
}

export class Watchdog {
  readonly #options: WatchdogOptions;
  readonly #sights: (Sight | undefined)[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: WatchdogOptions) {
    this.#options = options;
  }

  /** Something is in flight. Falls asleep by itself when nothing is. */
  wake(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.look();
      if (this.#options.flights.size > 0) this.wake();
      else this.#sights.length = 0;
    }, SCHEDULER_WATCH_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  look(): void {
    const { state, clock } = this.#options;
    const now = clock.monotonic();
    for (const [worker, cell] of state.workers.entries()) {
      const { steps } = cell;
      const seen = this.#sights[worker];
      if (!cell.isBusy) this.#sights[worker] = undefined;
      else if (seen?.steps !== steps) this.#sights[worker] = { steps, sinceMs: now };
      else this.#judge(worker, now - seen.sinceMs);
    }
    this.#options.looked();
  }

  #judge(worker: number, forMs: number): void {
    for (const flight of this.#options.flights.all()) {
      if (flight.timeoutMs > forMs) continue;
      const task = this.#taskOf(worker, flight);
      if (task === undefined) continue;
      this.#sights[worker] = undefined;
      const { batch, generation } = flight;
      this.#options.overdue(worker, { batch, generation, task });
      return;
    }
  }

  #taskOf(worker: number, { batch }: Flight): number | undefined {
    const { table } = this.#options.state;
    const owner = ownerOfWorker(worker);
    for (let task = 0; task < table.used(batch); task += 1) {
      const state = table.taskState(batch, task);
      if (phaseOf(state) === TaskPhase.running && ownerOf(state) === owner) return task;
    }
    return undefined;
  }
}
