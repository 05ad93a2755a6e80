import { grownF64, grownU32 } from '../columns.ts';

const FIRST_CAPACITY = 64;

/** Readings that are numbers, booleans as 0 and 1: one column per field, filled stage by stage. */
export class NumberRows {
  size = 0;
  channel = new Uint32Array(FIRST_CAPACITY);
  /** Filled by transform. */
  series = new Uint32Array(FIRST_CAPACITY);
  ts = new Float64Array(FIRST_CAPACITY);
  /** As sent until transform, as stored from then on. */
  value = new Float64Array(FIRST_CAPACITY);

  push(channel: number, ts: number, value: number): void {
    const row = this.size;
    if (row === this.channel.length) this.#grow(row * 2);
    this.channel[row] = channel;
    this.ts[row] = ts;
    this.value[row] = value;
    this.size = row + 1;
  }

  #grow(capacity: number): void {
    this.channel = grownU32(this.channel, capacity);
    this.series = grownU32(this.series, capacity);
    this.ts = grownF64(this.ts, capacity);
    this.value = grownF64(this.value, capacity);
  }
}

/** Readings that are text: few, so that plain arrays will do. */
export class TextRows {
  channel: number[] = [];
  series: number[] = [];
  ts: number[] = [];
  text: string[] = [];

  get size(): number {
    return this.text.length;
  }

  push(channel: number, ts: number, text: string): void {
    this.channel.push(channel);
    this.series.push(0);
    this.ts.push(ts);
    this.text.push(text);
  }

  truncate(size: number): void {
    this.channel.length = size;
    this.series.length = size;
    this.ts.length = size;
    this.text.length = size;
  }
}
