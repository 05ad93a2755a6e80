import { BAD, BETWEEN, GOOD, type Hysteresis, type Level } from './hysteresis.ts';
import type { RateConfig } from './plan.ts';
import { type Explanation, type Observation, shown, type Watch } from './watch.ts';

/** Changes between two readings that are faster than plausible. */
export class RateWatch implements Watch {
  readonly detector = 'rate';
  readonly hysteresis: Hysteresis;
  readonly limits: RateConfig;

  constructor(hysteresis: Hysteresis, config: RateConfig) {
    this.hysteresis = hysteresis;
    this.limits = config;
  }

  makeRoom(rows: number): void {
    this.hysteresis.makeRoom(rows);
  }

  forget(): void {}

  level(_row: number, now: Observation): Level {
    if (now.lastTs === 0) return BETWEEN;
    const rate = rateOf(now);
    if (rate > this.limits.perSecond) return BAD;
    return rate <= this.limits.perSecond - this.limits.margin ? GOOD : BETWEEN;
  }

  explain(_row: number, now: Observation): Explanation {
    const { perSecond: threshold } = this.limits;
    const rate = rateOf(now);
    return {
      threshold,
      evidence: { ratePerSecond: rate, previous: now.lastValue, elapsedMs: now.ts - now.lastTs },
      message: `changed by ${shown(rate)} per second, at most ${shown(threshold)} is plausible`,
    };
  }
}

const rateOf = ({ ts, value, lastTs, lastValue }: Observation): number =>
  (Math.abs(value - lastValue) * 1_000) / (ts - lastTs);
