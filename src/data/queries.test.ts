import { describe, expect, it } from 'vitest';
import { DOWNSAMPLE_ROWS_MAX, QUERIES_IN_FLIGHT_MAX, QUERIES_RUNNING_MAX } from '../base/limits.ts';
import { Queries } from './queries.ts';
import { SeriesDirectory } from './series.ts';
import type { Store } from './store/store.ts';

const query = { kind: 'quarantine', filter: {}, limit: 1 } as const;

const never = () => Promise.reject(new Error('not asked here'));
const others = {
  ledger: { report: never },
  retention: { status: never, preview: never },
  isRegistered: () => true,
};

/** A store whose queries end when told to, or when interrupted. */
function slowStore() {
  const ends: (() => void)[] = [];
  let most = 0;
  let running = 0;
  const quarantine: Store['quarantine'] = (_device, _limit, signal) => {
    running += 1;
    most = Math.max(most, running);
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        running -= 1;
        settle();
      };
      ends.push(() => end(() => resolve([])));
      signal.addEventListener('abort', () => end(() => reject(new Error('INTERRUPT Error: Interrupted!'))));
    });
  };
  return { store: { quarantine } as Store, ends, most: () => most };
}

describe('queries', () => {
  it('runs a few at once, lets some wait, and refuses the others', async () => {
    const { store, ends, most } = slowStore();
    const queries = new Queries({ store, series: () => new SeriesDirectory([]), ...others });
    const asked = Array.from({ length: QUERIES_IN_FLIGHT_MAX }, () => queries.run(query));
    await expect(queries.run(query)).rejects.toMatchObject({ code: 'query.busy' });
    for (let done = 0; done < QUERIES_IN_FLIGHT_MAX; done += 1) {
      while (ends.length <= done) await new Promise(setImmediate);
      ends[done]?.();
    }
    await expect(Promise.all(asked)).resolves.toHaveLength(QUERIES_IN_FLIGHT_MAX);
    expect(most()).toBe(QUERIES_RUNNING_MAX);
  });

  it('ends a query that takes too long, also one that only waited, and goes on', async () => {
    const { store, ends } = slowStore();
    const queries = new Queries({ store, series: () => new SeriesDirectory([]), ...others, timeoutMs: 20 });
    const asked = Array.from({ length: QUERIES_RUNNING_MAX + 2 }, () => queries.run(query));
    const results = await Promise.allSettled(asked);
    for (const result of results) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'query.timeout' } });
    }
    const next = queries.run(query);
    ends.at(-1)?.();
    await expect(next).resolves.toEqual([]);
  });

  it('makes a picture of all readings, and none of too many', async () => {
    const rowsOf = (count: number) => ({
      series: new Uint32Array(count).fill(1),
      ts: Float64Array.from({ length: count }, (_, row) => row),
      value: new Float64Array(count),
      text: new Map<number, string>(),
    });
    let count = 5_000;
    const store = { rows: ({ limit }) => Promise.resolve(rowsOf(Math.min(count, limit))) } as Partial<Store>;
    const queries = new Queries({ store: store as Store, series: () => new SeriesDirectory([]), ...others });
    const downsampling = { method: 'm4', points: 100 } as const;
    const range = { device: 'd', metrics: [], from: 0, to: 9e9, limit: 10, descending: false, downsampling };
    const picture = await queries.run({ kind: 'rows', range });
    expect('ts' in picture && [picture.ts[0], picture.ts.at(-1)]).toEqual([0, 4_999]);
    count = DOWNSAMPLE_ROWS_MAX + 1;
    await expect(queries.run({ kind: 'rows', range })).rejects.toMatchObject({ code: 'query.too_wide' });
  });

  it('says that history is unavailable while the store is opened again', async () => {
    const { store } = slowStore();
    const queries = new Queries({ store, series: () => undefined, ...others });
    await expect(queries.run(query)).rejects.toMatchObject({ code: 'store.unavailable' });
  });
});
