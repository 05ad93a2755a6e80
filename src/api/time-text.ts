/** Times and durations as people write them in a query. */
import { TIME_UNITS_MS } from '../base/time-units.ts';

/** RFC 3339, the date alone, or without zone (then UTC): what `Date` would guess otherwise depends on the host. */
const ISO = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/i;

/** "10s", "1m", "1h", "1d", "500ms", or milliseconds; undefined where it is none of these, or not positive. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,15})(ms|s|m|h|d|w)?$/.exec(text);
  if (match?.[1] === undefined) return undefined;
  const ms = Number(match[1]) * (TIME_UNITS_MS[match[2] ?? 'ms'] ?? 1);
  return ms > 0 && Number.isSafeInteger(ms) ? ms : undefined;
}

/** Milliseconds since the epoch, ISO 8601, "now", or before now: "-1h", "-7d". */
export function parseTime(text: string, now: number): number | undefined {
  if (/^\d{1,16}$/.test(text)) return Number(text);
  if (text === 'now') return now;
  if (text.startsWith('-')) {
    const duration = parseDuration(text.slice(1));
    return duration === undefined ? undefined : now - duration;
  }
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const zoned = match[1] === undefined && text.length > 10 ? `${text}Z` : text;
  const ms = Date.parse(zoned.replace(' ', 'T'));
  return Number.isNaN(ms) ? undefined : ms;
}
