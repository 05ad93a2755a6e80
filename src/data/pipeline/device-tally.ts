import { grownF64, grownU32 } from '../columns.ts';

const FIRST_CAPACITY = 64;

/** What one commit brings per device: the stuff of `data.received`. Columns by device index. */
export class DeviceTally {
  #count = new Uint32Array(FIRST_CAPACITY);
  #from = new Float64Array(FIRST_CAPACITY);
  #to = new Float64Array(FIRST_CAPACITY);
  #touched: number[] = [];

  add(device: number, ts: number): void {
    if (device >= this.#count.length) this.#grow(Math.max(device + 1, this.#count.length * 2));
    const count = this.#count[device] ?? 0;
    if (count === 0) {
      this.#touched.push(device);
      this.#from[device] = ts;
      this.#to[device] = ts;
    } else {
      if (ts < (this.#from[device] ?? 0)) this.#from[device] = ts;
      if (ts > (this.#to[device] ?? 0)) this.#to[device] = ts;
    }
    this.#count[device] = count + 1;
  }

  forEach(each: (device: number, readings: number, fromMs: number, toMs: number) => void): void {
    for (const device of this.#touched) {
      each(device, this.#count[device] ?? 0, this.#from[device] ?? 0, this.#to[device] ?? 0);
    }
  }

  clear(): void {
    for (const device of this.#touched) this.#count[device] = 0;
    this.#touched = [];
  }

  #grow(capacity: number): void {
    this.#count = grownU32(this.#count, capacity);
    this.#from = grownF64(this.#from, capacity);
    this.#to = grownF64(this.#to, capacity);
  }
}
