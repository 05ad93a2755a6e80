import type { Clock } from '../../base/clock.ts';
import {
  RETENTION_BUDGET_INTERVAL_MS,
  RETENTION_CLOCK_LEAP_MAX_MS,
  RETENTION_FIRST_PASS_MS,
  RETENTION_LATE_INTERVAL_MS,
  RETENTION_PASS_INTERVAL_MS,
  RETENTION_REST_MIN_MS,
} from '../../base/limits.ts';
import { asSensoriumError } from '../../model/errors.ts';
import type { RetentionPreview, RetentionStatus } from '../../model/ports/retention.ts';
import { RETENTION_LEVELS } from '../../model/retention.ts';
import type { KnownDevices } from '../pipeline/known-devices.ts';
import type { SeriesDirectory } from '../series.ts';
import { Sleeper } from '../sleeper.ts';
import type { Cutoffs, RetentionRules, RetentionStore, Thinned } from '../store/retention-store.ts';
import { RetentionPolicy } from './policy.ts';
import type { RetentionReport, RetentionSettings } from './report.ts';

/**
 * Keeps history within its times and its budget: one small step after the other, with a rest between two, beside the
 * pipeline. What fails is told and tried again at the next pass; nothing waits for it.
 */

const DAY_MS = 86_400_000;

interface KeeperOptions {
  readonly store: RetentionStore;
  readonly settings: RetentionSettings;
  readonly known: KnownDevices;
  readonly series: () => SeriesDirectory | undefined;
  readonly clock: Clock;
  readonly tell: (report: RetentionReport) => void;
  /** For tests. */
  readonly restMinMs?: number | undefined;
}

export class Keeper {
  readonly #options: KeeperOptions;
  readonly #policy: RetentionPolicy;
  readonly #sleeper = new Sleeper();
  readonly #stop = new AbortController();
  #nextPass = 0;
  #nextLate = 0;
  #newest = 0;

  constructor(options: KeeperOptions) {
    const { settings, known, series } = options;
    this.#options = options;
    this.#policy = new RetentionPolicy({ defaults: settings.keep, known, series });
  }

  /** Runs until stopped. */
  async run(): Promise<void> {
    const { firstPassMs = RETENTION_FIRST_PASS_MS } = this.#options.settings;
    if (!this.#stop.signal.aborted) await this.#sleeper.sleep(firstPassMs);
    while (!this.#stop.signal.aborted) {
      await this.pass();
      await this.#sleeper.sleep(RETENTION_BUDGET_INTERVAL_MS);
    }
  }

  stop(): void {
    this.#stop.abort();
    this.#sleeper.wake();
  }

  /** One look at history: all of it when that is due, otherwise at its size. Never rejects. */
  async pass(): Promise<void> {
    const { store, clock, tell } = this.#options;
    const began = clock.monotonic();
    const thinned: Thinned[] = [];
    try {
      if (began >= this.#nextPass) await this.#all(began, thinned);
      const excess = await this.#keepBudget(thinned);
      await store.bury(this.#stop.signal);
      const { bytes, fits } = excess;
      const state = { bytes, fits, partitions: store.partitionCounts, damaged: store.damaged };
      tell({ thinned, outcome: { kind: 'done', state } });
    } catch (cause) {
      if (this.#stop.signal.aborted) return;
      const { code, message } = asSensoriumError(cause);
      // The store is being opened again: its own trouble is told by whom it befell.
      if (code === 'store.unavailable') return;
      tell({ thinned, outcome: { kind: 'failed', fault: { code, detail: message } } });
    }
  }

  async status(signal: AbortSignal): Promise<RetentionStatus> {
    const { store, settings } = this.#options;
    const { overrides } = await this.#policy.cutoffs(this.#now());
    const kept = RETENTION_LEVELS.filter((level) => Number.isFinite(settings.keep[level]));
    return {
      keep: Object.fromEntries(kept.map((level) => [level, settings.keep[level]])),
      partitionAfterMs: settings.partitionAfterMs,
      ...(settings.budgetBytes !== undefined && { budgetBytes: settings.budgetBytes }),
      overrides: overrides.size,
      ...(await store.survey(signal)),
    };
  }

  async preview(budgetBytes: number | undefined, signal: AbortSignal): Promise<RetentionPreview> {
    const { store, settings } = this.#options;
    const rules = await this.#rules();
    return store.preview({ ...rules, budgetBytes: budgetBytes ?? settings.budgetBytes }, signal);
  }

  async #all(began: number, thinned: Thinned[]): Promise<void> {
    const { store, settings } = this.#options;
    const { signal } = this.#stop;
    const late = began >= this.#nextLate;
    const cutoffs = await this.#cutoffs();
    this.#newest = await store.prepare(cutoffs, signal);
    // What time it is may follow from the newest reading, which was not known before.
    const known = await this.#cutoffs();
    if (known !== cutoffs) await store.prepare(known, signal);
    const moveBefore = startOfDay(this.#now() - settings.partitionAfterMs);
    for (const slice of await store.due({ moveBefore, late }, signal)) {
      await this.#step(thinned, () => store.move(slice, signal));
    }
    for (const partition of store.aged()) {
      await this.#step(thinned, () => store.expire(partition, signal));
    }
    while (await store.trimWindows(signal)) await this.#rest(0);
    for (const partitions of store.compactable()) {
      await this.#step(thinned, () => store.compact(partitions, signal));
    }
    this.#nextPass = began + RETENTION_PASS_INTERVAL_MS;
    if (late) this.#nextLate = began + RETENTION_LATE_INTERVAL_MS;
  }

  async #keepBudget(thinned: Thinned[]): Promise<Awaited<ReturnType<RetentionStore['excess']>>> {
    const { store } = this.#options;
    const { signal } = this.#stop;
    const rules = await this.#rules();
    const excess = await store.excess(rules, signal);
    for (const victim of excess.victims) {
      await this.#step(thinned, () => store.discard(victim, signal));
    }
    // The space of rows in the database counts as free from the next checkpoint on.
    if (excess.victims.some((victim) => !('id' in victim))) await store.reclaim(signal);
    return excess;
  }

  async #rules(): Promise<RetentionRules> {
    return {
      cutoffs: await this.#cutoffs(),
      budgetBytes: this.#options.settings.budgetBytes,
      keepFrom: startOfDay(this.#now() - DAY_MS),
    };
  }

  #cutoffs(): Promise<Cutoffs> {
    return this.#policy.cutoffs(this.#now());
  }

  /** A clock that was set years ahead must not empty history: time goes on with the readings. */
  #now(): number {
    const now = this.#options.clock.now();
    return this.#newest === 0 ? now : Math.min(now, this.#newest + RETENTION_CLOCK_LEAP_MAX_MS);
  }

  /** One step and a rest as long as it took: commits and queries get the other half of the time. */
  async #step(thinned: Thinned[], run: () => Promise<Thinned | void>): Promise<void> {
    const { clock } = this.#options;
    this.#stop.signal.throwIfAborted();
    const began = clock.monotonic();
    const gone = await run();
    if (gone) thinned.push(gone);
    await this.#rest(clock.monotonic() - began);
  }

  #rest(tookMs: number): Promise<void> {
    return this.#sleeper.sleep(Math.max(this.#options.restMinMs ?? RETENTION_REST_MIN_MS, tookMs));
  }
}

const startOfDay = (time: number): number => Math.floor(time / DAY_MS) * DAY_MS;
