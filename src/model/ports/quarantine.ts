import type { Result } from '../../base/result.ts';
import type { ErrorCode, SensoriumError } from '../errors.ts';
import type { Offset, PayloadFormat } from '../packet.ts';

/** One reason: a refused item of a packet, or a packet as a whole (index -1). */
export interface QuarantineItem {
  /** Of the packet in the log: its name here, too. */
  readonly offset: Offset;
  /** Whose readings these were to be. */
  readonly device: string;
  readonly topic: string;
  readonly receivedAt: number;
  /** 0-based item of the packet; -1 = the packet as a whole. */
  readonly index: number;
  readonly code: ErrorCode;
  readonly message: string;
  /** First bytes of the payload as text, for reading. */
  readonly sample: string;
}

export interface QuarantineRow extends QuarantineItem {
  /** Who sent it: the device itself, its gateway, or @user. */
  readonly origin: string;
  /** True when other readings of the packet are in history. */
  readonly stored: boolean;
  /** What refused it; an empty profile where the device was not known. */
  readonly profile: string;
  readonly profileVersion: number;
  /** Of the payload. */
  readonly bytes: number;
  /** False where the payload was too large to keep, or set aside by a version that kept none. */
  readonly replayable: boolean;
}

/** One packet with everything that is known of it. */
export interface QuarantinedPacket {
  /** Its reasons: at most QUARANTINE_ROWS_PER_PACKET_MAX of them. */
  readonly rows: readonly QuarantineRow[];
  /** Refused values and items, all of them. */
  readonly refused: number;
  readonly format: PayloadFormat;
  readonly payload: Uint8Array | undefined;
}

/** Which packets: those with a reason that fits all that is given. Times are of receipt, milliseconds. */
export interface QuarantineFilter {
  readonly device?: string | undefined;
  readonly code?: string | undefined;
  /** Inclusive. */
  readonly since?: number | undefined;
  /** Exclusive. */
  readonly until?: number | undefined;
}

/** One step over the packets of a filter, oldest first. */
export interface QuarantineStep extends QuarantineFilter {
  readonly action: 'replay' | 'dry-run' | 'drop';
  /** Of this packet only. */
  readonly offset?: Offset | undefined;
  /** The `next` of the step before. */
  readonly after?: Offset | undefined;
  /** Packets at most; REPLAY_STEP_PACKETS_MAX where it is absent. */
  readonly limit?: number | undefined;
}

/** What a step came to, in packets: tried = stored + forwarded + partly + left, or all dropped. */
export interface QuarantineOutcome {
  readonly tried: number;
  /** Nothing of them is refused any more. */
  readonly stored: number;
  /** Carry no readings, by today's rules. */
  readonly forwarded: number;
  /** Some of what had been refused is stored, the rest stays with its reason of today. */
  readonly partly: number;
  /** Refused again, or without a payload to try. */
  readonly left: number;
  readonly dropped: number;
  /** Readings that are new in history. */
  readonly readings: number;
  /** Why the others stay, by code: packets. */
  readonly codes: Readonly<Partial<Record<ErrorCode, number>>>;
  /** Absent = these were the last. */
  readonly next?: Offset | undefined;
}

/** What validation refused: kept with its reason until it is replayed, dropped, or makes room for newer. */
export interface Quarantine {
  /** Newest packets first. */
  list(
    query: QuarantineFilter & { readonly limit?: number | undefined },
  ): Promise<Result<readonly QuarantineRow[], SensoriumError>>;
  /** 'quarantine.unknown'. */
  show(offset: Offset): Promise<Result<QuarantinedPacket, SensoriumError>>;
  /**
   * One step, in one commit: what is stored by it has left the quarantine, with its time of receipt, and is moved in
   * the ledger. 'quarantine.busy', 'quarantine.unknown', 'store.failed', 'disk.full'.
   */
  step(step: QuarantineStep): Promise<Result<QuarantineOutcome, SensoriumError>>;
}
