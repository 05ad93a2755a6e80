/** Single messages followed through the pipeline: where their time went. */
import type { LogRecord } from '../packet.ts';

export const STAGES = ['validate', 'transform', 'analyze', 'aggregate'] as const;
export type StageName = (typeof STAGES)[number];
export type PacketOutcome = 'stored' | 'forwarded' | 'quarantined';

/** Times are milliseconds since the epoch, durations seconds. */
export interface StageTrace extends Pick<LogRecord, 'offset' | 'origin' | 'topic' | 'receivedAt'> {
  /** When the pipeline took it from the log. */
  readonly takenAt: number;
  readonly outcome: PacketOutcome;
  /** In order; a message that is refused on the way has not passed all. */
  readonly stages: readonly (readonly [stage: StageName, seconds: number])[];
}

export interface MessageTrace extends StageTrace {
  /** When it could be queried. */
  readonly committedAt: number;
}

export interface Traces {
  /** Newest first, a bounded number. */
  recent(): readonly MessageTrace[];
}
