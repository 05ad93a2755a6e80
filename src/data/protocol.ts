import type { Detector, Finding } from '../model/analysis.ts';
import type { ErrorCode } from '../model/errors.ts';
import type { Offset } from '../model/packet.ts';
import type { Aggregate, Downsampling, FileFormat, HistoryTotals } from '../model/ports/history.ts';
import type { LedgerReport } from '../model/ports/ledger.ts';
import type {
  QuarantinedPacket,
  QuarantineFilter,
  QuarantineOutcome,
  QuarantineRow,
  QuarantineStep,
} from '../model/ports/quarantine.ts';
import type { RetentionPreview, RetentionStatus } from '../model/ports/retention.ts';
import type { MessageTrace } from '../model/ports/traces.ts';
import type { Profile } from '../model/profile.ts';
import type { Reading } from '../model/reading.ts';
import type { WindowResult } from '../model/windows.ts';
import type { AttributeReport, ChildAdmission } from './pipeline/batch.ts';
import type { DeviceFacts } from './pipeline/device-entry.ts';
import type { RetentionReport, RetentionSettings } from './retention/report.ts';
import type { Series } from './series.ts';
import type { LedgerRequest, QuarantineUse } from './store/store.ts';
import type { WindowReport } from './window-report.ts';

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
  readonly retention: RetentionSettings;
}

export interface QueryRange {
  readonly device: string;
  readonly metrics: readonly string[];
  readonly from: number;
  readonly to: number;
  readonly limit: number;
  readonly descending: boolean;
  readonly bucket?: { readonly intervalMs: number; readonly aggregate: Aggregate } | undefined;
  readonly downsampling?: Downsampling | undefined;
}

/** `from <= start < to`. */
interface WindowsRange {
  readonly device: string;
  readonly metrics: readonly string[];
  readonly window: string | undefined;
  readonly from: number;
  readonly to: number;
  readonly limit: number;
  readonly descending: boolean;
}

export interface FleetRange {
  readonly metrics: readonly string[];
  readonly after: string | undefined;
  /** Devices. */
  readonly limit: number;
}

/** `from <= ts < to`. */
export interface RankRange {
  readonly metric: string;
  readonly from: number;
  readonly to: number;
  readonly limit: number;
  readonly descending: boolean;
  readonly aggregate: Aggregate;
}

export type Query =
  | { readonly kind: 'rows'; readonly range: QueryRange }
  | { readonly kind: 'file'; readonly range: QueryRange; readonly format: FileFormat }
  | { readonly kind: 'windows'; readonly range: WindowsRange }
  | { readonly kind: 'latest'; readonly device: string; readonly metrics: readonly string[] }
  | { readonly kind: 'fleet-latest'; readonly range: FleetRange }
  | { readonly kind: 'fleet-top'; readonly range: RankRange }
  | { readonly kind: 'quarantine'; readonly filter: QuarantineFilter; readonly limit: number }
  | { readonly kind: 'quarantined'; readonly offset: Offset }
  | { readonly kind: 'step'; readonly step: QuarantineStep }
  | { readonly kind: 'retention' }
  | { readonly kind: 'retention-preview'; readonly budgetBytes: number | undefined }
  /** `durable`: where the log ends. */
  | { readonly kind: 'ledger'; readonly request: LedgerRequest; readonly durable: Offset };

/** Rows as columns, with the series they name. */
export interface RowColumns {
  readonly dictionary: readonly Series[];
  readonly series: Uint32Array<ArrayBuffer>;
  readonly ts: Float64Array<ArrayBuffer>;
  readonly value: Float64Array<ArrayBuffer>;
  readonly text: ReadonlyMap<number, string>;
}

/** `next`: the last device of the page; absent = there are no more. */
export interface FleetColumns extends RowColumns {
  readonly next: string | undefined;
}

/** A row of a ranking, with the series it is of. */
export interface RankedRow {
  readonly series: Series;
  readonly value: number;
  readonly count: number;
}

export interface QueryAnswers {
  readonly windows: readonly WindowResult[];
  readonly rows: RowColumns;
  readonly latest: RowColumns;
  readonly 'fleet-latest': FleetColumns;
  readonly 'fleet-top': readonly RankedRow[];
  readonly file: Uint8Array<ArrayBuffer>;
  readonly quarantine: readonly QuarantineRow[];
  readonly quarantined: QuarantinedPacket;
  readonly step: QuarantineOutcome;
  readonly ledger: LedgerReport;
  readonly retention: RetentionStatus;
  readonly 'retention-preview': RetentionPreview;
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
  readonly windows: WindowReport;
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
  /** A bounded number of them. */
  readonly findings: readonly Finding[];
  /** All of them. */
  readonly findingCounts: readonly (readonly [Detector, Finding['state'], number])[];
  readonly live: readonly Reading[];
  readonly liveDropped: number;
  /** Messages of the ledger that tallies and log disagree about: a bug, or a damaged disk. */
  readonly unaccounted: number;
  readonly quarantine: QuarantineUse;
  /** Set where the commit is a step over the quarantine. */
  readonly replayed: QuarantineOutcome | undefined;
  readonly traces: readonly MessageTrace[];
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
  | { readonly kind: 'retention'; readonly report: RetentionReport }
  /** Absent = well again. */
  | { readonly kind: 'trouble'; readonly fault?: Fault | undefined }
  | { readonly kind: 'bug'; readonly message: string; readonly stack: string };
