import type { ChannelTable } from './channels.ts';
import type { PacketWork, Stage } from './stage.ts';

/** Sums readings up: one-minute windows per series, and what came per device. Text has no windows. */
export class Aggregate implements Stage {
  readonly name = 'aggregate';
  readonly #channels: ChannelTable;

  constructor(channels: ChannelTable) {
    this.#channels = channels;
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
  }
}
