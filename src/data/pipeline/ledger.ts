import { DROP_REASONS, type DropReason } from '../../model/ports/ledger.ts';
import type { PacketOutcome } from '../../model/ports/traces.ts';
import { grownU32 } from '../columns.ts';
import type { Tally } from '../tally.ts';

/**
 * The history side of the loss ledger: what came out of the log, by sender and hour, and what the tallies say went in.
 * Rows are made per commit and stored with the log offset, so that they are neither lost nor doubled. It must not know
 * how messages arrive, or how rows are kept.
 */

const HOUR_MS = 3_600_000;

/** Start of the hour in which a message came, in hours since the epoch. */
export const hourOf = (receivedAt: number): number => Math.max(0, Math.floor(receivedAt / HOUR_MS));
export const hourStart = (hour: number): number => hour * HOUR_MS;

/**
 * Sums of a ledger row, changes where a row is of a commit. `open`: records of the log since the last tally of their
 * sender, which `received` does not have yet. A row adds up where received + open = stored + forwarded + quarantined +
 * what was dropped.
 */
export const LEDGER_COUNTS = ['received', 'open', 'stored', 'forwarded', 'quarantined'] as const;
export type LedgerCount = (typeof LEDGER_COUNTS)[number];

/** Messages of one sender and hour that no tally has named yet. */
export interface OpenCount {
  readonly sender: number;
  readonly hour: number;
  readonly count: number;
}

export interface LedgerDrop {
  readonly sender: number;
  readonly hour: number;
  /** Position in DROP_REASONS. */
  readonly reason: number;
  readonly count: number;
}

/** What one commit adds. Columns are the ledger's own: read, not kept. */
export interface LedgerRows {
  readonly size: number;
  /** Senders that have no number in the store yet; theirs go on from those it has. */
  readonly senders: readonly string[];
  readonly sender: Uint32Array;
  readonly hour: Uint32Array;
  readonly counts: Readonly<Record<LedgerCount, Int32Array>>;
  readonly drops: readonly LedgerDrop[];
}

const FIRST_CAPACITY = 64;
/** Hours up to the year 2209, and senders up to 2^32: one number, below 2^53. */
const HOURS = 2 ** 21;
const REASONS_MAX = 64;

export class Ledger {
  #size = 0;
  #sender = new Uint32Array(FIRST_CAPACITY);
  #hour = new Uint32Array(FIRST_CAPACITY);
  #counts = emptyCounts(FIRST_CAPACITY);
  /** By sender and hour. */
  readonly #rows = new Map<number, number>();
  readonly #drops = new Map<number, LedgerDrop>();
  readonly #open = new Map<number, number>();
  /** By row: what is open and not in `#open` yet, which is looked at once per tally and commit, not per message. */
  #seen = new Int32Array(FIRST_CAPACITY);
  readonly #numbers = new Map<string, number>();
  #fresh: string[] = [];
  #lastOrigin = '';
  #lastNumber = -1;
  /** Messages that tallies and log disagree about, in this commit. */
  unaccounted = 0;

  /** `senders`: those with a number, in its order. */
  constructor(known: { readonly senders: readonly string[]; readonly open: readonly OpenCount[] }) {
    for (const [number, name] of known.senders.entries()) this.#numbers.set(name, number);
    for (const { sender, hour, count } of known.open) this.#open.set(keyOf(sender, hour), count);
  }

  get isEmpty(): boolean {
    return this.#size === 0;
  }

  /** A record of the log, and what has become of it. */
  count(origin: string, receivedAt: number, outcome: PacketOutcome): void {
    const sender = this.#numberOf(origin);
    const hour = hourOf(receivedAt);
    const key = keyOf(sender, hour);
    const row = this.#rowOf(key, sender, hour);
    add(this.#counts[outcome], row, 1);
    add(this.#counts.open, row, 1);
    add(this.#seen, row, 1);
  }

  /** A message that has an outcome gets another: a packet that leaves the quarantine. */
  move(origin: string, receivedAt: number, to: PacketOutcome | DropReason): void {
    const sender = this.#numberOf(origin);
    const hour = hourOf(receivedAt);
    const row = this.#rowOf(keyOf(sender, hour), sender, hour);
    add(this.#counts.quarantined, row, -1);
    if (to === 'stored' || to === 'forwarded' || to === 'quarantined') add(this.#counts[to], row, 1);
    else this.#drop(sender, hour, DROP_REASONS.indexOf(to), 1);
  }

  /**
   * A tally, met at its place in the log: of each sender in it exactly what was received since the tally before. The
   * first one of a process says that those before it have no other tally coming: what else is open was received.
   */
  claim({ isFirst, entries }: Tally): void {
    this.#gather();
    for (const { origin, hour, received, drops } of entries) {
      const sender = this.#numberOf(origin);
      const key = keyOf(sender, hour);
      const row = this.#rowOf(key, sender, hour);
      let logged = received;
      for (const [reason, count] of drops) {
        logged -= count;
        this.#drop(sender, hour, reason, count);
      }
      const open = this.#open.get(key) ?? 0;
      const rest = isFirst ? Math.max(0, open - logged) : 0;
      if (rest > 0) this.#open.set(key, rest);
      else this.#open.delete(key);
      add(this.#counts.received, row, received);
      add(this.#counts.open, row, rest - open);
      this.unaccounted += Math.abs(logged - open + rest);
    }
    if (isFirst) this.#claimOpen();
  }

  /** What is to be stored with the commit at hand; `clear` when that is done. */
  rows(): LedgerRows {
    return {
      size: this.#size,
      senders: this.#fresh,
      sender: this.#sender,
      hour: this.#hour,
      counts: this.#counts,
      drops: [...this.#drops.values()],
    };
  }

  clear(): void {
    this.#gather();
    for (const counts of Object.values(this.#counts)) counts.fill(0, 0, this.#size);
    this.#size = 0;
    this.#rows.clear();
    this.#drops.clear();
    this.#fresh = [];
    this.unaccounted = 0;
  }

  #gather(): void {
    for (let row = 0; row < this.#size; row += 1) {
      const seen = this.#seen[row] ?? 0;
      if (seen === 0) continue;
      const key = keyOf(this.#sender[row] ?? 0, this.#hour[row] ?? 0);
      this.#open.set(key, (this.#open.get(key) ?? 0) + seen);
      this.#seen[row] = 0;
    }
  }

  #claimOpen(): void {
    for (const [key, count] of this.#open) {
      const row = this.#rowOf(key, Math.floor(key / HOURS), key % HOURS);
      add(this.#counts.received, row, count);
      add(this.#counts.open, row, -count);
    }
    this.#open.clear();
  }

  #drop(sender: number, hour: number, reason: number, count: number): void {
    const key = keyOf(sender, hour) * REASONS_MAX + reason;
    const before = this.#drops.get(key)?.count ?? 0;
    this.#drops.set(key, { sender, hour, reason, count: before + count });
    // A drop without a row beside it would have an hour that the store does not list.
    this.#rowOf(keyOf(sender, hour), sender, hour);
  }

  #numberOf(origin: string): number {
    // Messages of one sender come in runs.
    if (origin === this.#lastOrigin && this.#lastNumber >= 0) return this.#lastNumber;
    let number = this.#numbers.get(origin);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(origin, number);
      this.#fresh.push(origin);
    }
    this.#lastOrigin = origin;
    this.#lastNumber = number;
    return number;
  }

  #rowOf(key: number, sender: number, hour: number): number {
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const row = this.#size;
    if (row === this.#sender.length) this.#grow(row * 2);
    this.#sender[row] = sender;
    this.#hour[row] = hour;
    this.#rows.set(key, row);
    this.#size = row + 1;
    return row;
  }

  #grow(capacity: number): void {
    this.#sender = grownU32(this.#sender, capacity);
    this.#hour = grownU32(this.#hour, capacity);
    const seen = this.#seen;
    this.#seen = new Int32Array(capacity);
    this.#seen.set(seen);
    const before = this.#counts;
    this.#counts = emptyCounts(capacity);
    for (const name of LEDGER_COUNTS) this.#counts[name].set(before[name]);
  }
}

const keyOf = (sender: number, hour: number): number => sender * HOURS + (hour % HOURS);

function add(column: Int32Array, row: number, change: number): void {
  column[row] = (column[row] ?? 0) + change;
}

function emptyCounts(capacity: number): Record<LedgerCount, Int32Array> {
  return {
    received: new Int32Array(capacity),
    open: new Int32Array(capacity),
    stored: new Int32Array(capacity),
    forwarded: new Int32Array(capacity),
    quarantined: new Int32Array(capacity),
  };
}
