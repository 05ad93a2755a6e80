import { describe, expect, it } from 'vitest';
import { FUTURE_TOLERANCE_MS, TIMESTAMP_MIN_MS } from '../../base/limits.ts';
import { readEventTime, TIME_IN_FUTURE, TIME_UNUSABLE } from './event-time.ts';

const RECEIVED = Date.UTC(2026, 8, 21, 12);

describe('event time', () => {
  it.each([
    [RECEIVED - 5, RECEIVED - 5],
    [RECEIVED + 0.9, RECEIVED],
    [TIMESTAMP_MIN_MS, TIMESTAMP_MIN_MS],
    [RECEIVED + FUTURE_TOLERANCE_MS, RECEIVED + FUTURE_TOLERANCE_MS],
    ['2026-09-21T12:00:00Z', RECEIVED],
    ['2026-09-21T12:00:00.250Z', RECEIVED + 250],
    ['2026-09-21T12:00:00,25Z', RECEIVED + 250],
    ['2026-09-21 12:00', RECEIVED],
    ['2026-09-21T14:00:00+02:00', RECEIVED],
    ['2026-09-21T14:00:00+0200', RECEIVED],
    ['2026-09-21T10:00:00-02', RECEIVED],
    ['2026-09-21', Date.UTC(2026, 8, 21)],
    ['2024-02-29', Date.UTC(2024, 1, 29)],
  ])('reads %s', (ts, ms) => {
    expect(readEventTime(ts, RECEIVED)).toBe(ms);
  });

  it.each([
    Math.floor(RECEIVED / 1_000),
    RECEIVED - 50 * 365 * 86_400_000,
    TIMESTAMP_MIN_MS - 1,
    0,
    -1,
    Number.NaN,
    Number.NEGATIVE_INFINITY,
    null,
    true,
    {},
    '',
    'yesterday',
    '1790000000000',
    '2026-02-30',
    '2026-13-01',
    '2026-09-21T25:00:00Z',
    '1999-12-31T23:59:59Z',
  ])('refuses %s', (ts) => {
    expect(readEventTime(ts, RECEIVED)).toBe(TIME_UNUSABLE);
  });

  it.each([
    RECEIVED + FUTURE_TOLERANCE_MS + 1,
    RECEIVED * 1_000,
    Number.POSITIVE_INFINITY,
    '2076-09-21T12:00:00Z',
  ])('says that %s is in the future', (ts) => {
    expect(readEventTime(ts, RECEIVED)).toBe(TIME_IN_FUTURE);
  });
});
