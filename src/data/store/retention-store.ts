import type {
  HistoryBytes,
  RetentionPreview,
  RetentionStatus,
  ThinningReason,
} from '../../model/ports/retention.ts';
import type { RetentionLevel } from '../../model/retention.ts';

/**
 * What the data room asks of a store that keeps history within its times and its budget. Every call that changes
 * something is one bounded step, all or nothing, beside the commits of readings. A store knows no profiles and no
 * clock: what is too old comes as points in time per series.
 */

/** What partitions hold: raw numbers and booleans, raw texts, and the two roll-ups. */
export type PartitionKind = 'numbers' | 'texts' | 'minutes' | 'hours';

export const LEVEL_OF: Readonly<Record<PartitionKind, RetentionLevel>> = {
  numbers: 'raw',
  texts: 'raw',
  minutes: 'minute',
  hours: 'hour',
};

/** Milliseconds: what is older goes; 0 = nothing. Starts of UTC days (raw, minute) and months (hour). */
export type CutTimes = Readonly<Record<RetentionLevel, number>>;

export interface Cutoffs {
  readonly defaults: CutTimes;
  /** By series id, where they are other than the defaults. */
  readonly overrides: ReadonlyMap<number, CutTimes>;
}

/** A file of history. Rows are within one UTC day (hours: one month). */
export interface Partition {
  /** Given once, never again; later = arrived later. */
  readonly id: number;
  readonly kind: PartitionKind;
  /** Milliseconds: its oldest row, and just after its newest. */
  readonly from: number;
  readonly to: number;
  readonly rows: number;
  readonly bytes: number;
}

/** Rows in the database, all of one UTC day (hours: one month): `from <= time < to`. */
export interface Slice {
  readonly kind: PartitionKind;
  readonly from: number;
  readonly to: number;
  readonly rows: number;
}

/** What a step took away for good; roll-ups are made before their readings go. */
export interface Thinned {
  readonly level: RetentionLevel;
  readonly reason: ThinningReason;
  readonly fromMs: number;
  readonly toMs: number;
  readonly rows: number;
  /** Of files; 0 for rows in the database, whose space is used again. */
  readonly bytes: number;
}

/** The rules that a survey goes by. */
export interface RetentionRules {
  readonly cutoffs: Cutoffs;
  /** Absent = no budget. */
  readonly budgetBytes?: number | undefined;
  /** The budget takes nothing from here on (milliseconds): the newest day stays. */
  readonly keepFrom: number;
}

/** Steps reject with 'store.unavailable', 'store.failed', 'disk.full', or the reason of the signal. */
export interface RetentionStore {
  /** Partitions there are. */
  readonly partitionCounts: Readonly<Record<RetentionLevel, number>>;
  /** Partitions that cannot be read. */
  readonly damaged: readonly string[];
  /** Begins a pass over history. Resolves to the time of the newest reading, 0 where there is none. */
  prepare(cutoffs: Cutoffs, signal: AbortSignal): Promise<number>;
  /**
   * What is to leave the database: all from before `moveBefore` and all that is expired, oldest first. With `late`
   * also the few rows of days that were moved before.
   */
  due(
    request: { readonly moveBefore: number; readonly late: boolean },
    signal: AbortSignal,
  ): Promise<readonly Slice[]>;
  /** Into a partition, with the hour roll-ups of minutes; expired rows go. */
  move(slice: Slice, signal: AbortSignal): Promise<Thinned | undefined>;
  /** Partitions that may hold expired rows. */
  aged(): readonly Partition[];
  /** Takes expired rows out of a partition: all of it, or of some series. */
  expire(partition: Partition, signal: AbortSignal): Promise<Thinned | undefined>;
  /** Declared windows go with the minutes of their series. Resolves to whether there is more to do. */
  trimWindows(signal: AbortSignal): Promise<boolean>;
  /** Many small partitions of one day that could be one. */
  compactable(): readonly (readonly Partition[])[];
  compact(partitions: readonly Partition[], signal: AbortSignal): Promise<void>;
  /** What has to go for the budget, in the order it goes; `fits` = enough. */
  excess(rules: RetentionRules, signal: AbortSignal): Promise<Excess>;
  /** Takes it away for the budget; of minutes their hours stay. */
  discard(victim: Partition | Slice, signal: AbortSignal): Promise<Thinned | undefined>;
  /** Gives the space of deleted rows back to the database. Holds commits meanwhile. */
  reclaim(signal: AbortSignal): Promise<void>;
  /** Waits for queries that may read files which count no more, and removes these. */
  bury(signal: AbortSignal): Promise<void>;
  survey(signal: AbortSignal): Promise<Pick<RetentionStatus, 'bytes' | 'levels' | 'damaged'>>;
  preview(rules: RetentionRules, signal: AbortSignal): Promise<RetentionPreview>;
}

export interface Excess {
  readonly bytes: HistoryBytes;
  readonly victims: readonly (Partition | Slice)[];
  readonly fits: boolean;
}
