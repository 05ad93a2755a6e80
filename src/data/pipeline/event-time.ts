import { FUTURE_TOLERANCE_MS, TIMESTAMP_MIN_MS } from '../../base/limits.ts';

/** Date and, optionally, time and zone of ISO 8601; fields are captured to refuse a 30th of February. */
const ISO =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?)(Z|[+-]\d{2}:?\d{2}|[+-]\d{2})?)?$/;

/** What `readEventTime` answers instead of a time. Times are positive, so that the two cannot meet. */
export const TIME_UNUSABLE = -1;
export const TIME_IN_FUTURE = -2;

/**
 * The event time of a reading in whole milliseconds. `ts` is what the sender gave: milliseconds, or ISO 8601
 * text (UTC where it names no zone). TIME_UNUSABLE for anything else and for times before 2000; TIME_IN_FUTURE
 * for times more than a day after `receivedAt`.
 */
export function readEventTime(ts: unknown, receivedAt: number): number {
  const ms = typeof ts === 'number' ? Math.floor(ts) : typeof ts === 'string' ? readIso(ts) : Number.NaN;
  // NaN fails the comparison, too.
  if (!(ms >= TIMESTAMP_MIN_MS)) return TIME_UNUSABLE;
  return ms > receivedAt + FUTURE_TOLERANCE_MS ? TIME_IN_FUTURE : ms;
}

function readIso(text: string): number {
  const found = ISO.exec(text);
  if (found === null) return Number.NaN;
  const [, year, month, day, time = '00:00', zone = 'Z'] = found;
  const lastDay = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  if (Number(day) > lastDay) return Number.NaN;
  const minutes = zone.length === 3 ? ':00' : '';
  const colon = zone.length === 5 && zone !== 'Z' ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone + minutes;
  return Math.floor(Date.parse(`${year}-${month}-${day}T${time.replace(',', '.')}${colon}`));
}
