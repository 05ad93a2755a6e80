import { describe, expect, it } from 'vitest';
import { QUERIES_IN_FLIGHT_MAX, QUERIES_RUNNING_MAX } from '../base/limits.ts';
import { Queries } from './queries.ts';
import { SeriesDirectory } from './series.ts';
import type { Store } from './store/store.ts';

const query = { kind: 'quarantine', filter: {}, limit: 1 } as const;

const never = () => Promise.reject(new Error('not asked here'));
const others = { ledger: { report: never }, retention: { status: never, preview: never } };

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

  it('says that history is unavailable while the store is opened again', async () => {
    const { store } = slowStore();
    const queries = new Queries({ store, series: () => undefined, ...others });
    await expect(queries.run(query)).rejects.toMatchObject({ code: 'store.unavailable' });
  });
});
