import { type Change, GOOD, type Hysteresis } from './hysteresis.ts';
import type { MissingConfig } from './plan.ts';
import { type Explanation, shown } from './watch.ts';

/** Silence: what no reading can tell. It is asked for by the clock, and ended by readings. */
export class MissingWatch {
  readonly detector = 'missing';
  readonly hysteresis: Hysteresis;
  readonly limits: MissingConfig;

  constructor(hysteresis: Hysteresis, config: MissingConfig) {
    this.hysteresis = hysteresis;
    this.limits = config;
  }

  makeRoom(rows: number): void {
    this.hysteresis.makeRoom(rows);
  }

  forget(): void {}

  /** A reading came while it was missed. */
  speaks(row: number, at: number): Change {
    return this.hysteresis.step(row, GOOD, at, this.limits);
  }

  explain(silentMs: number, lastTs: number): Explanation {
    const { afterMs: threshold } = this.limits;
    return {
      threshold,
      evidence: { silentMs, ...(lastTs > 0 ? { lastTs } : {}) },
      message: `no reading for ${shown(silentMs / 1_000)} s`,
    };
  }
}
