/**
 * The life of one scanner: started, asked to look at its own pace, stopped when it throws or hangs, started again with
 * back-off. Its condition is told once when it changes, however often it fails. At most one call is on its way; what a
 * scanner says after it was given up is not heard.
 */
import { type BackoffOptions, backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import {
  DISCOVERY_BACKOFF_INITIAL_MS,
  DISCOVERY_BACKOFF_MAX_MS,
  DISCOVERY_SCAN_MAX_MS,
  DISCOVERY_SIGHTINGS_PER_SECOND,
  DISCOVERY_STOP_MAX_MS,
} from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import { RateBudget } from '../../base/rate-budget.ts';
import type { ScannerCondition, Sighting } from '../../model/discovery.ts';
import type { ScannerReport } from '../../model/ports/discovery.ts';
import { RUNNING, type Scanner, type SightingSink, unavailable } from './scanner.ts';

/** Where a scanner comes from: its code is loaded when it is first wanted. */
export interface ScannerSource {
  readonly name: string;
  readonly load: () => Promise<Scanner>;
}

interface ScannerRunOptions {
  readonly source: ScannerSource;
  readonly sink: SightingSink;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** A call on its way. */
interface Call {
  readonly what: 'start' | 'scan';
  readonly since: number;
  readonly abort: AbortController;
}

const BACKOFF: BackoffOptions = { initialMs: DISCOVERY_BACKOFF_INITIAL_MS, maxMs: DISCOVERY_BACKOFF_MAX_MS };

export class ScannerRun {
  readonly name: string;
  readonly #options: ScannerRunOptions;
  readonly #budget: RateBudget;
  #scanner: Scanner | undefined;
  #call: Call | undefined;
  #condition: ScannerCondition = { state: 'stopped' };
  /** Monotonic: when to start, or to look again. */
  #dueAt = 0;
  #failures = 0;
  #stopping: Promise<void> = Promise.resolve();
  #ended = false;
  sightings = 0;
  dropped = 0;

  constructor(options: ScannerRunOptions) {
    this.name = options.source.name;
    this.#options = options;
    this.#budget = new RateBudget({ perSecond: DISCOVERY_SIGHTINGS_PER_SECOND, clock: options.clock });
  }

  get condition(): ScannerCondition {
    return this.#condition;
  }

  report(): ScannerReport {
    const { name, sightings, dropped } = this;
    return { name, condition: this.#condition, paceMs: this.#scanner?.paceMs ?? 0, sightings, dropped };
  }

  /** Called each tick: begins what is due, gives up what takes too long. Never throws, never waits. */
  tick(): void {
    if (this.#ended) return;
    const now = this.#options.clock.monotonic();
    if (this.#call !== undefined) {
      if (now - this.#call.since > DISCOVERY_SCAN_MAX_MS) this.#giveUp(this.#call);
    } else if (now >= this.#dueAt) {
      this.#begin(now);
    }
  }

  /** Looks at the next tick, whatever its pace or back-off. */
  hasten(): void {
    this.#dueAt = 0;
  }

  async stop(): Promise<void> {
    this.#ended = true;
    this.#call?.abort.abort();
    this.#call = undefined;
    this.#release();
    this.#condition = { state: 'stopped' };
    await this.#stopping;
  }

  #begin(now: number): void {
    const scanner = this.#condition.state === 'running' ? this.#scanner : undefined;
    const call: Call = {
      what: scanner === undefined ? 'start' : 'scan',
      since: now,
      abort: new AbortController(),
    };
    this.#call = call;
    const work = scanner === undefined ? this.#start(call) : scanner.scan(call.abort.signal);
    work.then(
      (condition) => this.#settle(call, condition),
      (cause: unknown) => this.#settle(call, unavailable(messageOf(cause))),
    );
  }

  async #start(call: Call): Promise<ScannerCondition> {
    await this.#stopping;
    const scanner = await this.#options.source.load();
    if (this.#call !== call) return unavailable('given up');
    this.#scanner = scanner;
    // What comes after this scanner was given up is not heard.
    return await scanner.start((seen) => {
      if (this.#scanner === scanner) this.#take(seen);
    });
  }

  #take(seen: Sighting): void {
    if (!this.#budget.take()) {
      this.dropped += 1;
      return;
    }
    this.sightings += 1;
    this.#options.sink(seen);
  }

  #settle(call: Call, condition: ScannerCondition): void {
    if (this.#call !== call) return;
    this.#call = undefined;
    const now = this.#options.clock.monotonic();
    if (condition.state === 'running') {
      // A scanner that starts and then fails at each look has not recovered.
      if (call.what === 'scan') this.#failures = 0;
      this.#dueAt = call.what === 'start' ? now : now + (this.#scanner?.paceMs ?? 0);
    } else {
      this.#release();
      this.#dueAt = now + backoffMs(this.#failures, BACKOFF, this.#options.random);
      this.#failures += 1;
    }
    this.#tell(condition.state === 'running' ? RUNNING : condition);
  }

  #giveUp(call: Call): void {
    call.abort.abort();
    this.#settle(call, unavailable(`no answer to ${call.what} in ${DISCOVERY_SCAN_MAX_MS / 1_000} s`));
  }

  /** Stops the scanner; the next start waits for that, for a bounded time. */
  #release(): void {
    const scanner = this.#scanner;
    this.#scanner = undefined;
    if (scanner === undefined) return;
    this.#stopping = bounded(scanner.stop()).catch((cause: unknown) => {
      this.#options.logger.debug({ scanner: this.name, error: messageOf(cause) }, 'scanner did not stop');
    });
  }

  #tell(condition: ScannerCondition): void {
    const before = this.#condition;
    this.#condition = condition;
    if (before.state === condition.state && reasonOf(before) === reasonOf(condition)) return;
    const fields = { scanner: this.name, reason: reasonOf(condition) };
    if (condition.state === 'running') this.#options.logger.info({ scanner: this.name }, 'scanner runs');
    else this.#options.logger.info(fields, 'scanner unavailable; it is tried again');
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

const reasonOf = (condition: ScannerCondition): string | undefined =>
  condition.state === 'unavailable' ? condition.reason : undefined;

async function bounded(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('stop takes too long')), DISCOVERY_STOP_MAX_MS);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
