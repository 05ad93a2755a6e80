import type { ErrorCode } from '../model/errors.ts';
import type { Offset } from '../model/packet.ts';
import type { Aggregate, HistoryTotals, QuarantineRow } from '../model/ports/history.ts';
import type { Profile } from '../model/profile.ts';
import type { Reading } from '../model/reading.ts';
import type { AttributeReport, ChildAdmission } from './pipeline/batch.ts';
import type { DeviceFacts } from './pipeline/device-entry.ts';
import type { Series } from './series.ts';

/** What the main thread and the data worker say to each other. Plain data; large columns are transferred. */

/** How often and how much is committed; what limits.ts says but for tests. */
export interface CommitPace {
  readonly lingerMs: number;
  readonly maxReadings: number;
  readonly readRoundBytes: number;
  readonly checkpointMib: number;
}

export interface WorkerSetup {
  readonly logPath: string;
  readonly storePath: string;
  readonly tempDir: string;
  readonly pace: CommitPace;
}

export interface QueryRange {
  readonly device: string;
  readonly metrics: readonly string[];
  readonly from: number;
  readonly to: number;
  readonly limit: number;
  readonly descending: boolean;
  readonly bucket?: { readonly intervalMs: number; readonly aggregate: Aggregate } | undefined;
}

export type Query =
  | { readonly kind: 'rows'; readonly range: QueryRange }
  | { readonly kind: 'file'; readonly range: QueryRange; readonly format: 'csv' | 'parquet' }
  | { readonly kind: 'latest'; readonly device: string; readonly metrics: readonly string[] }
  | { readonly kind: 'quarantine'; readonly device?: string | undefined; readonly limit: number };

/** Rows as columns, with the series they name. */
export interface RowColumns {
  readonly dictionary: readonly Series[];
  readonly series: Uint32Array<ArrayBuffer>;
  readonly ts: Float64Array<ArrayBuffer>;
  readonly value: Float64Array<ArrayBuffer>;
  readonly text: ReadonlyMap<number, string>;
}

export interface QueryAnswers {
  readonly rows: RowColumns;
  readonly latest: RowColumns;
  readonly file: Uint8Array<ArrayBuffer>;
  readonly quarantine: readonly QuarantineRow[];
}

export interface Fault {
  readonly code: ErrorCode;
  readonly detail: string;
}

/** Whose readings are wanted live; an empty list = nobody's. */
export type WatchList = 'all' | readonly string[];

/** What the main thread does before the commit of the packets that asked for it. */
export interface Effects {
  readonly children: readonly ChildAdmission[];
  readonly attributes: readonly AttributeReport[];
}

/** What one commit brought. */
export interface CommitReport {
  readonly totals: HistoryTotals;
  readonly stored: number;
  readonly forwarded: number;
  readonly quarantined: number;
  readonly readings: number;
  readonly seconds: number;
  readonly rejections: readonly (readonly [ErrorCode, number])[];
  readonly received: readonly {
    readonly device: string;
    readonly readings: number;
    readonly fromMs: number;
    readonly toMs: number;
  }[];
  readonly refused: readonly {
    readonly device: string;
    readonly code: ErrorCode;
    readonly message: string;
    readonly count: number;
  }[];
  readonly findings: readonly {
    readonly device: string;
    readonly metric: string;
    readonly ts: number;
    readonly value: number;
    readonly evidence: string;
  }[];
  readonly live: readonly Reading[];
  readonly liveDropped: number;
}

export type ToWorker =
  | { readonly kind: 'profiles'; readonly profiles: readonly Profile[] }
  | { readonly kind: 'devices'; readonly devices: readonly DeviceFacts[] }
  | { readonly kind: 'device-removed'; readonly id: string }
  /** The registry is told; the log ends before `logNext`. */
  | { readonly kind: 'begin'; readonly logNext: Offset }
  | { readonly kind: 'wake' }
  | { readonly kind: 'watch'; readonly list: WatchList }
  | { readonly kind: 'query'; readonly id: number; readonly query: Query }
  | { readonly kind: 'effects-done'; readonly id: number; readonly refusedChildren: readonly string[] }
  | { readonly kind: 'stop' };

export type FromWorker =
  | { readonly kind: 'ready'; readonly totals: HistoryTotals }
  | { readonly kind: 'failed'; readonly fault: Fault }
  /** Everything before `next` is taken: say so when there is more. */
  | { readonly kind: 'caught-up'; readonly next: Offset }
  | { readonly kind: 'committed'; readonly report: CommitReport }
  | { readonly kind: 'effects'; readonly id: number; readonly effects: Effects }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly kind: 'refused'; readonly id: number; readonly fault: Fault }
  /** Absent = well again. */
  | { readonly kind: 'trouble'; readonly fault?: Fault | undefined }
  | { readonly kind: 'bug'; readonly message: string; readonly stack: string };
