import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Accumulator } from '../pipeline/windows/accumulator.ts';
import { WindowRows } from '../pipeline/windows/window-rows.ts';
import { KIND_NUMBER, type Series } from '../series.ts';
import { NOW } from '../test-kit.ts';
import { commitOf } from './store.case.ts';
import type { Store } from './store.ts';

/** What every store promises of declared windows. */

const temperature: Series = { id: 0, device: 'a', metric: 'temperature', unit: 'Cel', kind: KIND_NUMBER };
const power: Series = { id: 1, device: 'a', metric: 'power', unit: 'W', kind: KIND_NUMBER };
const never = new AbortController().signal;

export function windowStoreCases(
  name: string,
  make: () => Promise<{ open: () => Store; remove: () => Promise<void> }>,
) {
  describe(`${name} as a store of windows`, () => {
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

    it('keeps windows as they were told last, and what a start has to know of them', async () => {
      await store.open();
      const row = (start: number, count: number, revision: number) => ({
        series: 0,
        name: 'w',
        window: { start, end: start + 10, sum: new Accumulator(false), revision: revision - 1, toldCount: 0 },
        cause: 0 as const,
        sum: count === 0 ? undefined : Object.assign(new Accumulator(true), { count, min: -1, lastTs: NOW }),
        quantiles: [],
      });
      const windowState = { series: 0, name: 'w', definition: '{}', floor: 0, isRetired: false };
      const commit = (rows: readonly ReturnType<typeof row>[], floor: number) => {
        const windows = new WindowRows();
        for (const one of rows) windows.add(one);
        const windowStates = [{ ...windowState, floor, isRetired: floor > 0 }];
        const readings: Parameters<typeof commitOf>[0] = [
          [temperature, NOW + floor, floor],
          [power, NOW + 90, 1],
          [temperature, NOW - 50, floor],
        ];
        return store.commit(
          commitOf(readings, { series: floor === 0 ? [temperature, power] : [], windows, windowStates }),
        );
      };
      await commit([row(NOW, 3, 1), row(NOW + 10, 1, 1), row(NOW - 10, 9, 1)], 0);
      await commit([row(NOW, 4, 2), row(NOW + 10, 0, 2)], 20);
      const asked = {
        series: [temperature],
        name: 'w',
        from: NOW,
        to: NOW + 20,
        limit: 9,
        descending: false,
      };
      const found = await store.windowed.windows(asked, never);
      expect(found).toMatchObject([
        { series: 0, name: 'w', start: NOW, end: NOW + 10, count: 4, revision: 2 },
      ]);
      const both = await store.windowed.windows({ ...asked, from: 0, descending: true }, never);
      expect(both.map(({ start }) => start)).toEqual([NOW, NOW - 10]);
      expect(await store.windowed.windows({ ...asked, name: "w' OR 1=1" }, never)).toEqual([]);
      expect(await store.windowed.windowStates()).toEqual([{ ...windowState, floor: 20, isRetired: true }]);
      expect(await store.windowed.newestTimes()).toEqual(new Map([[0, NOW + 20]]));
      const horizons = [{ series: 0, name: 'w', since: NOW }];
      const replayed: unknown[] = [];
      await store.windowed.replay(horizons, ({ size, series, ts, value }) => {
        for (let at = 0; at < size; at += 1) replayed.push([series[at], ts[at], value[at]]);
      });
      expect(replayed).toEqual([
        [0, NOW, 0],
        [0, NOW + 20, 20],
      ]);
      expect(await store.windowed.toldWindows(horizons)).toEqual(
        new Map([['0 w', [{ start: NOW, revision: 2, count: 4 }]]]),
      );
    });
  });
}
