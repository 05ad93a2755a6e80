import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AGGREGATES, type Aggregate, type HistoryTotals } from '../../model/ports/history.ts';
import { WINDOW_MS } from '../../model/reading.ts';
import { Batch } from '../pipeline/batch.ts';
import { Ledger } from '../pipeline/ledger.ts';
import { KIND_BOOLEAN, KIND_NUMBER, KIND_TEXT, type Series } from '../series.ts';
import { NOW } from '../test-kit.ts';
import { numberOf } from './aggregates.case.ts';
import type { RowsRequest, SeriesRows, Store, StoreCommit } from './store.ts';

/** What every store promises; each implementation passes all of it. */

const temperature: Series = { id: 0, device: 'a', metric: 'temperature', unit: 'Cel', kind: KIND_NUMBER };
const isOn: Series = { id: 1, device: 'a', metric: 'on', unit: '', kind: KIND_BOOLEAN };
const state: Series = { id: 2, device: 'a', metric: 'state', unit: '', kind: KIND_TEXT };
const power: Series = {
  id: 3,
  device: 'b',
  metric: "power'); DROP TABLE readings; --",
  unit: 'W',
  kind: KIND_NUMBER,
};
const all = [temperature, isOn, state, power];

export const NO_TOTALS: HistoryTotals = {
  packets: 0,
  stored: 0,
  forwarded: 0,
  quarantined: 0,
  readings: 0,
  rejections: 0,
  offset: 0,
};

type Given = readonly [series: Series, ts: number, value: number | string];

/** A commit as the pipeline would make it. */
export function commitOf(readings: readonly Given[], more: Partial<StoreCommit> = {}): StoreCommit {
  const batch = new Batch();
  for (const [series, ts, value] of readings) {
    if (typeof value === 'string') {
      batch.texts.push(0, ts, value);
      batch.texts.series[batch.texts.size - 1] = series.id;
    } else {
      batch.numbers.push(0, ts, value);
      batch.numbers.series[batch.numbers.size - 1] = series.id;
      batch.parts.add(series.id, ts, value);
    }
  }
  const { numbers, texts, parts } = batch;
  const ledger = new Ledger({ senders: [], open: [] }).rows();
  const nothing = { series: [], quarantine: [], asides: [], released: [], ledger, notes: [] };
  return { ...nothing, numbers, texts, parts, totals: NO_TOTALS, ...more };
}

const never = new AbortController().signal;

const request = (more: Partial<RowsRequest> = {}): RowsRequest => ({
  series: all,
  from: 0,
  to: NOW * 2,
  limit: 1_000,
  descending: false,
  ...more,
});

const listed = ({ series, ts, value, text }: SeriesRows): unknown[] =>
  Array.from(ts, (at, row) => [series[row], at, text.get(row) ?? value[row]]);

export function storeCases(
  name: string,
  make: () => Promise<{ open: () => Store; remove: () => Promise<void> }>,
) {
  describe(`${name} as a store`, () => {
    let place: Awaited<ReturnType<typeof make>>;
    let store: Store;

    beforeEach(async () => {
      place = await make();
      store = place.open();
    });

    afterEach(async () => {
      await store.close();
      await place.remove();
    });

    it('keeps the last state of each detector of a series, and forgets what is over', async () => {
      await store.open();
      const begun = { series: 0, detector: 'range', begunAt: NOW, center: 0, spread: 0 } as const;
      const learned = { series: 0, detector: 'ewma', begunAt: 0, center: 20.5, spread: 0.1 } as const;
      const other = { ...begun, series: 1 };
      await store.commit(commitOf([], { analysis: [begun, learned, other] }));
      const again = { ...learned, begunAt: NOW + 5 };
      await store.commit(commitOf([], { analysis: [again, { ...begun, begunAt: 0 }] }));
      await store.close();
      store = place.open();
      const { analysis } = await store.open();
      expect(analysis.toSorted((a, b) => a.series - b.series)).toEqual([again, other]);
    });

    it('shows the newest minutes of the series asked for, oldest first', async () => {
      await store.open();
      const minute = (at: number, value: number): Given => [temperature, NOW + at * WINDOW_MS, value];
      const readings = [minute(0, 1), minute(1, 2), minute(1, 3), minute(2, 4)];
      await store.commit(commitOf([...readings, [isOn, NOW, 1]], { series: all }));
      const shown = (found: Awaited<ReturnType<Store['recentMinutes']>>): unknown[] =>
        found.map(({ series, lastTs, last, min, max }) => [
          series,
          (lastTs - NOW) / WINDOW_MS,
          last,
          min,
          max,
        ]);
      expect(shown(await store.recentMinutes([0], NOW, 10))).toEqual([
        [0, 1, 3, 2, 3],
        [0, 2, 4, 4, 4],
      ]);
      expect(shown(await store.recentMinutes([0, 1], 0, 2))).toEqual([
        [0, 1, 3, 2, 3],
        [0, 2, 4, 4, 4],
      ]);
      expect(await store.recentMinutes([], 0, 10)).toEqual([]);
    });

    it('begins empty, and knows after a restart what was committed', async () => {
      expect(await store.open()).toMatchObject({ totals: NO_TOTALS, series: [], notes: [] });
      const totals = {
        packets: 9,
        stored: 4,
        forwarded: 3,
        quarantined: 2,
        readings: 2,
        rejections: 7,
        offset: 12,
      };
      const notes = [
        { device: 'a', key: 'k', value: 'v' },
        { device: 'a', key: 'gone', value: 'x' },
      ];
      await store.commit(commitOf([[temperature, NOW, 21.5]], { series: all, totals, notes }));
      await store.commit(commitOf([], { totals, notes: [{ device: 'a', key: 'gone', value: undefined }] }));
      await store.close();
      store = place.open();
      expect(await store.open()).toMatchObject({ totals, series: all, notes: notes.slice(0, 1) });
      expect(listed(await store.rows(request(), never))).toEqual([[0, NOW, 21.5]]);
    });

    it('gives raw rows of all kinds in order of time, within the range, up to the limit', async () => {
      await store.open();
      await store.commit(
        commitOf(
          [
            [temperature, NOW + 2, -0],
            [temperature, NOW, 21.25],
            [isOn, NOW + 1, 1],
            [state, NOW + 1, 'grün \0 "\',\n'],
            [state, NOW - 1, ''],
            [power, NOW, 1e308],
          ],
          { series: all },
        ),
      );
      const ofA = all.slice(0, 3);
      const rows = [
        [2, NOW - 1, ''],
        [0, NOW, 21.25],
        [1, NOW + 1, 1],
        [2, NOW + 1, 'grün \0 "\',\n'],
        [0, NOW + 2, -0],
      ];
      expect(listed(await store.rows(request({ series: ofA }), never))).toEqual(rows);
      expect(listed(await store.rows(request({ series: ofA, limit: 2 }), never))).toEqual(rows.slice(0, 2));
      expect(listed(await store.rows(request({ series: ofA, from: NOW, to: NOW + 2 }), never))).toEqual(
        rows.slice(1, 4),
      );
      const newest = await store.rows(request({ series: ofA, descending: true, limit: 2 }), never);
      expect(listed(newest).map((row) => (row as number[])[1])).toEqual([NOW + 2, NOW + 1]);
      expect(listed(await store.rows(request({ series: [power] }), never))).toEqual([[3, NOW, 1e308]]);
      expect(listed(await store.rows(request({ series: [] }), never))).toEqual([]);
    });

    it('knows the newest reading of each series; of the same millisecond the one that came last', async () => {
      await store.open();
      await store.commit(
        commitOf(
          [
            [temperature, NOW, 30],
            [temperature, NOW, 20],
            [temperature, NOW - 1, 99],
            [state, NOW, 'z'],
            [state, NOW, 'a'],
          ],
          { series: all },
        ),
      );
      expect(listed(await store.latest(all, never))).toEqual([
        [0, NOW, 20],
        [2, NOW, 'a'],
      ]);
      await store.commit(commitOf([[temperature, NOW, 10]]));
      await store.commit(commitOf([[temperature, NOW - 5, 50]]));
      expect(listed(await store.latest([temperature], never))).toEqual([[0, NOW, 10]]);
    });

    it('knows the newest readings also of those that came after it was first asked', async () => {
      await store.open();
      await store.commit(commitOf([[temperature, NOW, 1]], { series: all }));
      expect(listed(await store.latest([temperature, power], never))).toEqual([[0, NOW, 1]]);
      await store.commit(
        commitOf([
          [power, NOW - 9, 7],
          [temperature, NOW, 2],
          [temperature, NOW - 1, 3],
          [isOn, NOW + 1, 0],
        ]),
      );
      const newest = [
        [0, NOW, 2],
        [1, NOW + 1, 0],
        [3, NOW - 9, 7],
      ];
      expect(listed(await store.latest([temperature, isOn, power], never))).toEqual(newest);
      await store.close();
      store = place.open();
      await store.open();
      expect(listed(await store.latest([temperature, isOn, power], never))).toEqual(newest);
    });

    it('answers buckets the same whether from windows or from readings', async () => {
      await store.open();
      const base = Math.floor(NOW / WINDOW_MS) * WINDOW_MS;
      const span = 12 * WINDOW_MS;
      const reading = fc.tuple(
        fc.constantFrom(temperature, isOn),
        fc.integer({ min: 0, max: span }).map((ms) => base + ms),
        fc.integer({ min: -1_000, max: 1_000 }).map((value) => value / 4),
      );
      const query = fc.record({
        from: fc.integer({ min: -1_000, max: span }).map((ms) => base + ms),
        length: fc.integer({ min: 0, max: span }),
        minutes: fc.constantFrom(1, 2, 5, 60),
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
            await store.commit(commitOf(given, known ? {} : { series: all }));
            known = true;
            kept.push(...given);
            for (const { from, length, minutes, aggregate, descending } of queries) {
              const intervalMs = minutes * WINDOW_MS;
              const asked = { from, to: from + length, descending, bucket: { intervalMs, aggregate } };
              const rows = listed(await store.rows(request(asked), never));
              expect(rows).toEqual(bucketsOf(kept, asked));
            }
          },
        ),
        { numRuns: 25 },
      );
    });

    it('answers buckets below a minute from the readings', async () => {
      await store.open();
      const readings: Given[] = Array.from({ length: 60 }, (_, at) => [temperature, NOW + at * 250, at]);
      await store.commit(commitOf(readings, { series: all }));
      const bucket = { intervalMs: 5_000, aggregate: 'avg' as const };
      expect(listed(await store.rows(request({ bucket }), never))).toEqual([
        [0, NOW, 9.5],
        [0, NOW + 5_000, 29.5],
        [0, NOW + 10_000, 49.5],
      ]);
      expect(listed(await store.rows(request({ bucket, limit: 1, descending: true }), never))).toEqual([
        [0, NOW + 10_000, 49.5],
      ]);
    });

    it('writes CSV as people read it, and Parquet', async () => {
      await store.open();
      await store.commit(
        commitOf(
          [
            [temperature, NOW, 21],
            [isOn, NOW + 1, 1],
            [state, NOW + 2, 'a "b", c'],
            [power, NOW + 3, 0.5],
          ],
          { series: all },
        ),
      );
      const csv = await store.file(request(), 'csv', never);
      expect(Buffer.from(csv).toString()).toBe(
        [
          'device,metric,ts,value,unit',
          `a,temperature,${NOW},21,Cel`,
          `a,on,${NOW + 1},true,`,
          `a,state,${NOW + 2},"a ""b"", c",`,
          `b,power'); DROP TABLE readings; --,${NOW + 3},0.5,W`,
          '',
        ].join('\n'),
      );
      const averages = { intervalMs: WINDOW_MS, aggregate: 'avg' as const };
      const buckets = await store.file(request({ series: [isOn], bucket: averages }), 'csv', never);
      expect(Buffer.from(buckets).toString().split('\n')[1]).toBe(`a,on,${NOW - (NOW % WINDOW_MS)},1,`);
      const parquet = Buffer.from(await store.file(request(), 'parquet', never));
      expect([parquet.subarray(0, 4).toString(), parquet.subarray(-4).toString()]).toEqual(['PAR1', 'PAR1']);
      const nothing = Buffer.from(await store.file(request({ series: [] }), 'csv', never)).toString();
      expect(nothing.trim()).toBe('device,metric,ts,value,unit');
    });

    it('stops a query when told to, and goes on', async () => {
      await store.open();
      const readings: Given[] = Array.from({ length: 10_000 }, (_, at) => [temperature, NOW + at, at]);
      await store.commit(commitOf(readings, { series: all }));
      await expect(store.rows(request(), AbortSignal.abort(new Error('enough')))).rejects.toThrow();
      expect(listed(await store.rows(request({ limit: 1 }), never))).toHaveLength(1);
    });
  });
}

/** Buckets computed the slow, plain way. */
function bucketsOf(
  readings: readonly Given[],
  asked: {
    readonly from: number;
    readonly to: number;
    readonly descending: boolean;
    readonly bucket: { readonly intervalMs: number; readonly aggregate: Aggregate };
  },
): unknown[] {
  const { intervalMs, aggregate } = asked.bucket;
  const buckets = new Map<string, { series: number; ts: number; rows: (readonly [number, number])[] }>();
  for (const [series, ts, value] of readings) {
    if (typeof value === 'string' || ts < asked.from || ts >= asked.to) continue;
    const start = Math.floor(ts / intervalMs) * intervalMs;
    const key = `${series.id}@${start}`;
    const bucket = buckets.get(key) ?? { series: series.id, ts: start, rows: [] };
    bucket.rows.push([ts, value]);
    buckets.set(key, bucket);
  }
  const sign = asked.descending ? -1 : 1;
  return [...buckets.values()]
    .toSorted((a, b) => sign * (a.ts - b.ts || a.series - b.series))
    .map(({ series, ts, rows }) => [series, ts, aggregateOf(rows, aggregate)]);
}

function aggregateOf(rows: readonly (readonly [ts: number, value: number])[], aggregate: Aggregate): unknown {
  const value = numberOf(rows, aggregate);
  if (aggregate === 'stddev') return expect.closeTo(value, 6);
  return aggregate.startsWith('p') ? expect.closeTo(value, 9) : value;
}
