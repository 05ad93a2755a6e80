import fc from 'fast-check';
import { expect, it } from 'vitest';
import { WINDOW_MS } from '../../model/reading.ts';
import { WindowParts } from './window-parts.ts';

interface Sum {
  count: number;
  sum: number;
  min: number;
  max: number;
  last: number;
  lastTs: number;
}

/** Merges parts as the store does. */
function merged(parts: WindowParts): Map<string, Sum> {
  const windows = new Map<string, Sum>();
  for (let part = 0; part < parts.size; part += 1) {
    const key = `${parts.series[part]}@${parts.start[part]}`;
    const window = windows.get(key) ?? fresh();
    window.count += parts.count[part] ?? 0;
    window.sum += parts.sum[part] ?? 0;
    window.min = Math.min(window.min, parts.min[part] ?? 0);
    window.max = Math.max(window.max, parts.max[part] ?? 0);
    if ((parts.lastTs[part] ?? 0) >= window.lastTs) {
      window.last = parts.last[part] ?? 0;
      window.lastTs = parts.lastTs[part] ?? 0;
    }
    windows.set(key, window);
  }
  return windows;
}

const fresh = (): Sum => ({
  count: 0,
  sum: 0,
  min: Number.POSITIVE_INFINITY,
  max: Number.NEGATIVE_INFINITY,
  last: 0,
  lastTs: 0,
});

it('adds up to the windows of all readings, in whatever order they come', () => {
  const reading = fc.record({
    series: fc.integer({ min: 0, max: 200 }),
    ts: fc.integer({ min: 0, max: 5 * WINDOW_MS }),
    // Halves: sums are exact in any order.
    value: fc.integer({ min: -1_000, max: 1_000 }).map((value) => value / 2),
  });
  const parts = new WindowParts();
  fc.assert(
    fc.property(fc.array(reading, { maxLength: 300 }), (readings) => {
      parts.clear();
      const expected = new Map<string, Sum>();
      for (const { series, ts, value } of readings) {
        parts.add(series, ts, value);
        const key = `${series}@${ts - (ts % WINDOW_MS)}`;
        const window = expected.get(key) ?? fresh();
        window.count += 1;
        window.sum += value;
        window.min = Math.min(window.min, value);
        window.max = Math.max(window.max, value);
        if (ts >= window.lastTs) {
          window.last = value;
          window.lastTs = ts;
        }
        expected.set(key, window);
      }
      expect(merged(parts)).toEqual(expected);
    }),
    { numRuns: 100 },
  );
});

it('makes one part of readings of one series and minute, however many series take turns', () => {
  const parts = new WindowParts();
  for (let at = 0; at < 1_000; at += 1) parts.add(at % 100, at, at);
  expect(parts.size).toBe(100);
});
