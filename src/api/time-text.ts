/** Times as people write them in a query. */
import { parseDuration } from '../base/time-units.ts';

/** RFC 3339, the date alone, or without zone (then UTC): what `Date` would guess otherwise depends on the host. */
const ISO = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/i;

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
