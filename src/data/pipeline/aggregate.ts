import type { Batch } from './batch.ts';
import type { ChannelTable } from './channels.ts';
import type { PacketWork, Stage } from './stage.ts';
import type { WindowEngine } from './windows/window-engine.ts';

/** Sums readings up: minutes of every series, declared windows, and what came per device. Text has no windows. */
export class Aggregate implements Stage {
  readonly name = 'aggregate';
  readonly #channels: ChannelTable;
  readonly #windows: WindowEngine;

  constructor(channels: ChannelTable, windows: WindowEngine) {
    this.#channels = channels;
    this.#windows = windows;
  }

  run({ batch, numbersFrom, textsFrom }: PacketWork): void {
    const { numbers, texts, parts, tally } = batch;
    const { channel, series, ts, value } = numbers;
    const { device } = this.#channels;
    for (let row = numbersFrom; row < numbers.size; row += 1) {
      const at = ts[row] ?? 0;
      parts.add(series[row] ?? 0, at, value[row] ?? 0);
      tally.add(device[channel[row] ?? 0] ?? 0, at);
    }
    for (let row = textsFrom; row < texts.size; row += 1) {
      tally.add(device[texts.channel[row] ?? 0] ?? 0, texts.ts[row] ?? 0);
    }
    if (this.#channels.anyWindowed) this.#addToWindows(batch, numbersFrom);
  }

  /** Windows that close by the clock. */
  idle(_batch: Batch, now: number): number {
    this.#windows.collect(now);
    return this.#windows.dueAt;
  }

  #addToWindows({ numbers }: Batch, from: number): void {
    const { windows, isNewSeries } = this.#channels;
    for (let row = from; row < numbers.size; row += 1) {
      const channel = numbers.channel[row] ?? 0;
      const plan = windows[channel];
      if (plan === undefined) continue;
      this.#windows.add({
        series: numbers.series[row] ?? 0,
        plan,
        isNew: isNewSeries[channel] ?? false,
        ts: numbers.ts[row] ?? 0,
        value: numbers.value[row] ?? 0,
      });
    }
  }
}
