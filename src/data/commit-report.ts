import { LIVE_QUEUE_MAX } from '../base/limits.ts';
import type { ErrorCode } from '../model/errors.ts';
import type { DeviceId } from '../model/ids.ts';
import type { HistoryTotals } from '../model/ports/history.ts';
import type { Reading, ReadingValue } from '../model/reading.ts';
import type { Batch } from './pipeline/batch.ts';
import type { DeviceDirectory } from './pipeline/device-directory.ts';
import type { CommitReport, WatchList } from './protocol.ts';
import { KIND_BOOLEAN, type Series, type SeriesDirectory } from './series.ts';

/** Kinds of refusal (device and code) told of one commit; the counts by code are complete. */
const REFUSALS_TOLD_MAX = 1_000;

interface ReportOptions {
  readonly batch: Batch;
  readonly totals: HistoryTotals;
  readonly seconds: number;
  readonly directory: DeviceDirectory;
  readonly series: SeriesDirectory;
  readonly watched: WatchList;
}

/** What is told of a commit: sums per device, and readings only where somebody watches. */
export function commitReport(options: ReportOptions): CommitReport {
  const { batch, totals, seconds, directory } = options;
  const received: CommitReport['received'][number][] = [];
  batch.tally.forEach((device, readings, fromMs, toMs) => {
    received.push({ device: directory.idOf(device), readings, fromMs, toMs });
  });
  return {
    totals,
    seconds,
    stored: batch.stored,
    forwarded: batch.forwarded,
    quarantined: batch.quarantined,
    readings: batch.readings,
    rejections: [...batch.rejections],
    received,
    refused: refusals(batch),
    findings: findings(batch, options.series),
    ...liveReadings(options),
  };
}

function refusals(batch: Batch): CommitReport['refused'] {
  const found = new Map<string, { device: string; code: ErrorCode; message: string; count: number }>();
  for (const { device, code, message } of batch.quarantine) {
    const key = `${device} ${code}`;
    const known = found.get(key);
    if (known !== undefined) known.count += 1;
    else if (found.size < REFUSALS_TOLD_MAX) found.set(key, { device, code, message, count: 1 });
  }
  return [...found.values()];
}

function findings(batch: Batch, directory: SeriesDirectory): CommitReport['findings'] {
  const told: CommitReport['findings'][number][] = [];
  for (const { series, ts, value, evidence } of batch.findings) {
    const known = directory.get(series);
    if (known !== undefined) told.push({ device: known.device, metric: known.metric, ts, value, evidence });
  }
  return told;
}

function liveReadings(options: ReportOptions): { live: readonly Reading[]; liveDropped: number } {
  const { batch, watched } = options;
  if (watched !== 'all' && watched.length === 0) return { live: [], liveDropped: 0 };
  const devices = watched === 'all' ? undefined : new Set(watched);
  const live: Reading[] = [];
  let liveDropped = 0;
  const take = (id: number, ts: number, valueOf: (series: Series) => ReadingValue): void => {
    const series = options.series.get(id);
    if (series === undefined || devices?.has(series.device) === false) return;
    if (live.length === LIVE_QUEUE_MAX) liveDropped += 1;
    else live.push(toReading(series, ts, valueOf(series)));
  };
  const { numbers, texts } = batch;
  for (let row = 0; row < numbers.size; row += 1) {
    const value = numbers.value[row] ?? 0;
    take(numbers.series[row] ?? 0, numbers.ts[row] ?? 0, ({ kind }) =>
      kind === KIND_BOOLEAN ? value !== 0 : value,
    );
  }
  for (let row = 0; row < texts.size; row += 1) {
    take(texts.series[row] ?? 0, texts.ts[row] ?? 0, () => texts.text[row] ?? '');
  }
  return { live, liveDropped };
}

const toReading = (series: Series, ts: number, value: ReadingValue): Reading => ({
  device: series.device as DeviceId,
  metric: series.metric,
  ts,
  value,
  ...(series.unit === '' ? {} : { unit: series.unit }),
});
