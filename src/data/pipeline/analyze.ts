import { grownF64 } from '../columns.ts';
import type { ChannelTable } from './channels.ts';
import type { PacketWork, Stage } from './stage.ts';

const FIRST_CAPACITY = 64;

/**
 * Looks for readings that are possible but not plausible: changes faster than the profile says. They become
 * findings and are stored all the same. Remembers the last reading per series since the worker began.
 */
export class Analyze implements Stage {
  readonly name = 'analyze';
  readonly #channels: ChannelTable;
  #lastTs = new Float64Array(FIRST_CAPACITY);
  #lastValue = new Float64Array(FIRST_CAPACITY);

  constructor(channels: ChannelTable) {
    this.#channels = channels;
  }

  run({ batch, numbersFrom }: PacketWork): void {
    if (!this.#channels.anyRateLimited) return;
    const { numbers } = batch;
    for (let row = numbersFrom; row < numbers.size; row += 1) {
      const limit = this.#channels.maxRatePerSecond[numbers.channel[row] ?? 0] ?? 0;
      if (limit === 0) continue;
      const series = numbers.series[row] ?? 0;
      const ts = numbers.ts[row] ?? 0;
      const value = numbers.value[row] ?? 0;
      this.#makeRoom(series);
      const lastTs = this.#lastTs[series] ?? 0;
      // A late reading says nothing about the rate now.
      if (ts <= lastTs) continue;
      const rate = (Math.abs(value - (this.#lastValue[series] ?? 0)) * 1_000) / (ts - lastTs);
      if (lastTs > 0 && rate > limit) {
        const evidence = `changed by ${rate.toPrecision(4)} per second, at most ${limit} is plausible`;
        batch.find({ series, ts, value, evidence });
      }
      this.#lastTs[series] = ts;
      this.#lastValue[series] = value;
    }
  }

  #makeRoom(series: number): void {
    if (series < this.#lastTs.length) return;
    const capacity = Math.max(series + 1, this.#lastTs.length * 2);
    this.#lastTs = grownF64(this.#lastTs, capacity);
    this.#lastValue = grownF64(this.#lastValue, capacity);
  }
}
