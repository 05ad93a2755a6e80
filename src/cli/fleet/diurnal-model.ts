import type { Random } from '../../base/random.ts';

interface Sample {
  /** °C */
  readonly temperature: number;
  /** % relative */
  readonly humidity: number;
  /** % of charge */
  readonly battery: number;
  /** ppm */
  readonly co2: number;
}

const DAY_MS = 86_400_000;
/** The warmest hour of a room is about three in the afternoon. */
const WARMEST_MS = 15 * 3_600_000;

/** A room over the days: a daily curve, a slow drift of its own, noise, and a battery that runs down. */
export class DiurnalModel {
  readonly #random: Random;
  readonly #mean: number;
  readonly #swing: number;
  readonly #phaseMs: number;
  readonly #driftPerDay: number;
  readonly #driftPeriodDays: number;
  readonly #humidityMean: number;
  readonly #drainPerDay: number;
  readonly #chargeOffset: number;
  readonly #people: number;

  constructor(random: Random) {
    const between = (low: number, high: number): number => low + (high - low) * random.next();
    this.#random = random;
    this.#mean = between(16, 24);
    this.#swing = between(1.5, 6);
    this.#phaseMs = WARMEST_MS + between(-2, 2) * 3_600_000;
    this.#driftPerDay = between(-0.05, 0.05);
    this.#driftPeriodDays = between(20, 60);
    this.#humidityMean = between(35, 60);
    this.#drainPerDay = between(0.3, 2);
    this.#chargeOffset = between(0, 95);
    this.#people = between(100, 900);
  }

  sample(ts: number): Sample {
    const days = ts / DAY_MS;
    const curve = Math.cos(((ts - this.#phaseMs) / DAY_MS) * 2 * Math.PI);
    // A sensor drifts until somebody calibrates it.
    const drift = this.#driftPerDay * (days % this.#driftPeriodDays);
    const warmth = this.#swing * curve;
    const awake = Math.max(0, curve);
    return {
      temperature: round(this.#mean + warmth + drift + this.#noise(0.15), 2),
      humidity: round(clamp(this.#humidityMean - warmth * 1.8 + this.#noise(0.8), 5, 98), 1),
      // Replaced when it is down to 5%.
      battery: round(100 - ((days * this.#drainPerDay + this.#chargeOffset) % 95), 1),
      co2: Math.round(clamp(420 + this.#people * awake * awake + this.#noise(12), 400, 5_000)),
    };
  }

  /** Nearly normal: three uniform draws, standard deviation `spread`. */
  #noise(spread: number): number {
    return (this.#random.next() + this.#random.next() + this.#random.next() - 1.5) * 2 * spread;
  }
}

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

function round(value: number, digits: number): number {
  const factor = 10 ** digits;
  return Math.round(value * factor) / factor;
}
