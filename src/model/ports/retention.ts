import type { Result } from '../../base/result.ts';
import type { SensoriumError } from '../errors.ts';
import type { RetentionLevel } from '../retention.ts';

/** Why a part of history goes: its time is over, or the disk budget is used up. */
export type ThinningReason = 'age' | 'budget';

/** Bytes of history on disk. `total` is what the budget counts: used + wal + partitions. */
export interface HistoryBytes {
  readonly total: number;
  /** In use inside the database file. */
  readonly used: number;
  /** Free inside the database file: filled again before the file grows. */
  readonly reusable: number;
  readonly wal: number;
  readonly partitions: number;
}

/** What there is of one level. */
export interface LevelStatus {
  readonly level: RetentionLevel;
  /** Milliseconds; absent = nothing there. */
  readonly oldestMs?: number | undefined;
  readonly newestMs?: number | undefined;
  readonly rows: number;
  readonly partitions: number;
  readonly partitionBytes: number;
}

export interface RetentionStatus {
  /** Milliseconds by level; absent = for ever. */
  readonly keep: Readonly<Partial<Record<RetentionLevel, number>>>;
  /** Age in milliseconds at which history moves into partitions. */
  readonly partitionAfterMs: number;
  /** Absent = none. */
  readonly budgetBytes?: number | undefined;
  /** Series with times of their own, by profile or metric. */
  readonly overrides: number;
  readonly bytes: HistoryBytes;
  readonly levels: readonly LevelStatus[];
  /** Partitions whose file is gone or cut: queries go on without them. */
  readonly damaged: readonly string[];
}

/** What of one level would go, for one reason. */
export interface ThinningItem {
  readonly level: RetentionLevel;
  readonly reason: ThinningReason;
  /** Of the rows that go: from the first, to just after the last; milliseconds. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly devices: number;
  readonly metrics: number;
  readonly rows: number;
  /** Exact for whole partitions, estimated for parts of them and for rows in the database. */
  readonly bytes: number;
}

export interface RetentionPreview {
  /** The budget that was asked about; absent = none. */
  readonly budgetBytes?: number | undefined;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** False: with all that may go gone, the budget would still be passed. */
  readonly fits: boolean;
  readonly items: readonly ThinningItem[];
}

/** What is kept of history, and what would go. Nothing here changes anything. */
export interface Retention {
  /** Errors: 'store.unavailable', 'query.busy', 'query.timeout'. */
  status(): Promise<Result<RetentionStatus, SensoriumError>>;
  /** With the configured budget where none is given. Errors as above. */
  preview(query: {
    readonly budgetBytes?: number | undefined;
  }): Promise<Result<RetentionPreview, SensoriumError>>;
}
