import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import { LEDGER_SENDERS_MAX, LEDGER_TALLY_SENDERS_MAX } from '../base/limits.ts';
import { problem } from '../model/errors.ts';
import type { DataPacket, LogRecord, Offset } from '../model/packet.ts';
import {
  type Account,
  DROP_REASONS,
  type DropReason,
  LEDGER_ORIGIN,
  OTHER_SENDERS,
} from '../model/ports/ledger.ts';
import { type Log, type LogListener, REFUSED } from '../model/ports/log.ts';
import { hourOf, Ledger } from './pipeline/ledger.ts';
import { ReceiptBook } from './receipts.ts';
import { decodeTally } from './tally.ts';
import { NOW, packet } from './test-kit.ts';

const HOUR_MS = 3_600_000;

/** A log whose commits come, or fail, when told to. */
class ManualLog implements Log {
  readonly refusal = 'log.full';
  readonly congested = false;
  readonly first = 0;
  readonly recovered = 0;
  readonly sizeBytes = 0;
  durable = 0;
  next = 0;
  isFull = false;
  records: LogRecord[] = [];
  readonly #listeners = new Set<LogListener>();

  append(sent: DataPacket): Offset {
    if (this.isFull) return REFUSED;
    const offset = this.next;
    this.next += 1;
    this.records.push({ ...sent, offset });
    return offset;
  }

  commit(): void {
    this.durable = this.next;
    for (const listener of this.#listeners) listener.committed(this.next - 1);
  }

  /** What is not on disk never gets there; its offsets are not given again. */
  fail(): void {
    if (this.durable === this.next) return;
    this.records = this.records.filter(({ offset }) => offset < this.durable);
    const from = this.durable;
    this.durable = this.next;
    for (const listener of this.#listeners) listener.failed(from, this.next - 1, problem('disk.full', ''));
  }

  listen(listener: LogListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async committed(): Promise<void> {}
  hold(): void {}
  release(): void {}
  endangered(): Offset {
    return 0;
  }
}

/** Sums of the ledger after reading a log, over all senders and hours. */
function readBack(records: readonly LogRecord[], ledger = new Ledger({ senders: [], open: [] })) {
  let unaccounted = 0;
  for (const record of records) {
    if (record.origin !== LEDGER_ORIGIN) ledger.count(record.origin, record.receivedAt, 'stored');
    else ledger.claim(decodeTally(record.payload));
  }
  unaccounted = ledger.unaccounted;
  const { size, senders, sender, hour, counts, drops } = ledger.rows();
  const rows = Array.from({ length: size }, (_, row) => ({
    sender: senders[sender[row] ?? 0] ?? '',
    hour: hour[row] ?? 0,
    received: counts.received[row] ?? 0,
    open: counts.open[row] ?? 0,
    stored: counts.stored[row] ?? 0,
    dropped: drops
      .filter((drop) => drop.sender === sender[row] && drop.hour === hour[row])
      .reduce((sum, { count }) => sum + count, 0),
  }));
  const reasons: Record<string, number> = {};
  for (const { reason, count } of drops) {
    const name = DROP_REASONS[reason] ?? '';
    reasons[name] = (reasons[name] ?? 0) + count;
  }
  return { rows, reasons, unaccounted };
}

function begin(log = new ManualLog()) {
  const book = new ReceiptBook({ log, clock: new ManualClock() });
  book.start();
  const send = (account: Account, origin: string, at = NOW): Offset => {
    account.received(at);
    const offset = log.append({ ...packet(origin, 't', 'x'), receivedAt: at });
    if (offset === REFUSED) account.dropped(at, 'log_refused');
    else account.logged(at, offset);
    return offset;
  };
  const refuse = (account: Account, reason: DropReason, at = NOW): void => {
    account.received(at);
    account.dropped(at, reason);
  };
  return { log, book, send, refuse };
}

describe('receipts', () => {
  it('are tallied behind the messages they count, by sender, hour and reason', () => {
    const { log, book, send, refuse } = begin();
    const first = book.account('a');
    const second = book.account('a');
    const other = book.account('b');
    send(first, 'a');
    send(second, 'a');
    send(first, 'a', NOW + HOUR_MS);
    send(other, 'b');
    refuse(other, 'denied');
    refuse(other, 'too_large');
    book.flush();
    const { rows, reasons, unaccounted } = readBack(log.records);
    expect(unaccounted).toBe(0);
    const hour = hourOf(NOW);
    expect(rows).toEqual([
      { sender: 'a', hour, received: 2, open: 0, stored: 2, dropped: 0 },
      { sender: 'a', hour: hour + 1, received: 1, open: 0, stored: 1, dropped: 0 },
      { sender: 'b', hour, received: 3, open: 0, stored: 1, dropped: 2 },
    ]);
    expect(reasons).toEqual({ denied: 1, too_large: 1 });
    book.stop();
  });

  it('of messages whose commit failed are drops, and tallies that failed with them are told again', () => {
    const { log, book, send } = begin();
    const account = book.account('a');
    log.commit();
    send(account, 'a');
    log.commit();
    send(account, 'a');
    book.flush();
    send(account, 'a');
    log.fail();
    send(account, 'a');
    book.flush();
    const { rows, reasons, unaccounted } = readBack(log.records);
    expect(unaccounted).toBe(0);
    expect(rows).toMatchObject([{ received: 4, stored: 2, dropped: 2, open: 0 }]);
    expect(reasons).toEqual({ log_failed: 2 });
    book.stop();
  });

  it('of a process that was killed are what the log has of it', () => {
    const killed = begin();
    const account = killed.book.account('a');
    killed.send(account, 'a');
    killed.book.flush();
    killed.send(account, 'a');
    killed.send(account, 'a');
    // Nobody knows of this one any more, neither as received nor as dropped.
    killed.refuse(account, 'denied');
    const before = readBack(killed.log.records);
    expect(before.rows).toMatchObject([{ received: 1, open: 2, stored: 3 }]);
    const next = begin(killed.log);
    next.send(next.book.account('a'), 'a');
    next.book.flush();
    const { rows, unaccounted } = readBack(next.log.records);
    expect(unaccounted).toBe(0);
    expect(rows).toMatchObject([{ received: 4, open: 0, stored: 4, dropped: 0 }]);
    killed.book.stop();
    next.book.stop();
  });

  it('find out that the log has lost a message, or has one too many', () => {
    for (const tamper of ['lost', 'doubled'] as const) {
      const { log, book, send } = begin();
      const account = book.account('a');
      for (let n = 0; n < 5; n += 1) send(account, 'a');
      book.flush();
      const at = log.records.findIndex(({ origin }) => origin === 'a');
      const twin = log.records[at];
      if (tamper === 'lost') log.records.splice(at, 1);
      else if (twin !== undefined) log.records.splice(at, 0, twin);
      const { rows, unaccounted } = readBack(log.records);
      expect(unaccounted).toBe(1);
      expect(rows).toMatchObject([{ received: 5, open: 0, stored: tamper === 'lost' ? 4 : 6 }]);
      book.stop();
    }
  });

  it('are bounded while the log takes nothing: refused senders are counted together', () => {
    const { log, book, refuse, send } = begin();
    const loyal = book.account('loyal');
    send(loyal, 'loyal');
    log.isFull = true;
    const senders = LEDGER_SENDERS_MAX * 2 + 10;
    for (let n = 0; n < senders; n += 1) refuse(book.account(`s${n}`), 'log_refused');
    book.flush();
    log.isFull = false;
    book.flush();
    const tallies = log.records.filter(({ origin }) => origin === LEDGER_ORIGIN);
    expect(tallies.length).toBeLessThanOrEqual(2 + LEDGER_SENDERS_MAX / LEDGER_TALLY_SENDERS_MAX);
    const { rows, reasons, unaccounted } = readBack(log.records);
    expect(unaccounted).toBe(0);
    expect(reasons).toEqual({ log_refused: senders });
    const byName = new Map(rows.map((row) => [row.sender, row]));
    expect(byName.get('loyal')).toMatchObject({ received: 1, stored: 1 });
    expect(byName.get(OTHER_SENDERS)?.received).toBeGreaterThan(LEDGER_SENDERS_MAX - 2);
    book.stop();
  });

  it('add up whatever happens', () => {
    const sender = fc.constantFrom('a', 'b', 'c');
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ do: fc.constant('send' as const), sender, late: fc.boolean() }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('refuse' as const), sender, late: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('flush', 'commit') }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('fail', 'kill', 'full', 'free') }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let run = begin();
        let accounts = new Map<string, Account>();
        const accountOf = (name: string): Account => {
          const known = accounts.get(name) ?? run.book.account(name);
          accounts.set(name, known);
          return known;
        };
        for (const one of steps) {
          if ('sender' in one) {
            const at = one.late ? NOW + HOUR_MS : NOW;
            if (one.do === 'send') run.send(accountOf(one.sender), one.sender, at);
            else run.refuse(accountOf(one.sender), 'denied', at);
          } else if (one.do === 'flush') run.book.flush();
          else if (one.do === 'commit') run.log.commit();
          else if (one.do === 'fail') run.log.fail();
          else if (one.do === 'full' || one.do === 'free') run.log.isFull = one.do === 'full';
          else {
            // What was not on disk is gone; the next process goes on with the offset behind what is.
            const { log } = run;
            log.isFull = false;
            log.records = log.records.filter(({ offset }) => offset < log.durable);
            const left = new ManualLog();
            left.records = log.records;
            left.next = log.durable;
            left.durable = log.durable;
            run = begin(left);
            accounts = new Map();
          }
        }
        run.log.isFull = false;
        run.book.flush();
        const { rows, unaccounted } = readBack(run.log.records);
        expect(unaccounted).toBe(0);
        for (const { received, open, stored, dropped } of rows) {
          expect(open).toBe(0);
          expect(received).toBe(stored + dropped);
        }
        run.book.stop();
      }),
      { numRuns: 500 },
    );
  });
});
