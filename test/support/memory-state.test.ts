import { beforeEach, describe, expect, it } from 'vitest';
import { batchCases } from '../../src/state/state.case.ts';
import { MemoryStateStore } from './memory-state.ts';

describe('a state store in memory', () => {
  let store: MemoryStateStore;
  beforeEach(() => {
    store = new MemoryStateStore();
  });

  batchCases(() => store);

  it('does nothing of a batch while a fault is ordered', async () => {
    const rows = store.table<number>('rows');
    store.writeFault = new Error('disk');
    await expect(store.batch(() => void rows.put('a', 1))).rejects.toThrow('disk');
    expect([rows.count, store.writes]).toEqual([0, []]);
    store.writeFault = undefined;
    await store.batch(() => void rows.put('a', 1));
    expect([rows.count, store.writes]).toEqual([1, ['rows/a']]);
  });
});
