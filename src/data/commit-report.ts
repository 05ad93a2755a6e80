import { LIVE_QUEUE_MAX } from '../base/limits.ts';
import type { ErrorCode } from '../model/errors.ts';
import type { DeviceId } from '../model/ids.ts';
import type { HistoryTotals } from '../model/ports/history.ts';
import type { MessageTrace } from '../model/ports/traces.ts';
import type { Reading, ReadingValue } from '../model/reading.ts';
import type { Batch } from './pipeline/batch.ts';
import type { DeviceDirectory } from './pipeline/device-directory.ts';
import type { CommitReport, WatchList } from './protocol.ts';
import type { ReplayedStep } from './replay.ts';
import { KIND_BOOLEAN, type Series, type SeriesDirectory } from './series.ts';
import type { QuarantineUse } from './store/store.ts';
import { windowReport } from './window-report.ts';

/** Kinds of refusal (device and code) told of one commit; the counts by code are complete. */
const REFUSALS_TOLD_MAX = 1_000;

interface ReportOptions {
  readonly batch: Batch;
  readonly totals: HistoryTotals;
  readonly seconds: number;
  readonly directory: DeviceDirectory;
  readonly series: SeriesDirectory;
  readonly watched: WatchList;
  /** Messages that tallies and log disagree about. */
  readonly unaccounted: number;
  readonly quarantine: QuarantineUse;
  /** The commit is of packets that have been counted, and their refusals told, before. */
  readonly replayed: ReplayedStep | undefined;
  readonly traces: readonly MessageTrace[];
}

/** What is told of a commit: sums per device, and readings only where somebody watches. */
export function commitReport(options: ReportOptions): CommitReport {
  const { batch, totals, seconds, directory, replayed } = options;
  const received: CommitReport['received'][number][] = [];
  batch.tally.forEach((device, readings, fromMs, toMs) => {
    received.push({ device: directory.idOf(device), readings, fromMs, toMs });
  });
  return {
    totals,
    seconds,
    ...(replayed === undefined ? countsOf(batch) : { stored: 0, forwarded: 0, quarantined: 0 }),
    readings: batch.readings,
    rejections: [...batch.rejections],
    received,
    refused: replayed === undefined ? refusals(batch) : [],
    unaccounted: options.unaccounted,
    quarantine: options.quarantine,
    replayed: replayed?.outcome,
    traces: options.traces,
    windows: windowReport(batch, options.series),
    findings: findings(batch, options.series),
    findingCounts: batch.findings.counted,
    ...liveReadings(options),
  };
}

const countsOf = ({ stored, forwarded, quarantined }: Batch) => ({ stored, forwarded, quarantined });

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
  for (const { series, ...finding } of batch.findings.told) {
    const known = directory.get(series);
    if (known === undefined) continue;
    const { device, metric, unit } = known;
    told.push({ device, metric, ...(unit === '' ? {} : { unit }), ...finding });
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
