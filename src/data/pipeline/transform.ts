import type { ChannelTable } from './channels.ts';
import type { PacketWork, Stage } from './stage.ts';

/** From what was sent to what is stored: the series (name and unit of the profile), scale and offset. */
export class Transform implements Stage {
  readonly name = 'transform';
  readonly #channels: ChannelTable;

  constructor(channels: ChannelTable) {
    this.#channels = channels;
  }

  run({ batch, numbersFrom, textsFrom }: PacketWork): void {
    const { numbers, texts } = batch;
    const { channel, series, value } = numbers;
    const table = this.#channels;
    for (let row = numbersFrom; row < numbers.size; row += 1) {
      series[row] = table.series[channel[row] ?? 0] ?? 0;
    }
    if (table.anyScaled) {
      for (let row = numbersFrom; row < numbers.size; row += 1) {
        const at = channel[row] ?? 0;
        value[row] = (value[row] ?? 0) * (table.scale[at] ?? 1) + (table.offset[at] ?? 0);
      }
    }
    for (let row = textsFrom; row < texts.size; row += 1) {
      texts.series[row] = table.series[texts.channel[row] ?? 0] ?? 0;
    }
  }
}
