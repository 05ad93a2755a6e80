import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SERIES_IN_STATEMENT_MAX } from '../../base/limits.ts';
import { AGGREGATES, type Aggregate } from '../../model/ports/history.ts';
import { WINDOW_MS } from '../../model/reading.ts';
import { KIND_NUMBER, KIND_TEXT, type Series } from '../series.ts';
import { NOW } from '../test-kit.ts';
import { numberOf } from './aggregates.case.ts';
import { commitOf } from './store.case.ts';
import type { RankedSeries, RankRequest, Store } from './store.ts';

/** What every store promises of rankings. */

type Given = readonly [series: Series, ts: number, value: number];

const never = new AbortController().signal;
const fleet = ['c', 'a', 'b', 'd'].map(
  (device, id): Series => ({ id, device, metric: 't', unit: '', kind: KIND_NUMBER }),
);
const text: Series = { id: 4, device: 'a', metric: 't', unit: '', kind: KIND_TEXT };

export function rankCases(
  name: string,
  make: () => Promise<{ open: () => Store; remove: () => Promise<void> }>,
): void {
  describe(`${name} as a store that ranks`, () => {
    let place: Awaited<ReturnType<typeof make>>;
    let store: Store;

    beforeEach(async () => {
      place = await make();
      store = place.open();
      await store.open();
    });

    afterEach(async () => {
      await store.close();
      await place.remove();
    });

    it('orders series by any aggregate of a range, equal ones by device', async () => {
      const base = Math.floor(NOW / WINDOW_MS) * WINDOW_MS;
      const reading = fc.tuple(
        fc.constantFrom(...fleet),
        fc.integer({ min: 0, max: 5 * WINDOW_MS }).map((ms) => base + ms),
        fc.integer({ min: -8, max: 8 }),
      );
      const query = fc.record({
        from: fc.integer({ min: -1_000, max: 5 * WINDOW_MS }).map((ms) => base + ms),
        length: fc.integer({ min: 0, max: 6 * WINDOW_MS }),
        limit: fc.integer({ min: 1, max: 5 }),
        aggregate: fc.constantFrom(...AGGREGATES),
        descending: fc.boolean(),
      });
      const kept: Given[] = [];
      let known = false;
      await fc.assert(
        fc.asyncProperty(
          fc.array(reading, { maxLength: 60 }),
          fc.array(query, { maxLength: 8 }),
          async (given, queries) => {
            await store.commit(commitOf(given, known ? {} : { series: [...fleet, text] }));
            known = true;
            kept.push(...given);
            for (const { length, ...rest } of queries) {
              const asked = { series: [...fleet, text], ...rest, to: rest.from + length };
              expectRanking(await store.rank(asked, never), kept, asked);
            }
          },
        ),
        { numRuns: 25 },
      );
    });

    it('ranks, and knows the last values of, more series than a statement names', async () => {
      const size = SERIES_IN_STATEMENT_MAX + 2;
      const many = Array.from({ length: size }, (_, id): Series => {
        return { ...text, id, device: `d${id}`, kind: id % 2 === 0 ? KIND_NUMBER : KIND_TEXT };
      });
      const given = many.map(
        (series) => [series, NOW, series.id % 2 === 0 ? series.id : `s${series.id}`] as const,
      );
      await store.commit(commitOf(given, { series: many }));
      const asked = { from: 0, to: NOW * 2, limit: 2, descending: true, aggregate: 'max' } as const;
      const numbers = many.filter(({ kind }) => kind === KIND_NUMBER);
      for (const series of [many, numbers, numbers.concat(numbers)]) {
        expect(await store.rank({ series, ...asked }, never)).toEqual([
          { series: size - 2, value: size - 2, count: 1 },
          { series: size - 4, value: size - 4, count: 1 },
        ]);
      }
      const latest = await store.latest(many, never);
      expect([
        latest.ts.length,
        latest.text.size,
        [...latest.text.values()].includes(`s${size - 1}`),
      ]).toEqual([size, size / 2, true]);
    });

    it('knows no ranking of nothing, or of text', async () => {
      await store.commit(commitOf([[text, NOW, 'x']], { series: [text] }));
      const asked = { from: 0, to: NOW * 2, limit: 1, descending: true, aggregate: 'max' } as const;
      expect(await store.rank({ ...asked, series: [] }, never)).toEqual([]);
      expect(await store.rank({ ...asked, series: [text] }, never)).toEqual([]);
    });
  });
}

/** Values to six digits: what differs beyond may be in either order. */
function expectRanking(
  ranked: readonly RankedSeries[],
  readings: readonly Given[],
  { from, to, limit, descending, aggregate }: RankRequest,
): void {
  const values = valuesOf(
    readings.filter(([, ts]) => ts >= from && ts < to),
    aggregate,
  );
  expect(ranked).toHaveLength(Math.min(limit, values.size));
  for (const { series, value, count } of ranked) {
    expect(value).toBeCloseTo(values.get(series)?.value ?? Number.NaN, 6);
    expect(count).toBe(values.get(series)?.count);
  }
  const sign = descending ? -1 : 1;
  const deviceOf = (id: number): string => fleet[id]?.device ?? '';
  const inOrder = ranked.toSorted(
    (a, b) => sign * (a.value - b.value) || (deviceOf(a.series) < deviceOf(b.series) ? -1 : 1),
  );
  expect(ranked).toEqual(inOrder);
  const worst = ranked.at(-1)?.value ?? 0;
  for (const [id, { value }] of values) {
    if (!ranked.some(({ series }) => series === id)) expect(sign * (value - worst)).toBeGreaterThan(-1e-6);
  }
}

/** By series id. */
function valuesOf(
  readings: readonly Given[],
  aggregate: Aggregate,
): ReadonlyMap<number, { readonly value: number; readonly count: number }> {
  const groups = Map.groupBy(readings, ([{ id }]) => id);
  return new Map(
    [...groups].map(([id, rows]) => {
      const value = numberOf(
        rows.map(([, ts, one]) => [ts, one] as const),
        aggregate,
      );
      return [id, { value, count: rows.length }];
    }),
  );
}
