import type { Result } from '../../base/result.ts';
import type { SensoriumError } from '../errors.ts';
import type { Offset, Origin } from '../packet.ts';

/**
 * The loss ledger: what became of every message, by who sent it and the hour it came. `received` is counted where a
 * message enters, the outcomes where they happen, on another thread and after a way over the disk: that they add up
 * is a finding, not a definition.
 */

/**
 * Why a message ended without a place in history. The position of a reason is stored: rows are only ever added.
 * `repeated`: a QoS 2 message that came again. `rejected`: its sender was told, item by item, that nothing of it was
 * taken. `discarded`, `quarantine_full`: taken out of the quarantine by a person, or by its bounds.
 */
export const DROP_REASONS = [
  'denied',
  'malformed',
  'too_large',
  'invalid',
  'repeated',
  'rate_limited',
  'busy',
  'rejected',
  'log_refused',
  'shed',
  'log_failed',
  'discarded',
  'quarantine_full',
] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** In the place of a sender: requests for devices nobody knows, and refusals beyond what can be kept apart. */
export const OTHER_SENDERS = '(others)';

/** The tallies of the ledger travel through the log under this name; no principal can have it. */
export const LEDGER_ORIGIN: Origin = '@\0ledger';

/** Counts what one sender sends. Hot: plain sums, made durable later. `at` is the time of receipt in milliseconds. */
export interface Account {
  /** A message has come. One of the following must be said of it in the same turn. */
  received(at: number): void;
  /** The log has taken it, under this offset; a commit that fails is found out by itself. */
  logged(at: number, offset: Offset): void;
  dropped(at: number, reason: DropReason): void;
}

export interface Receipts {
  /** `origin`: who sends, as it stands in the packets. */
  account(origin: string): Account;
}

const unread: Account = { received: () => undefined, logged: () => undefined, dropped: () => undefined };

/** Where nobody asks for a ledger. */
export const noReceipts: Receipts = { account: () => unread };

export interface LedgerQuery {
  readonly sender?: string | undefined;
  /** Hours that begin in from (inclusive) to to (exclusive), milliseconds. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly limit?: number | undefined;
}

interface LedgerCounts {
  readonly received: number;
  readonly stored: number;
  readonly forwarded: number;
  readonly quarantined: number;
  readonly dropped: number;
  /** In the log and not yet in history. */
  readonly pending: number;
  /** received - stored - forwarded - quarantined - dropped - pending; not 0 = a message is missing, or counted twice. */
  readonly missing: number;
}

export interface LedgerRow extends LedgerCounts {
  readonly sender: string;
  /** Start of the hour in which the messages came, milliseconds. */
  readonly hour: number;
  readonly reasons: Readonly<Partial<Record<DropReason, number>>>;
}

export interface LedgerReport {
  /** Newest hour first, then by sender. */
  readonly rows: readonly LedgerRow[];
  /** Of all rows the query fits, also where `limit` cut the list. */
  readonly total: LedgerCounts & { readonly reasons: LedgerRow['reasons'] };
  readonly addsUp: boolean;
  /** Rows the query fits. */
  readonly found: number;
  /** Messages of the log so far behind that they were not looked at one by one: in no row. */
  readonly beyond: number;
}

export interface LedgerBook {
  report(query: LedgerQuery): Promise<Result<LedgerReport, SensoriumError>>;
}
