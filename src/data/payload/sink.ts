import type { ErrorCode } from '../../model/errors.ts';

/**
 * Where decoders put what they find: calls instead of objects, so that a packet of a thousand readings costs no
 * thousand allocations. Values are raw: type, range, name and time are judged by the validate stage.
 */
export interface ValueSink {
  /** One value of item `index` (0-based). `ts` is what the sender gave: number, ISO text, or undefined. */
  value(index: number, metric: string, ts: unknown, value: unknown, unit?: string): void;
  /** Item `index` cannot be read at all. */
  reject(index: number, code: ErrorCode, message: string): void;
}

/** Why an item is refused: what a sink or an error is told. Errors themselves cost a stack trace per bad item. */
export type Refusal = readonly [code: ErrorCode, message: string];

/** What topic presets need beyond: foreign names of children, and metadata. */
export interface PresetSink extends ValueSink {
  /** The values that follow belong to this child, by its foreign name; undefined = the publishing device itself. */
  child(name: string | undefined): void;
  /** Metadata of the current child (or the device): model, manufacturer, firmware, availability … */
  attributes(values: Readonly<Record<string, unknown>>): void;
}

/** What a preset has to remember of one device over restarts (discovery); durable with the readings. It may refuse. */
export interface PresetMemory {
  get(key: string): string | undefined;
  set(key: string, value: string | undefined): void;
}
