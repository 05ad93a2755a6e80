import type { XStatic } from 'typebox/schema';
import { TIME_UNITS_MS } from '../base/time-units.ts';

/** How long history is kept, level by level: what the readings are thinned to as they get older. */
export const RETENTION_LEVELS = ['raw', 'minute', 'hour'] as const;
export type RetentionLevel = (typeof RETENTION_LEVELS)[number];

/** Milliseconds by level; Infinity = for ever. A roll-up is never kept for less than what it is made of. */
export type KeepTimes = Readonly<Record<RetentionLevel, number>>;

/** Whole days: history is thinned by the day. */
const KEEP_TIME_PATTERN = '^([1-9][0-9]{0,4}(d|w|y)|forever)$';
const keepTime = { type: 'string', pattern: KEEP_TIME_PATTERN } as const;

/** Of a profile or of one of its metrics; what it does not say is said by the profile, then by the configuration. */
export const RetentionSchema = {
  type: 'object',
  description: 'How long history is kept: 30d, 8w, 10y or forever',
  properties: {
    raw: { ...keepTime, description: 'The readings themselves' },
    minute: { ...keepTime, description: 'Their minutes: count, sum, minimum, maximum, last, deviation' },
    hour: { ...keepTime, description: 'Their hours' },
  },
  additionalProperties: false,
} as const;
export type RetentionSchema = XStatic<typeof RetentionSchema>;

/** "30d", "10y" (of 365 days), "forever" in milliseconds; undefined where it is none of these. */
export function parseKeepTime(text: string): number | undefined {
  if (!new RegExp(KEEP_TIME_PATTERN).test(text)) return undefined;
  if (text === 'forever') return Number.POSITIVE_INFINITY;
  return Number(text.slice(0, -1)) * (TIME_UNITS_MS[text.slice(-1)] ?? 0);
}

/** `own` over `inherited`, each roll-up at least as long as what it is made of. */
export function mergeKeepTimes(own: RetentionSchema | undefined, inherited: KeepTimes): KeepTimes {
  const of = (level: RetentionLevel): number => parseKeepTime(own?.[level] ?? '') ?? inherited[level];
  const raw = of('raw');
  const minute = Math.max(of('minute'), raw);
  return { raw, minute, hour: Math.max(of('hour'), minute) };
}
