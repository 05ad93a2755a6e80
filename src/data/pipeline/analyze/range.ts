import { BAD, BETWEEN, GOOD, type Hysteresis, type Level } from './hysteresis.ts';
import type { RangeConfig } from './plan.ts';
import { type Explanation, type Observation, shown, type Watch } from './watch.ts';

/** Values beyond the warn limits of the profile. */
export class RangeWatch implements Watch {
  readonly detector = 'range';
  readonly hysteresis: Hysteresis;
  readonly limits: RangeConfig;

  constructor(hysteresis: Hysteresis, config: RangeConfig) {
    this.hysteresis = hysteresis;
    this.limits = config;
  }

  makeRoom(rows: number): void {
    this.hysteresis.makeRoom(rows);
  }

  forget(): void {}

  level(_row: number, { value }: Observation): Level {
    const { low, high, margin } = this.limits;
    if (value < low || value > high) return BAD;
    return value >= low + margin && value <= high - margin ? GOOD : BETWEEN;
  }

  explain(_row: number, { value }: Observation): Explanation {
    const { low, high } = this.limits;
    const evidence = {
      ...(Number.isFinite(low) ? { low } : {}),
      ...(Number.isFinite(high) ? { high } : {}),
    };
    if (value < low) return { threshold: low, evidence, message: `${shown(value)} is below ${shown(low)}` };
    if (value > high)
      return { threshold: high, evidence, message: `${shown(value)} is above ${shown(high)}` };
    const threshold = value - low < high - value ? low : high;
    return { threshold, evidence, message: `${shown(value)} is within the limits again` };
  }
}
