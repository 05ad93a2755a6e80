import type { Aggregate, HistoryTotals, QuarantineRow } from '../../model/ports/history.ts';
import type { Note } from '../pipeline/preset-notes.ts';
import type { NumberRows, TextRows } from '../pipeline/rows.ts';
import type { WindowParts } from '../pipeline/window-parts.ts';
import type { Series } from '../series.ts';

/**
 * Where history is kept. A store promises that a commit is all or nothing, log offset included: whoever reads the
 * log again from `totals.offset` neither loses nor doubles a reading. It knows nothing of packets and devices,
 * only series, rows and what is handed to it.
 */

/** What a store knows when it is opened. */
export interface StoreState {
  readonly totals: HistoryTotals;
  readonly series: readonly Series[];
  readonly notes: readonly Note[];
}

/** One commit. The columns are the caller's: read before the promise resolves, not kept. */
export interface StoreCommit {
  readonly series: readonly Series[];
  readonly numbers: Pick<NumberRows, 'size' | 'series' | 'ts' | 'value'>;
  readonly texts: Pick<TextRows, 'size' | 'series' | 'ts' | 'text'>;
  readonly parts: WindowParts;
  readonly quarantine: readonly QuarantineRow[];
  readonly notes: readonly Note[];
  /** As they are after this commit. */
  readonly totals: HistoryTotals;
}

/** Which readings: of these series, `from <= ts < to` (milliseconds). */
export interface RowsRequest {
  /** None = nothing found. */
  readonly series: readonly Series[];
  readonly from: number;
  readonly to: number;
  readonly limit: number;
  readonly descending: boolean;
  /** Absent = raw readings. Text series are left out of buckets. */
  readonly bucket?: { readonly intervalMs: number; readonly aggregate: Aggregate } | undefined;
}

/** Rows as columns, in order of time; `text` has an entry where the series is text (its `value` is 0 then). */
export interface SeriesRows {
  readonly series: Uint32Array<ArrayBuffer>;
  readonly ts: Float64Array<ArrayBuffer>;
  readonly value: Float64Array<ArrayBuffer>;
  readonly text: ReadonlyMap<number, string>;
}

export interface Store {
  /** Opens, or makes, the store. Throws 'store.failed', 'data_dir.newer'. Never deletes anything. */
  open(): Promise<StoreState>;
  /** Throws 'store.failed' or 'disk.full'; the store must be closed and opened again then. */
  commit(commit: StoreCommit): Promise<void>;
  rows(request: RowsRequest, signal: AbortSignal): Promise<SeriesRows>;
  /** The newest reading of each series. */
  latest(series: readonly Series[], signal: AbortSignal): Promise<SeriesRows>;
  file(
    request: RowsRequest,
    format: 'csv' | 'parquet',
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** Newest first. */
  quarantine(
    device: string | undefined,
    limit: number,
    signal: AbortSignal,
  ): Promise<readonly QuarantineRow[]>;
  close(): Promise<void>;
}
