import { EXPRESSION_TEXT_MAX_CHARS } from '../../../base/limits.ts';
import type { Refusal } from '../../payload/sink.ts';
import type { DeviceEntry } from '../device-entry.ts';
import type { MetricRule } from '../profile-rules.ts';
import { judged } from './computation.ts';
import type { Input } from './rules.ts';

/** A value that was computed, or why there is none. */
export interface Derived {
  readonly device: DeviceEntry;
  /** Its number among the derived metrics of the profile. */
  readonly number: number;
  readonly rule: MetricRule;
  /** The item that completed it. */
  readonly index: number;
  readonly time: number;
  readonly value: number | boolean | Refusal;
}

type StoredValue = number | boolean | string;

/**
 * Collects the values that derived metrics are computed from. Values belong together when they come from one packet,
 * of one device, for one time, each metric once: one that comes again begins the next group. What lacks an input is
 * not computed, and nothing is said of it; NaN stands for an input that was refused.
 */
export class Derivation {
  readonly #emit: (found: Derived) => void;
  #device: DeviceEntry | undefined;
  #time = 0;
  /** The item of the last value. */
  #index = 0;
  #values: (StoredValue | undefined)[] = [];
  readonly #fed = new Set<number>();

  constructor(emit: (found: Derived) => void) {
    this.#emit = emit;
  }

  take(device: DeviceEntry, input: Input, index: number, time: number, value: StoredValue): void {
    if (device !== this.#device || time !== this.#time || this.#values[input.index] !== undefined) {
      this.close();
      this.#device = device;
      this.#time = time;
    }
    this.#index = index;
    this.#values[input.index] = value;
    for (const number of input.feeds) this.#fed.add(number);
  }

  /** Forgets a packet that was not finished. */
  begin(): void {
    if (this.#fed.size > 0) this.#clear();
  }

  /** Computes what can be computed. To be called when the packet is over. */
  close(): void {
    const device = this.#device;
    if (device === undefined) return;
    for (const number of this.#fed) this.#derive(device, number);
    this.#clear();
  }

  #derive(device: DeviceEntry, number: number): void {
    const derived = device.rules.derived[number];
    if (derived === undefined) return;
    const { rule, evaluate, variables, readsTime } = derived;
    const scope: Record<string, unknown> = { device: device.facts.id };
    if (readsTime) scope['ts'] = new Date(this.#time);
    for (const { input, variable } of variables) {
      const value = this.#values[input];
      if (value === undefined || Number.isNaN(value)) return;
      if (typeof value === 'string' && value.length > EXPRESSION_TEXT_MAX_CHARS) return;
      scope[variable] = value;
    }
    const value = judged(rule, evaluate(scope));
    this.#emit({ device, number, rule, index: this.#index, time: this.#time, value });
  }

  #clear(): void {
    this.#device = undefined;
    this.#values = [];
    this.#fed.clear();
  }
}
