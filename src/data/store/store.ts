import type { Offset } from '../../model/packet.ts';
import type { Aggregate, HistoryTotals } from '../../model/ports/history.ts';
import type {
  QuarantinedPacket,
  QuarantineFilter,
  QuarantineItem,
  QuarantineRow,
} from '../../model/ports/quarantine.ts';
import type { AnalysisState } from '../pipeline/analyze/findings.ts';
import type { RecentMinute } from '../pipeline/analyze/watch.ts';
import type { LedgerCount, LedgerRows, OpenCount } from '../pipeline/ledger.ts';
import type { Note } from '../pipeline/preset-notes.ts';
import type { NumberRows, TextRows } from '../pipeline/rows.ts';
import type { SetAside } from '../pipeline/set-aside.ts';
import type { WindowParts } from '../pipeline/window-parts.ts';
import type { WindowRows, WindowState } from '../pipeline/windows/window-rows.ts';
import type { Series } from '../series.ts';
import type { WindowStore } from './window-store.ts';

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
  /** What the analysis has begun and learned. */
  readonly analysis: readonly AnalysisState[];
  /** Senders of the ledger by their number, and what no tally has named yet. */
  readonly ledger: { readonly senders: readonly string[]; readonly open: readonly OpenCount[] };
}

/** One commit. The columns are the caller's: read before the promise resolves, not kept. */
export interface StoreCommit {
  readonly series: readonly Series[];
  readonly numbers: Pick<NumberRows, 'size' | 'series' | 'ts' | 'value'>;
  readonly texts: Pick<TextRows, 'size' | 'series' | 'ts' | 'text'>;
  readonly parts: WindowParts;
  readonly quarantine: readonly QuarantineItem[];
  /** The packets that `quarantine` has reasons of. */
  readonly asides: readonly SetAside[];
  /** Packets that leave the quarantine, before `asides` come: some may be in both. */
  readonly released: readonly Offset[];
  readonly ledger: LedgerRows;
  readonly notes: readonly Note[];
  /** Changed states, one of each series and detector. */
  readonly analysis?: readonly AnalysisState[] | undefined;
  readonly windows?: WindowRows | undefined;
  readonly windowStates?: readonly WindowState[] | undefined;
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

/** Series ranked by one aggregate of each over the range, `limit` of them at most; text series are left out. */
export interface RankRequest extends Pick<RowsRequest, 'series' | 'from' | 'to' | 'limit' | 'descending'> {
  readonly aggregate: Aggregate;
}

/** `count`: readings that the value was made of. */
export interface RankedSeries {
  readonly series: number;
  readonly value: number;
  readonly count: number;
}

/** One step over the quarantine, oldest first: packets with an offset above `after`. */
export interface AsideRequest {
  readonly filter: QuarantineFilter;
  readonly offset?: Offset | undefined;
  readonly after: Offset;
  readonly limit: number;
  /** Of payloads, together; one packet comes in any case. */
  readonly maxBytes: number;
}

export interface Asides {
  readonly packets: readonly SetAside[];
  /** There are more behind the last of them. */
  readonly hasMore: boolean;
}

export interface LedgerRequest {
  readonly sender?: string | undefined;
  /** Hours since the epoch; exclusive at the end. */
  readonly from: number;
  readonly to: number;
  readonly limit: number;
}

/** Sums of one sender and hour; see LEDGER_COUNTS. */
export interface StoredLedgerRow extends Readonly<Record<LedgerCount, number>> {
  readonly sender: string;
  readonly hour: number;
}

export interface StoredDrops {
  readonly sender: string;
  readonly hour: number;
  /** Position in DROP_REASONS. */
  readonly reason: number;
  readonly count: number;
}

/** The ledger at one moment. */
export interface StoredLedger {
  /** Newest hour first, then by sender, cut at the limit. */
  readonly rows: readonly StoredLedgerRow[];
  /** Of these rows. */
  readonly drops: readonly StoredDrops[];
  /** Over all rows that fit; sender and hour are empty. */
  readonly total: StoredLedgerRow;
  readonly totalDrops: readonly StoredDrops[];
  readonly found: number;
  /** Where history stood in the log. */
  readonly offset: Offset;
}

export interface QuarantineUse {
  readonly packets: number;
  readonly bytes: number;
  /** Packets that made room for newer ones since the store was opened. */
  readonly trimmed: number;
}

export interface Store {
  /** Declared windows; their rows come with the commits. */
  readonly windowed: WindowStore;
  /** Opens, or makes, the store. Throws 'store.failed', 'data_dir.newer'. Never deletes anything. */
  open(): Promise<StoreState>;
  /** Throws 'store.failed' or 'disk.full'; the store must be closed and opened again then. */
  commit(commit: StoreCommit): Promise<void>;
  rows(request: RowsRequest, signal: AbortSignal): Promise<SeriesRows>;
  /** The newest stored minutes of these series since `from`, `limit` at most, oldest first. */
  recentMinutes(series: readonly number[], from: number, limit: number): Promise<readonly RecentMinute[]>;
  /** The newest reading of each series. */
  latest(series: readonly Series[], signal: AbortSignal): Promise<SeriesRows>;
  /** Best first; equal ones in the order of their devices. */
  rank(request: RankRequest, signal: AbortSignal): Promise<readonly RankedSeries[]>;
  file(
    request: RowsRequest,
    format: 'csv' | 'parquet',
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** Reasons that fit, of the newest packets first. */
  quarantine(filter: QuarantineFilter, limit: number, signal: AbortSignal): Promise<readonly QuarantineRow[]>;
  /** One packet; undefined where it is not in the quarantine. */
  quarantined(offset: Offset, signal: AbortSignal): Promise<QuarantinedPacket | undefined>;
  /** Packets with a reason that fits, to be tried again; between commits only. */
  asides(request: AsideRequest): Promise<Asides>;
  ledger(request: LedgerRequest, signal: AbortSignal): Promise<StoredLedger>;
  readonly quarantineUse: QuarantineUse;
  close(): Promise<void>;
}
