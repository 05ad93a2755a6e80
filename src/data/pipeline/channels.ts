import { grownF64, grownU32 } from '../columns.ts';
import type { AnalysisPlan } from './analyze/plan.ts';
import type { WindowPlan } from './windows/window-plan.ts';

/**
 * Channels: what a validated value comes through. A channel is (device, metric as sent, unit, kind); the columns
 * tell the later stages, by channel number, what to do without looking at names again.
 */
export interface ChannelFacts {
  readonly series: number;
  /** Index of the device, for the tally. */
  readonly device: number;
  readonly scale: number;
  readonly offset: number;
  readonly windows?: WindowPlan | undefined;
  /** Its series has no readings yet. */
  readonly isNewSeries?: boolean | undefined;
  /** What is looked for in its readings; undefined = nothing. */
  readonly analysis: AnalysisPlan | undefined;
}

const FIRST_CAPACITY = 16;

export class ChannelTable {
  size = 0;
  series = new Uint32Array(FIRST_CAPACITY);
  device = new Uint32Array(FIRST_CAPACITY);
  scale = new Float64Array(FIRST_CAPACITY);
  offset = new Float64Array(FIRST_CAPACITY);
  windows: (WindowPlan | undefined)[] = [];
  isNewSeries: boolean[] = [];
  /** Number of its plan in `plans`; 0 = none. */
  plan = new Uint32Array(FIRST_CAPACITY);
  /** Those in use, from 1 on. */
  plans: (AnalysisPlan | undefined)[] = [undefined];
  readonly #planNumbers = new Map<AnalysisPlan, number>();
  /** Stages skip their walk where no channel gives them anything to do. */
  anyScaled = false;
  anyWindowed = false;
  anyAnalyzed = false;

  add(facts: ChannelFacts): number {
    const channel = this.size;
    if (channel === this.series.length) this.#grow(channel * 2);
    this.series[channel] = facts.series;
    this.device[channel] = facts.device;
    this.scale[channel] = facts.scale;
    this.offset[channel] = facts.offset;
    this.windows[channel] = facts.windows;
    this.isNewSeries[channel] = facts.isNewSeries ?? false;
    if (facts.windows !== undefined) this.anyWindowed = true;
    this.plan[channel] = facts.analysis === undefined ? 0 : this.#numberOf(facts.analysis);
    if (facts.scale !== 1 || facts.offset !== 0) this.anyScaled = true;
    if (facts.analysis !== undefined) this.anyAnalyzed = true;
    this.size += 1;
    return channel;
  }

  clear(): void {
    this.size = 0;
    this.anyScaled = false;
    this.anyWindowed = false;
    this.anyAnalyzed = false;
    this.plans = [undefined];
    this.#planNumbers.clear();
  }

  #numberOf(plan: AnalysisPlan): number {
    let number = this.#planNumbers.get(plan);
    if (number === undefined) {
      number = this.plans.length;
      this.plans.push(plan);
      this.#planNumbers.set(plan, number);
    }
    return number;
  }

  #grow(capacity: number): void {
    this.series = grownU32(this.series, capacity);
    this.device = grownU32(this.device, capacity);
    this.scale = grownF64(this.scale, capacity);
    this.offset = grownF64(this.offset, capacity);
    this.plan = grownU32(this.plan, capacity);
  }
}
