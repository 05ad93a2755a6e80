import { DDSketch } from '@datadog/sketches-js';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Accumulator } from './accumulator.ts';
import { exactQuantile } from './oracle.case.ts';

const filled = (values: readonly number[]): Accumulator => {
  const sum = new Accumulator(true);
  for (const [at, value] of values.entries()) sum.add(at, value);
  return sum;
};

it('keeps its digits where values are large and close together', () => {
  const sum = filled(Array.from({ length: 1_000 }, (_, at) => 1e9 + (at % 2) * 0.001));
  expect(sum.stddev).toBeCloseTo(0.0005, 6);
});

it('answers quantiles of many values within one percent, of either sign, merged or not', () => {
  const values = fc.array(
    fc.oneof(
      fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
      fc.double({ min: -1e3, max: -1e-3, noNaN: true }),
    ),
    { minLength: 200, maxLength: 600 },
  );
  fc.assert(
    fc.property(
      values,
      fc.integer({ min: 0, max: 600 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (all, cut, q) => {
        const merged = filled(all.slice(0, cut));
        merged.merge(filled(all.slice(cut)));
        const sorted = all.toSorted((a, b) => a - b);
        const rank = q * (all.length - 1);
        for (const sum of [filled(all), merged]) {
          // The sketch answers one of the two neighbours, not a point between them.
          const near = [Math.floor(rank), Math.ceil(rank)].map((at) => sorted[at] ?? 0);
          const error = Math.min(...near.map((value) => Math.abs(sum.quantile(q) - value) / Math.abs(value)));
          expect(error).toBeLessThanOrEqual(0.0101);
        }
        expect(merged.count).toBe(all.length);
      },
    ),
    { numRuns: 100 },
  );
});

it('answers as another implementation of the sketch does', () => {
  const peer = new DDSketch({ relativeAccuracy: 0.01 });
  const sum = new Accumulator(true);
  for (let at = 1; at <= 5_000; at += 1) {
    const value = Math.sin(at) * 10 ** (at % 5);
    peer.accept(value);
    sum.add(at, value);
  }
  for (const q of [0, 0.01, 0.25, 0.5, 0.75, 0.99, 1]) {
    const expected = peer.getValueAtQuantile(q);
    expect(Math.abs(sum.quantile(q) - expected)).toBeLessThanOrEqual(Math.abs(expected) * 0.021);
  }
});

it('answers quantiles of few values exactly', () => {
  const values = [5, -3, 8, 8, 0.5];
  for (const q of [0, 0.1, 0.5, 0.99, 1]) expect(filled(values).quantile(q)).toBe(exactQuantile(values, q));
});

it('takes a bounded room, whatever the values', () => {
  const sum = filled(
    Array.from({ length: 50_000 }, (_, at) => (at % 2 === 0 ? 1 : -1) * 10 ** ((at % 600) - 300)),
  );
  expect(sum.bytes).toBeLessThanOrEqual(2 * 512 * 40 + 320);
  expect(sum.quantile(1)).toBeLessThanOrEqual(1e299);
  expect(sum.quantile(0)).toBeGreaterThanOrEqual(-1e299);
});
