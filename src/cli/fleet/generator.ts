import { type Random, seededRandom } from '../../base/random.ts';
import { DiurnalModel } from './diurnal-model.ts';
import { malform } from './malformed.ts';

/** Shares of all messages, 0..1 each. */
export interface FaultShares {
  readonly late: number;
  readonly duplicate: number;
  readonly malformed: number;
}

export type MessageKind = 'regular' | 'late' | 'duplicate' | 'malformed';

export interface SimulatedMessage {
  readonly kind: MessageKind;
  readonly payload: string;
}

export const READINGS_PER_MESSAGE = 4;
const LATE_MIN_MS = 1_000;
const LATE_MAX_MS = 3_600_000;

export interface SimulatedDeviceOptions extends FaultShares {
  readonly seed: number;
  readonly index: number;
}

/**
 * What one simulated device sends: a pure function of seed, index and the times it is asked at. Faults come in
 * their shares: late (a time in the past), duplicate (the message before once more, byte for byte), malformed
 * (refused as a whole by any server that checks).
 */
export class SimulatedDevice {
  readonly #shares: FaultShares;
  readonly #random: Random;
  readonly #model: DiurnalModel;
  #lastTs = 0;
  #previous: string | undefined;

  constructor(options: SimulatedDeviceOptions) {
    this.#shares = options;
    this.#random = seededRandom(mix(options.seed, options.index));
    this.#model = new DiurnalModel(this.#random);
  }

  next(nowMs: number): SimulatedMessage {
    const { malformed, duplicate, late } = this.#shares;
    const roll = this.#random.next();
    if (roll < malformed)
      return { kind: 'malformed', payload: malform(this.#regular(nowMs), nowMs, this.#random) };
    if (roll < malformed + duplicate && this.#previous !== undefined) {
      return { kind: 'duplicate', payload: this.#previous };
    }
    if (roll >= malformed + duplicate && roll < malformed + duplicate + late) {
      const ts = Math.floor(nowMs - LATE_MIN_MS - this.#random.next() * (LATE_MAX_MS - LATE_MIN_MS));
      this.#previous = this.#message(ts);
      return { kind: 'late', payload: this.#previous };
    }
    this.#previous = this.#regular(nowMs);
    return { kind: 'regular', payload: this.#previous };
  }

  /** No two regular messages of a device have the same time. */
  #regular(nowMs: number): string {
    this.#lastTs = Math.max(this.#lastTs + 1, Math.floor(nowMs));
    return this.#message(this.#lastTs);
  }

  #message(ts: number): string {
    const { temperature, humidity, battery, co2 } = this.#model.sample(ts);
    return `{"ts":${ts},"values":{"temperature":${temperature},"humidity":${humidity},"battery":${battery},"co2":${co2}}}`;
  }
}

/** Neighbouring seeds and indexes must not give neighbouring streams (murmur3 finalizer). */
export function mix(seed: number, index: number): number {
  let h = (seed ^ Math.imul(index + 1, 0x9e3779b1)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b) >>> 0;
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35) >>> 0;
  return (h ^ (h >>> 16)) >>> 0;
}
