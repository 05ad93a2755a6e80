import type { PresetSink } from '../payload/sink.ts';

/**
 * What a decoder made of a packet, in two numbers: how many calls, and a hash over what they were about (32-bit
 * FNV-1a). Two decodings that agree number the same values the same way, whatever happened to the code between.
 */
export class CallTrace implements PresetSink {
  calls = 0;
  hash = 0x811c9dc5;

  value(index: number, metric: string): void {
    this.calls += 1;
    this.#mix(index);
    for (let at = 0; at < metric.length; at += 1) this.#mix(metric.charCodeAt(at));
  }

  reject(index: number): void {
    this.calls += 1;
    this.#mix(~index);
  }

  child(name = ''): void {
    for (let at = 0; at < name.length; at += 1) this.#mix(name.charCodeAt(at));
  }

  attributes(): void {}

  #mix(word: number): void {
    this.hash = Math.imul(this.hash ^ word, 0x01000193) >>> 0;
  }
}
