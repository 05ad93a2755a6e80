import type { ErrorCode } from '../../model/errors.ts';
import type { Offset } from '../../model/packet.ts';
import type { HistoryTotals } from '../../model/ports/history.ts';
import type { QuarantineItem } from '../../model/ports/quarantine.ts';
import { Findings } from './analyze/findings.ts';
import { DeviceTally } from './device-tally.ts';
import { NumberRows, TextRows } from './rows.ts';
import type { SetAside } from './set-aside.ts';
import { WindowParts } from './window-parts.ts';
import { WindowRows, type WindowState } from './windows/window-rows.ts';

export interface ChildAdmission {
  readonly id: string;
  readonly parent: string;
  readonly name: string;
}

export interface AttributeReport {
  readonly device: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/** How much of a batch was there before a packet: what to cut off when the packet fails half way. */
export interface BatchMark {
  readonly numbers: number;
  readonly texts: number;
  readonly quarantine: number;
  readonly asides: number;
}

/**
 * Everything that goes into one commit of the store, and what is told afterwards. Columns are kept from commit
 * to commit: a batch is cleared, never made anew.
 */
export class Batch {
  readonly numbers = new NumberRows();
  readonly texts = new TextRows();
  readonly parts = new WindowParts();
  readonly tally = new DeviceTally();
  readonly windows = new WindowRows();
  windowStates: WindowState[] = [];
  /** Readings that came too late for a window of theirs; they are stored all the same. */
  lateReadings = 0;
  quarantine: QuarantineItem[] = [];
  /** The packets that `quarantine` has reasons of. */
  asides: SetAside[] = [];
  /** Bytes of their payloads. */
  asideBytes = 0;
  readonly findings = new Findings();
  children: ChildAdmission[] = [];
  attributes: AttributeReport[] = [];
  /** Refused items by code, all of them: the quarantine keeps a bounded number. */
  readonly rejections = new Map<ErrorCode, number>();
  packets = 0;
  stored = 0;
  forwarded = 0;
  quarantined = 0;

  get readings(): number {
    return this.numbers.size + this.texts.size;
  }

  get empty(): boolean {
    return (
      this.packets === 0 && this.findings.empty && this.windows.size === 0 && this.windowStates.length === 0
    );
  }

  mark(): BatchMark {
    return {
      numbers: this.numbers.size,
      texts: this.texts.size,
      quarantine: this.quarantine.length,
      asides: this.asides.length,
    };
  }

  rewind(mark: BatchMark): void {
    this.numbers.size = mark.numbers;
    this.texts.truncate(mark.texts);
    this.quarantine.length = mark.quarantine;
    for (const { payload } of this.asides.splice(mark.asides)) this.asideBytes -= payload?.length ?? 0;
  }

  addAside(packet: SetAside): void {
    this.asides.push(packet);
    this.asideBytes += packet.payload?.length ?? 0;
  }

  countRejection(code: ErrorCode): void {
    this.rejections.set(code, (this.rejections.get(code) ?? 0) + 1);
  }

  /** What there is in history once this is committed, and the log read up to `offset`. */
  totalsAfter(before: HistoryTotals, offset: Offset): HistoryTotals {
    let { rejections } = before;
    for (const count of this.rejections.values()) rejections += count;
    return {
      packets: before.packets + this.packets,
      stored: before.stored + this.stored,
      forwarded: before.forwarded + this.forwarded,
      quarantined: before.quarantined + this.quarantined,
      readings: before.readings + this.readings,
      rejections,
      offset,
    };
  }

  clear(): void {
    this.numbers.size = 0;
    this.texts.truncate(0);
    this.parts.clear();
    this.tally.clear();
    this.windows.clear();
    this.windowStates = [];
    this.lateReadings = 0;
    this.quarantine = [];
    this.asides = [];
    this.asideBytes = 0;
    this.findings.clear();
    this.children = [];
    this.attributes = [];
    this.rejections.clear();
    this.packets = 0;
    this.stored = 0;
    this.forwarded = 0;
    this.quarantined = 0;
  }
}
