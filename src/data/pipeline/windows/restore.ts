import type { WindowDefinition } from '../../../model/windows.ts';
import type { WindowStore } from '../../store/window-store.ts';
import type { WindowEngine } from './window-engine.ts';

/**
 * Makes the open windows again from stored readings: those that can still change, and no others. The readings come in
 * the order they were stored, so that every sum, every watermark and every late reading comes out as before.
 */
export async function restoreWindows(
  engine: WindowEngine,
  store: Omit<WindowStore, 'windows'>,
  now: number,
): Promise<void> {
  const states = await store.windowStates();
  if (states.length === 0) return;
  for (const state of states) {
    engine.recallState(state, JSON.parse(state.definition) as WindowDefinition, now);
  }
  const newest = await store.newestTimes();
  const series = new Set(states.map((state) => state.series));
  const horizons = [...series].flatMap((id) => {
    const newestTs = newest.get(id);
    return newestTs === undefined ? [] : engine.horizons(id, newestTs);
  });
  if (horizons.length === 0) return;
  await store.replay(horizons, (readings) => {
    for (let row = 0; row < readings.size; row += 1) {
      engine.recall(readings.series[row] ?? 0, readings.ts[row] ?? 0, readings.value[row] ?? 0);
    }
    engine.settle();
  });
  engine.recallTold(await store.toldWindows(horizons));
}
