/**
 * What sessions need of the log's oldest part is copied out in time, and the log told what it may trim. Promises that a
 * queue neither loses messages to trimming, within its bounds, nor keeps the log from trimming.
 */
import {
  MQTT_QUEUES_MAX_MESSAGES,
  MQTT_RESCUE_SHARE,
  MQTT_RESCUES_PER_SWEEP_MAX,
} from '../../../base/limits.ts';
import type { Logger } from '../../../base/logger.ts';
import type { Offset } from '../../../model/packet.ts';
import type { Log } from '../../../model/ports/log.ts';
import type { Broker } from '../broker/broker.ts';
import type { Session } from './session.ts';

interface RescueOptions {
  readonly broker: Pick<Broker, 'kept' | 'record' | 'isFull'>;
  readonly log: Log;
  readonly logger: Logger;
  readonly sessions: () => Iterable<Session>;
  /** Everything below has been routed, as far as the disk knows. */
  readonly storedRouted: () => Offset;
  /** Stores how far that is now. */
  readonly checkpoint: () => Promise<void>;
}

const CONSUMER = 'mqtt';

export class Rescue {
  readonly #options: RescueOptions;
  #isRunning = false;

  constructor(options: RescueOptions) {
    this.#options = options;
  }

  /** Looks at every session, ~1 µs each. */
  async run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      await this.#run();
    } catch (cause) {
      this.#options.logger.error(
        { cause: String(cause) },
        'queued messages could not be copied out of the log',
      );
    } finally {
      this.#isRunning = false;
    }
  }

  async #run(): Promise<void> {
    const { broker, log, sessions, storedRouted, checkpoint } = this.#options;
    const { kept } = broker;
    const endangered = log.endangered(MQTT_RESCUE_SHARE);
    const wanted = new Set<Offset>();
    let oldest: Offset = Number.POSITIVE_INFINITY;
    let count = 0;
    let waiting = 0;
    let hasKept = false;
    for (const { outbound, wasKept } of sessions()) {
      count += 1;
      hasKept ||= wasKept;
      waiting += outbound.waiting;
      oldest = Math.min(oldest, outbound.oldest);
      if (outbound.oldest >= endangered) continue;
      for (const offset of outbound.offsetsBefore(endangered)) {
        if (wanted.size < MQTT_RESCUES_PER_SWEEP_MAX && !kept.has(offset)) wanted.add(offset);
      }
    }
    broker.isFull = waiting >= MQTT_QUEUES_MAX_MESSAGES;
    await kept.keep(wanted, (offset) => broker.record(offset));
    await kept.forgetBefore(oldest);
    // Sessions that only publish have nothing to store by themselves, and would hold the log for ever.
    if (hasKept && storedRouted() < endangered) await checkpoint();
    // Only kept sessions are routed to after a crash.
    const routed = hasKept ? storedRouted() : log.next;
    const isAllKept = wanted.size < MQTT_RESCUES_PER_SWEEP_MAX;
    const needed = isAllKept ? Math.max(oldest, endangered) : oldest;
    if (count === 0) log.release(CONSUMER);
    else log.hold(CONSUMER, Math.min(needed, routed, log.next));
  }
}
