/**
 * Runs the managers side by side. One that fails is stopped and started again with back-off while the others go
 * on; one that fails too often within the window brings the system to an end, with its cause. The supervisor
 * knows managers only by `Manager`; what they do is not its business.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import type { Health, Manager } from '../base/lifecycle.ts';
import {
  MANAGER_BACKOFF_INITIAL_MS,
  MANAGER_BACKOFF_MAX_MS,
  MANAGER_RESTART_WINDOW_MS,
  MANAGER_RESTARTS_MAX,
} from '../base/limits.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { problem, type SensoriumError } from '../model/errors.ts';
import type { EventPublisher } from '../model/ports/events.ts';
import type { Meter } from '../model/ports/meter.ts';

interface SupervisorOptions {
  /** Groups start one after the other and stop in reverse; managers of a group start and stop together. */
  readonly groups: readonly (readonly Manager[])[];
  readonly events: EventPublisher;
  readonly meter: Meter;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  /** Waits between attempts; a test passes one that does not. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** A manager failed for good. */
  readonly onFatal: (cause: SensoriumError) => void;
}

interface Ward {
  readonly manager: Manager;
  state: 'stopped' | 'running' | 'restarting' | 'failed';
  /** Monotonic times of the restarts within the window. */
  restarts: number[];
  cause: string;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #groups: readonly (readonly Ward[])[];
  readonly #restarting = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  readonly #wait: (ms: number, signal: AbortSignal) => Promise<void>;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#wait = options.wait ?? (async (ms, signal) => await sleep(ms, undefined, { signal }));
    this.#groups = options.groups.map((group) =>
      group.map((manager) => ({ manager, state: 'stopped', restarts: [], cause: '' })),
    );
    for (const ward of this.#groups.flat()) {
      ward.manager.onFailure((cause) => this.#failed(ward, cause));
      options.meter.collect('iot_manager_up', () => (ward.state === 'running' ? 1 : 0), {
        manager: ward.manager.name,
      });
    }
  }

  /** Resolves when every manager runs; the first that cannot start at all undoes the others and rejects. */
  async start(): Promise<void> {
    for (const group of this.#groups) {
      const results = await Promise.allSettled(group.map(async (ward) => await this.#startWard(ward)));
      const refused = results.find((result) => result.status === 'rejected');
      if (refused !== undefined) {
        await this.stop();
        throw refused.reason;
      }
    }
  }

  /** Stops accepting first, storing last: groups in reverse. Never rejects. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#restarting);
    for (const group of this.#groups.toReversed()) {
      await Promise.all(group.map(async (ward) => await this.#stopWard(ward)));
    }
  }

  health(): { readonly ready: boolean; readonly managers: Readonly<Record<string, Health>> } {
    const wards = this.#groups.flat();
    const managers = Object.fromEntries(wards.map((ward) => [ward.manager.name, healthOf(ward)]));
    return { ready: Object.values(managers).every((health) => health.status !== 'down'), managers };
  }

  async #startWard(ward: Ward): Promise<void> {
    await ward.manager.start();
    ward.state = 'running';
  }

  async #stopWard(ward: Ward): Promise<void> {
    ward.state = 'stopped';
    try {
      await ward.manager.stop();
    } catch (cause) {
      this.#options.logger.error(
        { manager: ward.manager.name, cause: String(cause) },
        'manager did not stop cleanly',
      );
    }
  }

  #failed(ward: Ward, cause: Error): void {
    if (ward.state !== 'running' || this.#stopping.signal.aborted) return;
    const restart = this.#restart(ward, cause);
    this.#restarting.add(restart);
    void restart.finally(() => this.#restarting.delete(restart));
  }

  /** Tries until the manager runs again, the bound is reached, or the system stops. */
  async #restart(ward: Ward, first: Error): Promise<void> {
    const { name } = ward.manager;
    const { events, logger, meter, random } = this.#options;
    let cause = first;
    ward.state = 'restarting';
    events.publish('system.degraded', name, { part: name, reason: cause.message });
    while (!this.#stopping.signal.aborted) {
      ward.cause = cause.message;
      if (!this.#mayRestart(ward)) {
        ward.state = 'failed';
        const times = `${MANAGER_RESTARTS_MAX} restarts within ${MANAGER_RESTART_WINDOW_MS / 1_000} s`;
        this.#options.onFatal(
          problem('manager.failed', `${name} failed after ${times}: ${cause.message}`, { cause }),
        );
        return;
      }
      const attempt = ward.restarts.length - 1;
      const delayMs = backoffMs(
        attempt,
        { initialMs: MANAGER_BACKOFF_INITIAL_MS, maxMs: MANAGER_BACKOFF_MAX_MS },
        random,
      );
      logger.error(
        { manager: name, cause: cause.message, delayMs: Math.round(delayMs) },
        'manager failed; restarting',
      );
      meter.add('iot_manager_restarts_total', 1, { manager: name });
      try {
        await ward.manager.stop();
        await this.#wait(delayMs, this.#stopping.signal);
        await this.#startWard(ward);
        logger.info({ manager: name }, 'manager runs again');
        events.publish('system.recovered', name, { part: name });
        return;
      } catch (next) {
        cause = next instanceof Error ? next : new Error(String(next));
      }
    }
  }

  #mayRestart(ward: Ward): boolean {
    const now = this.#options.clock.monotonic();
    ward.restarts = ward.restarts.filter((at) => now - at < MANAGER_RESTART_WINDOW_MS);
    if (ward.restarts.length >= MANAGER_RESTARTS_MAX) return false;
    ward.restarts.push(now);
    return true;
  }
}

function healthOf(ward: Ward): Health {
  if (ward.state === 'running') return ward.manager.health();
  const reason = ward.state === 'stopped' ? 'not started' : `${ward.state}: ${ward.cause}`;
  return { status: 'down', reasons: [reason] };
}
