import { FINDINGS_PER_COMMIT_MAX } from '../../base/limits.ts';
import type { ErrorCode } from '../../model/errors.ts';
import type { QuarantineRow } from '../../model/ports/history.ts';
import { DeviceTally } from './device-tally.ts';
import { NumberRows, TextRows } from './rows.ts';
import { WindowParts } from './window-parts.ts';

export interface Finding {
  readonly series: number;
  readonly ts: number;
  readonly value: number;
  readonly evidence: string;
}

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
  quarantine: QuarantineRow[] = [];
  findings: Finding[] = [];
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
    return this.packets === 0;
  }

  mark(): BatchMark {
    return { numbers: this.numbers.size, texts: this.texts.size, quarantine: this.quarantine.length };
  }

  rewind(mark: BatchMark): void {
    this.numbers.size = mark.numbers;
    this.texts.truncate(mark.texts);
    this.quarantine.length = mark.quarantine;
  }

  find(finding: Finding): void {
    if (this.findings.length < FINDINGS_PER_COMMIT_MAX) this.findings.push(finding);
  }

  countRejection(code: ErrorCode): void {
    this.rejections.set(code, (this.rejections.get(code) ?? 0) + 1);
  }

  clear(): void {
    this.numbers.size = 0;
    this.texts.truncate(0);
    this.parts.clear();
    this.tally.clear();
    this.quarantine = [];
    this.findings = [];
    this.children = [];
    this.attributes = [];
    this.rejections.clear();
    this.packets = 0;
    this.stored = 0;
    this.forwarded = 0;
    this.quarantined = 0;
  }
}
