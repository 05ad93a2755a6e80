import { grownF64, grownU32 } from '../columns.ts';

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
  /** 0 = no limit. */
  readonly maxRatePerSecond: number;
}

const FIRST_CAPACITY = 16;

export class ChannelTable {
  size = 0;
  series = new Uint32Array(FIRST_CAPACITY);
  device = new Uint32Array(FIRST_CAPACITY);
  scale = new Float64Array(FIRST_CAPACITY);
  offset = new Float64Array(FIRST_CAPACITY);
  maxRatePerSecond = new Float64Array(FIRST_CAPACITY);
  /** Stages skip their walk where no channel gives them anything to do. */
  anyScaled = false;
  anyRateLimited = false;

  add(facts: ChannelFacts): number {
    const channel = this.size;
    if (channel === this.series.length) this.#grow(channel * 2);
    this.series[channel] = facts.series;
    this.device[channel] = facts.device;
    this.scale[channel] = facts.scale;
    this.offset[channel] = facts.offset;
    this.maxRatePerSecond[channel] = facts.maxRatePerSecond;
    if (facts.scale !== 1 || facts.offset !== 0) this.anyScaled = true;
    if (facts.maxRatePerSecond > 0) this.anyRateLimited = true;
    this.size += 1;
    return channel;
  }

  clear(): void {
    this.size = 0;
    this.anyScaled = false;
    this.anyRateLimited = false;
  }

  #grow(capacity: number): void {
    this.series = grownU32(this.series, capacity);
    this.device = grownU32(this.device, capacity);
    this.scale = grownF64(this.scale, capacity);
    this.offset = grownF64(this.offset, capacity);
    this.maxRatePerSecond = grownF64(this.maxRatePerSecond, capacity);
  }
}
