import { WINDOW_EVENTS_PER_COMMIT_MAX } from '../base/limits.ts';
import { WINDOW_CAUSES, type WindowChange, type WindowResult } from '../model/windows.ts';
import type { Batch } from './pipeline/batch.ts';
import type { WindowRows } from './pipeline/windows/window-rows.ts';
import type { SeriesDirectory } from './series.ts';
import type { StoredWindow } from './store/window-store.ts';

/** Windows in words: what is told of those of a commit, and what a query answers. */

export interface WindowReport {
  /** A bounded number; all are stored. */
  readonly told: readonly ToldResult[];
  /** All of them. */
  readonly changes: readonly (readonly [WindowChange, number])[];
  /** Readings that came too late for a window of theirs. */
  readonly late: number;
}

interface ToldResult extends WindowResult {
  readonly device: string;
  readonly change: WindowChange;
}

export function windowReport({ windows, lateReadings }: Batch, directory: SeriesDirectory): WindowReport {
  const told: ToldResult[] = [];
  const changes = new Map<WindowChange, number>();
  for (let row = 0; row < windows.size; row += 1) {
    const change = windows.changeOf(row);
    changes.set(change, (changes.get(change) ?? 0) + 1);
    if (told.length === WINDOW_EVENTS_PER_COMMIT_MAX) continue;
    const stored = storedOf(windows, row);
    const device = directory.get(stored.series)?.device;
    const result = windowResult(stored, directory);
    if (device !== undefined && result !== undefined) told.push({ device, change, ...result });
  }
  return { told, changes: [...changes], late: lateReadings };
}

/** Undefined where nobody knows the series. */
export function windowResult(row: StoredWindow, directory: SeriesDirectory): WindowResult | undefined {
  const { series, name, cause, quantiles, ...numbers } = row;
  const known = directory.get(series);
  if (known === undefined) return undefined;
  return {
    metric: known.metric,
    ...(known.unit === '' ? {} : { unit: known.unit }),
    window: name,
    ...numbers,
    ...(quantiles === '' ? {} : { quantiles: JSON.parse(quantiles) as Record<string, number> }),
    cause: WINDOW_CAUSES[cause] ?? 'watermark',
  };
}

function storedOf(rows: WindowRows, row: number): StoredWindow {
  return {
    series: rows.series[row] ?? 0,
    name: rows.names[row] ?? '',
    start: rows.start[row] ?? 0,
    end: rows.end[row] ?? 0,
    count: rows.count[row] ?? 0,
    min: rows.min[row] ?? 0,
    max: rows.max[row] ?? 0,
    mean: rows.mean[row] ?? 0,
    stddev: rows.stddev[row] ?? 0,
    last: rows.last[row] ?? 0,
    lastTs: rows.lastTs[row] ?? 0,
    revision: rows.revision[row] ?? 0,
    cause: rows.cause[row] ?? 0,
    quantiles: rows.quantiles[row] ?? '',
  };
}
