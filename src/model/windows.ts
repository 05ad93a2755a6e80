import type { XStatic } from 'typebox/schema';
import {
  WINDOW_DELAY_MAX_MS,
  WINDOW_IDLE_DEFAULT_MS,
  WINDOW_IDLE_MAX_MS,
  WINDOW_LATENESS_DEFAULT_MS,
  WINDOW_LATENESS_MAX_MS,
  WINDOW_QUANTILES_MAX,
  WINDOW_SESSION_DEFAULT_MS,
  WINDOW_SIZE_MAX_MS,
  WINDOW_SIZE_MIN_MS,
  WINDOWS_PER_SERIES_MAX,
} from '../base/limits.ts';
import { err, ok, type Result } from '../base/result.ts';
import { parseDuration } from '../base/time-units.ts';

/**
 * Windows as a profile declares them: the schema, its defaults, and what a schema cannot say. The words are those of
 * "The Dataflow Model" (Akidau et al., VLDB 2015): event time, watermark, allowed lateness. Nothing here counts.
 */

const WINDOW_KINDS = ['tumbling', 'hopping', 'sliding', 'session'] as const;
type WindowKind = (typeof WINDOW_KINDS)[number];

const duration = { type: 'string', pattern: '^[0-9]{1,15}(ms|s|m|h|d|w)?$', maxLength: 20 } as const;

export const WindowSchema = {
  type: 'object',
  required: ['kind'],
  properties: {
    kind: { enum: WINDOW_KINDS },
    metrics: {
      type: 'array',
      items: { type: 'string', minLength: 1, maxLength: 128 },
      minItems: 1,
      maxItems: 100,
      description: 'Names as stored; all metrics of the profile when absent',
    },
    size: { ...duration, description: 'Width: 10s, 1m, 1h; of a session: its longest, default 1d' },
    advance: {
      ...duration,
      description: 'Hopping: from the start of one window to the next; size is a multiple of it',
    },
    offset: { ...duration, description: 'Tumbling, hopping: starts are multiples of the advance, plus this' },
    gap: { ...duration, description: 'Session: silence of so long ends it' },
    delay: {
      ...duration,
      description: 'How far readings come out of order; the watermark stays behind by it',
    },
    lateness: { ...duration, description: 'A reading later than the watermark by less than this amends' },
    idle: { ...duration, description: 'Without readings for so long, a window closes by the clock' },
    quantiles: {
      type: 'array',
      items: { type: 'number', minimum: 0, maximum: 1 },
      minItems: 1,
      maxItems: WINDOW_QUANTILES_MAX,
      uniqueItems: true,
    },
  },
  additionalProperties: false,
} as const;
export type WindowInput = XStatic<typeof WindowSchema>;

/** A window of a profile, all defaults filled in; milliseconds, from the epoch where it is a point in time. */
export interface WindowDefinition {
  readonly name: string;
  readonly kind: WindowKind;
  /** Of a session: sessions are cut at multiples of it. */
  readonly sizeMs: number;
  /** Hopping; the size for the others. */
  readonly advanceMs: number;
  readonly offsetMs: number;
  /** Sessions; 0 for the others. */
  readonly gapMs: number;
  readonly delayMs: number;
  readonly latenessMs: number;
  readonly idleMs: number;
  readonly quantiles: readonly number[];
}

/** The fields a kind has beside those of all kinds; the first is required. */
const FIELDS: Readonly<Record<WindowKind, readonly (keyof WindowInput)[]>> = {
  tumbling: ['size', 'offset'],
  hopping: ['size', 'advance', 'offset'],
  sliding: ['size'],
  session: ['gap', 'size'],
};
const KIND_FIELDS = ['size', 'advance', 'offset', 'gap'] as const;

/** What an input that fits the schema means, or in one line why it means nothing. */
export function readWindow(name: string, input: WindowInput): Result<WindowDefinition, string> {
  const { kind } = input;
  const fields = FIELDS[kind];
  const strange = KIND_FIELDS.find((field) => input[field] !== undefined && !fields.includes(field));
  if (strange !== undefined) return err(`${strange} is not for ${kind} windows`);
  const missing = (kind === 'hopping' ? fields.slice(0, 2) : fields.slice(0, 1)).find(
    (field) => input[field] === undefined,
  );
  if (missing !== undefined) return err(`${kind} windows need ${missing}`);
  const sizeMs = ms(input.size, WINDOW_SESSION_DEFAULT_MS);
  const definition: WindowDefinition = {
    name,
    kind,
    sizeMs,
    advanceMs: ms(input.advance, sizeMs),
    offsetMs: ms(input.offset, 0),
    gapMs: ms(input.gap, 0),
    delayMs: ms(input.delay, 0),
    latenessMs: ms(input.lateness, WINDOW_LATENESS_DEFAULT_MS),
    idleMs: ms(input.idle, WINDOW_IDLE_DEFAULT_MS),
    quantiles: [...(input.quantiles ?? [])].toSorted((a, b) => a - b),
  };
  const fault = definitionFault(definition);
  return fault === undefined ? ok(definition) : err(fault);
}

/** parseDuration takes no zero, but "0s" is a good delay. */
const ms = (text: string | undefined, absent: number): number =>
  text === undefined ? absent : (parseDuration(text) ?? 0);

function definitionFault(definition: WindowDefinition): string | undefined {
  const { kind, sizeMs, advanceMs, offsetMs, gapMs, delayMs, latenessMs, idleMs } = definition;
  const bounds: readonly (readonly [string, value: number, min: number, max: number])[] = [
    ['size', sizeMs, WINDOW_SIZE_MIN_MS, WINDOW_SIZE_MAX_MS],
    ['advance', advanceMs, kind === 'hopping' ? WINDOW_SIZE_MIN_MS : 0, sizeMs],
    ['offset', offsetMs, 0, advanceMs - 1],
    ['gap', gapMs, kind === 'session' ? WINDOW_SIZE_MIN_MS : 0, sizeMs - 1],
    ['delay', delayMs, 0, WINDOW_DELAY_MAX_MS],
    ['lateness', latenessMs, 0, WINDOW_LATENESS_MAX_MS],
    ['idle', idleMs, WINDOW_SIZE_MIN_MS, WINDOW_IDLE_MAX_MS],
  ];
  const wrong = bounds.find(([, value, min, max]) => value < min || value > max);
  if (wrong !== undefined) {
    const [field, value, min, max] = wrong;
    return `${field} is ${value} ms; ${min} to ${max} ms are allowed here`;
  }
  if (sizeMs % advanceMs !== 0) return `size ${sizeMs} ms is not a multiple of advance ${advanceMs} ms`;
  const open = Math.ceil((sizeMs + delayMs + latenessMs) / advanceMs) + 1;
  const isAligned = kind === 'tumbling' || kind === 'hopping';
  return isAligned && open > WINDOWS_PER_SERIES_MAX
    ? `${open} windows of one series would be open at once, at most ${WINDOWS_PER_SERIES_MAX} can be: less lateness, or a longer advance`
    : undefined;
}

/** Why a window was told when it was; the place in the list is what is stored. */
export const WINDOW_CAUSES = ['watermark', 'idle', 'bound'] as const;
type WindowCauseName = (typeof WINDOW_CAUSES)[number];

/** A window as it was told last. */
export interface WindowResult {
  readonly metric: string;
  readonly unit?: string | undefined;
  /** Its name in the profile. */
  readonly window: string;
  /** Milliseconds of event time; start inclusive, end exclusive. */
  readonly start: number;
  readonly end: number;
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** Of the sample (n − 1); 0 for one reading. */
  readonly stddev: number;
  readonly last: number;
  readonly lastTs: number;
  /** By quantile, as declared: {"0.5": 21.25}. */
  readonly quantiles?: Readonly<Record<string, number>> | undefined;
  /** 1 when it closed; raised each time late readings amended it. */
  readonly revision: number;
  readonly cause: WindowCauseName;
}

export interface WindowsQuery {
  readonly device: string;
  /** None = all metrics of the device. */
  readonly metrics?: readonly string[] | undefined;
  /** Name in the profile; absent = all. */
  readonly window?: string | undefined;
  /** Milliseconds, of the start: from inclusive, to exclusive. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly limit?: number | undefined;
  /** The newest first. */
  readonly descending?: boolean | undefined;
}

/** Why it is told: closed for the first time, amended by late readings, or no more (two sessions became one). */
export type WindowChange = 'closed' | 'amended' | 'withdrawn';
