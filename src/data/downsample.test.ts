import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { downsample } from './downsample.ts';
import type { SeriesRows } from './store/store.ts';

type Row = readonly [series: number, ts: number, value: number | string];

const rowsOf = (list: readonly Row[]): SeriesRows => ({
  series: Uint32Array.from(list, ([series]) => series),
  ts: Float64Array.from(list, ([, ts]) => ts),
  value: Float64Array.from(list, ([, , value]) => (typeof value === 'number' ? value : 0)),
  text: new Map(
    list.flatMap(([, , value], row) => (typeof value === 'string' ? [[row, value] as const] : [])),
  ),
});

const listOf = ({ series, ts, value }: SeriesRows): Row[] =>
  [...series].map((one, row) => [one, ts[row] ?? 0, value[row] ?? 0] as const);

const anyRows = fc
  .array(fc.tuple(fc.nat(3), fc.nat(1_000), fc.oneof(fc.integer(), fc.constant('text'))), { maxLength: 400 })
  .map((list) => list.toSorted((a, b) => a[1] - b[1]));

describe.each(['m4', 'lttb'] as const)('a line drawn with fewer readings (%s)', (method) => {
  it('has readings that were sent, in order, and no more of a series than are wanted', () => {
    fc.assert(
      fc.property(anyRows, fc.integer({ min: 4, max: 50 }), (list, points) => {
        const found = listOf(downsample(rowsOf(list), { method, points }));
        const left = [...list];
        for (const row of found) {
          const at = left.findIndex((one) => one.join() === row.join());
          expect(at).toBeGreaterThanOrEqual(0);
          // Behind it only: order is kept.
          left.splice(0, at + 1);
        }
        for (const series of new Set(list.map(([one]) => one))) {
          const all = list.filter(([one, , value]) => one === series && typeof value === 'number');
          const count = found.filter(([one]) => one === series).length;
          if (all.length <= points) expect(count).toBe(all.length);
          else expect(count).toBeLessThanOrEqual(points);
        }
      }),
    );
  });

  it('keeps the first and the last, and a spike', () => {
    const list = Array.from(
      { length: 10_000 },
      (_, ts): Row => [1, ts, ts === 5_432 ? 1_000 : Math.sin(ts / 500)],
    );
    const found = listOf(downsample(rowsOf(list), { method, points: 100 }));
    expect([found[0]?.[1], found.at(-1)?.[1]]).toEqual([0, 9_999]);
    expect(found.some(([, ts]) => ts === 5_432)).toBe(true);
    expect(found.length).toBeGreaterThan(50);
  });
});
