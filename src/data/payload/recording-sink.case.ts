import type { ErrorCode } from '../../model/errors.ts';
import type { PresetMemory, PresetSink } from './sink.ts';

/** For tests: a sink that writes everything down in the order it came, and a memory that is a map. */

export type Recorded =
  | readonly ['value', index: number, metric: string, ts: unknown, value: unknown, unit?: string]
  | readonly ['reject', index: number, code: ErrorCode]
  | readonly ['child', name: string | undefined]
  | readonly ['attributes', values: Readonly<Record<string, unknown>>];

export class RecordingSink implements PresetSink {
  readonly calls: Recorded[] = [];
  readonly messages: string[] = [];

  value(index: number, metric: string, ts: unknown, value: unknown, unit?: string): void {
    this.calls.push(
      unit === undefined ? ['value', index, metric, ts, value] : ['value', index, metric, ts, value, unit],
    );
  }

  reject(index: number, code: ErrorCode, message: string): void {
    this.calls.push(['reject', index, code]);
    this.messages.push(message);
  }

  child(name: string | undefined): void {
    this.calls.push(['child', name]);
  }

  attributes(values: Readonly<Record<string, unknown>>): void {
    this.calls.push(['attributes', values]);
  }

  /** Metric → value of everything handed on. */
  get values(): Record<string, unknown> {
    return Object.fromEntries(
      this.calls.flatMap((call) => (call[0] === 'value' ? [[call[2], call[4]]] : [])),
    );
  }

  /** Metric → unit, of the values that had one. */
  get units(): Record<string, string> {
    return Object.fromEntries(
      this.calls.flatMap((call) =>
        call[0] === 'value' && call[5] !== undefined ? [[call[2], call[5]]] : [],
      ),
    );
  }

  get rejects(): (readonly [index: number, code: ErrorCode])[] {
    return this.calls.flatMap((call) => (call[0] === 'reject' ? [[call[1], call[2]] as const] : []));
  }
}

export class MapMemory implements PresetMemory {
  readonly entries = new Map<string, string>();
  writes = 0;

  get(key: string): string | undefined {
    return this.entries.get(key);
  }

  set(key: string, value: string | undefined): void {
    this.writes += 1;
    if (value === undefined) this.entries.delete(key);
    else this.entries.set(key, value);
  }
}
