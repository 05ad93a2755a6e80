/**
 * One bridge: connects, tries again with growing pauses, and says how it is. Promises that what stops it is told once as
 * an event when it lasts, and that trying never ends while it runs.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import {
  BRIDGE_AWAY_MS,
  BRIDGE_BACKOFF_INITIAL_MS,
  BRIDGE_BACKOFF_MAX_MS,
  BRIDGE_STABLE_MS,
} from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import type { EventPublisher } from '../../model/ports/events.ts';
import type { Meter } from '../../model/ports/meter.ts';
import type { StateStore } from '../../model/ports/state.ts';
import { BridgeRecord } from './bridge-record.ts';
import type { BridgeSettings } from './bridge-settings.ts';
import { type AcceptLink, Crossing } from './crossing.ts';
import { BRIDGE_DROPS, type BridgeDrop } from './lane.ts';
import { reasonOf } from './peer.ts';

export interface BridgeOptions {
  readonly settings: BridgeSettings;
  readonly accept: AcceptLink;
  readonly state: StateStore;
  readonly events: EventPublisher;
  readonly meter: Meter;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

export type BridgeState =
  | { readonly is: 'connecting' | 'connected' }
  | { readonly is: 'waiting'; readonly reason: string };

const BACKOFF = { initialMs: BRIDGE_BACKOFF_INITIAL_MS, maxMs: BRIDGE_BACKOFF_MAX_MS };

export class Bridge {
  readonly #options: BridgeOptions;
  readonly #record: BridgeRecord;
  readonly #counts = { in: 0, out: 0 };
  readonly #drops = new Map<BridgeDrop, number>();
  readonly #undo: (() => void)[] = [];
  #state: BridgeState = { is: 'connecting' };
  #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #crossing: Crossing | undefined;
  /** Why it is away, when that was told. */
  #degraded: string | undefined;
  #awaySince: number | undefined;
  /** The reason last logged. */
  #said = '';
  /** A 3.1.1 server that refuses the level with the bridge bit gets the plain one. */
  #saysBridge = true;

  constructor(options: BridgeOptions) {
    this.#options = options;
    this.#record = new BridgeRecord(options.state, options.settings.name);
  }

  get state(): BridgeState {
    return this.#state;
  }

  /** Set when it has been away for long. */
  get trouble(): string | undefined {
    return this.#degraded;
  }

  start(): void {
    const { meter, settings } = this.#options;
    const bridge = settings.name;
    const counts = this.#counts;
    this.#undo.push(
      meter.collect('iot_bridge_up', () => (this.#state.is === 'connected' ? 1 : 0), { bridge }),
      ...(['in', 'out'] as const).map((direction) =>
        meter.collect('iot_bridge_forwarded_total', () => counts[direction], { bridge, direction }),
      ),
      ...BRIDGE_DROPS.map((reason) =>
        meter.collect('iot_bridge_dropped_total', () => this.#drops.get(reason) ?? 0, { bridge, reason }),
      ),
    );
    this.#stopping = new AbortController();
    this.#running = this.#run(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#crossing?.close();
    await this.#running;
    for (const undo of this.#undo.splice(0)) undo();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, random, settings } = this.#options;
    this.#awaySince = clock.monotonic();
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      this.#state = { is: 'connecting' };
      const { reason, heldMs } = await this.#cross();
      if (signal.aborted) return;
      if (heldMs >= BRIDGE_STABLE_MS) attempt = 0;
      const isRefusedLevel = settings.version === 4 && this.#saysBridge && LEVEL_REFUSED.test(reason);
      this.#away(reason);
      if (isRefusedLevel) this.#saysBridge = false;
      else await this.#pause(backoffMs(attempt, BACKOFF, random), signal);
    }
  }

  /** Resolves when it is over, with the reason and how long it held. */
  async #cross(): Promise<{ readonly reason: string; readonly heldMs: number }> {
    const { settings, accept, clock } = this.#options;
    const crossing = new Crossing({
      settings,
      accept,
      clock,
      record: this.#record,
      saysBridge: this.#saysBridge,
      forwarded: (direction) => {
        this.#counts[direction] += 1;
      },
      dropped: (reason) => this.#drops.set(reason, (this.#drops.get(reason) ?? 0) + 1),
    });
    this.#crossing = crossing;
    let openedAt: number | undefined;
    try {
      await crossing.open();
      openedAt = clock.monotonic();
      this.#connected();
      return { reason: await crossing.ended, heldMs: clock.monotonic() - openedAt };
    } catch (cause) {
      return { reason: reasonOf(cause), heldMs: 0 };
    } finally {
      crossing.close();
    }
  }

  #connected(): void {
    const { logger, events, settings } = this.#options;
    this.#state = { is: 'connected' };
    this.#awaySince = undefined;
    logger.info({ bridge: settings.name }, 'bridge connected');
    if (this.#degraded !== undefined) {
      const part = `bridge ${settings.name}`;
      events.publish('system.recovered', part, { part });
    }
    this.#degraded = undefined;
  }

  #away(reason: string): void {
    const { logger, settings, clock } = this.#options;
    const before = this.#state;
    this.#state = { is: 'waiting', reason };
    this.#awaySince ??= clock.monotonic();
    if (before.is === 'connected' || this.#said !== reason)
      logger.warn({ bridge: settings.name, reason }, 'bridge waits');
    this.#said = reason;
    this.#judge(reason);
  }

  /** Told once as an event, and by health for as long as it lasts. */
  #judge(reason: string): void {
    const { events, settings, clock } = this.#options;
    const isLong = this.#awaySince !== undefined && clock.monotonic() - this.#awaySince > BRIDGE_AWAY_MS;
    if (!isLong || this.#degraded !== undefined) return;
    this.#degraded = reason;
    const part = `bridge ${settings.name}`;
    events.publish('system.degraded', part, { part, reason });
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    // Aborted by a stop: there is nothing to tell.
    await sleep(ms, undefined, { signal }).catch(() => undefined);
  }
}

/** CONNACK 1 [MQTT-3.1.2-2]. */
const LEVEL_REFUSED = /Unacceptable protocol version/;
