import type { Clock } from '../base/clock.ts';
import {
  LEDGER_REFUSALS_MS,
  LEDGER_SENDERS_MAX,
  LEDGER_TALLY_MS,
  LEDGER_TALLY_SENDERS_MAX,
} from '../base/limits.ts';
import type { Offset } from '../model/packet.ts';
import {
  type Account,
  DROP_REASONS,
  type DropReason,
  OTHER_SENDERS,
  type Receipts,
} from '../model/ports/ledger.ts';
import { type Log, REFUSED } from '../model/ports/log.ts';
import { hourOf, hourStart } from './pipeline/ledger.ts';
import { encodeTally, type Tally, type TallyEntry } from './tally.ts';

/**
 * The door side of the loss ledger: counts what comes in, by sender and hour, and puts the counts as tallies into the
 * log, behind the messages they count. What is counted and not yet tallied dies with the process: of messages the log
 * knows, and of refusals no more than the last second is lost. It must not know how senders are reached.
 */

interface ReceiptBookOptions {
  readonly log: Log;
  readonly clock: Clock;
}

const TICKS_PER_TALLY = LEDGER_TALLY_MS / LEDGER_REFUSALS_MS;
const HOUR_MS = 3_600_000;
const REASONS = new Map(DROP_REASONS.map((reason, at) => [reason, at]));

/** Counts of one sender and hour. */
interface Sum {
  readonly origin: string;
  readonly hour: number;
  received: number;
  readonly drops: Map<number, number>;
}

/** Consecutive records of one sender that are not on disk yet. */
interface Run {
  readonly account: SenderAccount;
  readonly hour: number;
  readonly from: Offset;
  through: Offset;
}

export class ReceiptBook implements Receipts {
  readonly #options: ReceiptBookOptions;
  /** With something to tell since the last tally. */
  #dirty: SenderAccount[] = [];
  /** Told by accounts, and not yet in the log. */
  readonly #sums = new Map<string, Sum>();
  /** Tallies on their way to disk, oldest first. */
  #underway: { readonly offset: Offset; readonly tally: Tally }[] = [];
  #runs: Run[] = [];
  #isFirst = true;
  #hasRefusals = false;
  #ticks = 0;
  #timer: NodeJS.Timeout | undefined;
  #undo: (() => void) | undefined;

  constructor(options: ReceiptBookOptions) {
    this.#options = options;
  }

  /** Before the first message is taken. */
  start(): void {
    const { log } = this.#options;
    this.#undo = log.listen({
      committed: (through) => this.#committed(through),
      failed: (from, through) => this.#failed(from, through),
      congestion: () => undefined,
    });
    this.#timer = setInterval(() => this.#tick(), LEDGER_REFUSALS_MS).unref();
    this.#append([]);
  }

  /** After the last message; before the log is closed, which commits the last tally. */
  stop(): void {
    clearInterval(this.#timer);
    this.flush();
    this.#undo?.();
    this.#undo = undefined;
  }

  account(origin: string): Account {
    return new SenderAccount(origin, this);
  }

  /** Tallies what has been counted; the offset of the last tally that is not on disk, undefined where there is none. */
  flush(): Offset | undefined {
    this.#gather();
    const entries = [...this.#sums.values()].map(toEntry);
    for (let from = 0; from < entries.length; from += LEDGER_TALLY_SENDERS_MAX) {
      const some = entries.slice(from, from + LEDGER_TALLY_SENDERS_MAX);
      if (!this.#append(some)) break;
      for (const { origin, hour } of some) this.#sums.delete(keyOf(origin, hour));
    }
    return this.#underway.at(-1)?.offset;
  }

  /** An account has something to tell. */
  changed(account: SenderAccount): void {
    this.#dirty.push(account);
    if (this.#dirty.length >= LEDGER_SENDERS_MAX) this.flush();
  }

  refused(): void {
    this.#hasRefusals = true;
  }

  logged(account: SenderAccount, hour: number, offset: Offset): void {
    const last = this.#runs.at(-1);
    if (last?.account === account && last.hour === hour && last.through === offset - 1) last.through = offset;
    else this.#runs.push({ account, hour, from: offset, through: offset });
  }

  /** Adds counts of an hour to what the next tally tells. */
  add(origin: string, hour: number, received: number, drops: Iterable<readonly [number, number]>): void {
    const sum = this.#sumOf(origin, hour);
    sum.received += received;
    for (const [reason, count] of drops) sum.drops.set(reason, (sum.drops.get(reason) ?? 0) + count);
  }

  #tick(): void {
    this.#ticks += 1;
    if (this.#hasRefusals || this.#ticks % TICKS_PER_TALLY === 0) this.flush();
  }

  #gather(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    this.#hasRefusals = false;
    for (const account of dirty) account.tell();
  }

  /** False where the log takes nothing: the counts stay, and are told later. */
  #append(entries: readonly TallyEntry[]): boolean {
    const { log, clock } = this.#options;
    const tally = { isFirst: this.#isFirst, entries };
    const offset = log.append(encodeTally(tally, clock.now()));
    if (offset === REFUSED) return false;
    this.#isFirst = false;
    this.#underway.push({ offset, tally });
    return true;
  }

  /**
   * While the log takes nothing, senders that are refused pile up: beyond the bound they are counted together. What is
   * in the log keeps its sender, or history would look for it in vain.
   */
  #sumOf(origin: string, hour: number): Sum {
    const key = keyOf(origin, hour);
    const known = this.#sums.get(key);
    if (known !== undefined) return known;
    if (this.#sums.size >= LEDGER_SENDERS_MAX) this.#fold();
    const sum = { origin, hour, received: 0, drops: new Map<number, number>() };
    this.#sums.set(key, sum);
    return sum;
  }

  #fold(): void {
    const folded = [...this.#sums.values()].filter(({ origin }) => origin !== OTHER_SENDERS);
    for (const sum of folded) {
      let refused = 0;
      for (const count of sum.drops.values()) refused += count;
      if (sum.received === refused) this.#sums.delete(keyOf(sum.origin, sum.hour));
    }
    for (const sum of folded) {
      if (this.#sums.has(keyOf(sum.origin, sum.hour))) continue;
      this.add(OTHER_SENDERS, sum.hour, sum.received, sum.drops);
    }
  }

  #committed(through: Offset): void {
    while ((this.#underway[0]?.offset ?? Number.POSITIVE_INFINITY) <= through) this.#underway.shift();
    const open = this.#runs.findIndex((run) => run.through > through);
    this.#runs.splice(0, open === -1 ? this.#runs.length : open);
  }

  /** Tallies that never got to disk are told again, and messages that did not have been dropped. */
  #failed(from: Offset, through: Offset): void {
    const lost = this.#underway.filter(({ offset }) => offset >= from && offset <= through);
    this.#underway = this.#underway.filter((one) => !lost.includes(one));
    for (const { tally } of lost) {
      this.#isFirst ||= tally.isFirst;
      for (const { origin, hour, received, drops } of tally.entries) this.add(origin, hour, received, drops);
    }
    for (const run of this.#runs) {
      const count = Math.min(run.through, through) - Math.max(run.from, from) + 1;
      if (count > 0) this.add(run.account.origin, run.hour, 0, [[REASONS.get('log_failed') ?? 0, count]]);
    }
    this.#runs = this.#runs.filter((run) => run.from > through);
    this.#hasRefusals = true;
  }
}

/** The counts of one sender within one hour; whoever sends for it holds on to it. */
class SenderAccount implements Account {
  readonly origin: string;
  readonly #book: ReceiptBook;
  #hourFrom = 0;
  #hourTo = 0;
  #received = 0;
  #drops: Map<number, number> | undefined;
  #isDirty = false;

  constructor(origin: string, book: ReceiptBook) {
    this.origin = origin;
    this.#book = book;
  }

  received(at: number): void {
    if (at < this.#hourFrom || at >= this.#hourTo) this.#turnTo(at);
    this.#received += 1;
    if (!this.#isDirty) this.#changed();
  }

  logged(at: number, offset: Offset): void {
    this.#book.logged(this, hourOf(at), offset);
  }

  dropped(at: number, reason: DropReason): void {
    if (at < this.#hourFrom || at >= this.#hourTo) this.#turnTo(at);
    const drops = (this.#drops ??= new Map());
    const number = REASONS.get(reason) ?? 0;
    drops.set(number, (drops.get(number) ?? 0) + 1);
    this.#book.refused();
    if (!this.#isDirty) this.#changed();
  }

  /** Hands its counts to the book. */
  tell(): void {
    this.#isDirty = false;
    if (this.#received > 0 || this.#drops !== undefined)
      this.#book.add(this.origin, hourOf(this.#hourFrom), this.#received, this.#drops ?? []);
    this.#received = 0;
    this.#drops = undefined;
  }

  #turnTo(at: number): void {
    const wasDirty = this.#isDirty;
    this.tell();
    this.#isDirty = wasDirty;
    this.#hourFrom = hourStart(hourOf(at));
    this.#hourTo = this.#hourFrom + HOUR_MS;
  }

  #changed(): void {
    this.#isDirty = true;
    this.#book.changed(this);
  }
}

const keyOf = (origin: string, hour: number): string => `${hour} ${origin}`;

const toEntry = ({ origin, hour, received, drops }: Sum): TallyEntry => ({
  origin,
  hour,
  received,
  drops: [...drops],
});
