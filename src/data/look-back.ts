import { ANALYSIS_LOOK_BACK_MS, ANALYSIS_LOOK_BACK_ROWS } from '../base/limits.ts';
import type { Analyze } from './pipeline/analyze/analyze.ts';
import type { Batch } from './pipeline/batch.ts';
import type { Store } from './store/store.ts';

interface LookBackOptions {
  readonly analyze: Analyze;
  readonly batch: Batch;
  readonly store: Store;
  /** Wall time, milliseconds. */
  readonly now: number;
  readonly onBug: (cause: unknown, about: string) => void;
}

/**
 * Shows the analysis what is stored of the series it watches, before the first packet is taken: their last readings,
 * since when they have not changed, and when they were heard last. Bounded in time and in number; where it cannot be read
 * the analysis begins without.
 */
export async function lookBack({ analyze, batch, store, now, onBug }: LookBackOptions): Promise<void> {
  const series = analyze.watchable();
  if (series.length === 0) return;
  const from = now - ANALYSIS_LOOK_BACK_MS;
  try {
    const minutes = await store.recentMinutes(series, from, ANALYSIS_LOOK_BACK_ROWS);
    const oldest = minutes.length < ANALYSIS_LOOK_BACK_ROWS ? from : (minutes[0]?.lastTs ?? from);
    analyze.lookBack({ batch, minutes, from: oldest, now });
  } catch (cause) {
    onBug(cause, 'the analysis begins without looking back');
  }
}
