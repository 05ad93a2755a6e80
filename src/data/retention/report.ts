import { RETENTION_DEFAULT_PARTITION_AFTER_MS } from '../../base/limits.ts';
import type { ErrorCode } from '../../model/errors.ts';
import type { HistoryBytes } from '../../model/ports/retention.ts';
import type { KeepTimes, RetentionLevel } from '../../model/retention.ts';
import type { Thinned } from '../store/retention-store.ts';

/** What the main thread and the data worker say to each other of retention. */

export interface RetentionSettings {
  readonly keep: KeepTimes;
  /** Age at which history moves into partitions. */
  readonly partitionAfterMs: number;
  /** Undefined = none. */
  readonly budgetBytes: number | undefined;
  /** For tests; absent = RETENTION_FIRST_PASS_MS. */
  readonly firstPassMs?: number | undefined;
}

export const KEEP_ALL: RetentionSettings = {
  keep: {
    raw: Number.POSITIVE_INFINITY,
    minute: Number.POSITIVE_INFINITY,
    hour: Number.POSITIVE_INFINITY,
  },
  partitionAfterMs: RETENTION_DEFAULT_PARTITION_AFTER_MS,
  budgetBytes: undefined,
};

/** How history stands after a pass. */
export interface RetentionState {
  /** Before what the budget took in this pass. */
  readonly bytes: HistoryBytes;
  readonly partitions: Readonly<Record<RetentionLevel, number>>;
  readonly damaged: readonly string[];
  /** False: even with all gone that may go, the budget is passed. */
  readonly fits: boolean;
}

/** What a pass took away, and how it ended. */
export interface RetentionReport {
  readonly thinned: readonly Thinned[];
  readonly outcome:
    | { readonly kind: 'done'; readonly state: RetentionState }
    | { readonly kind: 'failed'; readonly fault: { readonly code: ErrorCode; readonly detail: string } };
}
