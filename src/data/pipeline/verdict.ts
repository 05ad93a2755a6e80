import type { ErrorCode } from '../../model/errors.ts';
import type { Rejection } from '../../model/reading.ts';

/**
 * What is refused of the packet at hand, by whichever stage. Owns the reasons, and which values they are about, so
 * that exactly those can be tried again later. It must not know what is done with them.
 */

export interface ValueRejection extends Rejection {
  readonly device: string;
  /** True when only the memory of earlier readings, or a later stage, could tell: a dry run does not see it. */
  readonly late: boolean;
}

export interface PacketRejection {
  readonly device: string;
  readonly code: ErrorCode;
  readonly message: string;
}

/**
 * A *call* is one value or unreadable item that a decoder hands over; calls are numbered from 0 within a packet. The
 * same bytes give the same calls, which is what makes a call's number a name for a value.
 */
export class Verdict {
  /** The packet as a whole; nothing of it is stored then. */
  whole: PacketRejection | undefined;
  /** In order. */
  rejections: ValueRejection[] = [];
  /** Numbers of the calls that are not stored, ascending but for those of later stages. */
  refusedCalls: number[] = [];
  /** Those among them that a dry run does not see. */
  lateCalls: number[] = [];
  /** The number of the next call. */
  calls = 0;
  /** Calls to look at, by number; undefined = all. Packets are tried again with those that were refused. */
  only: ReadonlySet<number> | undefined;

  begin(only?: ReadonlySet<number>): void {
    this.whole = undefined;
    if (this.rejections.length > 0) this.rejections = [];
    if (this.refusedCalls.length > 0) this.refusedCalls = [];
    if (this.lateCalls.length > 0) this.lateCalls = [];
    this.calls = 0;
    this.only = only;
  }

  /** A new call; false where it is not looked at. */
  next(): boolean {
    const call = this.calls;
    this.calls = call + 1;
    return this.only === undefined || this.only.has(call);
  }

  /** The call at hand is not stored. */
  refuse(rejection: ValueRejection): void {
    this.refuseCall();
    if (rejection.late) this.lateCalls.push(this.calls - 1);
    this.rejections.push(rejection);
  }

  /** A reason without a call of its own: the values it is about follow, one by one. */
  note(rejection: ValueRejection): void {
    this.rejections.push(rejection);
  }

  /** The call at hand is not stored, for a reason that was given with an earlier one. */
  refuseCall(): void {
    this.refusedCalls.push(this.calls - 1);
  }
}
