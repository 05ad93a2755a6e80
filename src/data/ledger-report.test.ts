import { describe, expect, it } from 'vitest';
import { DROP_REASONS } from '../model/ports/ledger.ts';
import { LedgerReports } from './ledger-report.ts';
import { hourOf, hourStart } from './pipeline/ledger.ts';
import type { LedgerRequest, StoredLedger, StoredLedgerRow } from './store/store.ts';
import { encodeTally } from './tally.ts';
import { MemoryLog, NOW, telemetry } from './test-kit.ts';

const hour = hourOf(NOW);
const DENIED = DROP_REASONS.indexOf('denied');
const never = new AbortController().signal;
const all: LedgerRequest = { from: 0, to: hour * 2, limit: 100 };

const row = (sender: string, more: Partial<StoredLedgerRow> = {}): StoredLedgerRow => ({
  sender,
  hour,
  received: 0,
  open: 0,
  stored: 0,
  forwarded: 0,
  quarantined: 0,
  ...more,
});

/** What a store would answer that has these rows, and has taken the log up to `offset`. */
function storedOf(rows: readonly StoredLedgerRow[], offset: number, more: Partial<StoredLedger> = {}) {
  const sum = (name: 'received' | 'open' | 'stored' | 'forwarded' | 'quarantined'): number =>
    rows.reduce((total, one) => total + one[name], 0);
  const total = row('', {
    hour: 0,
    received: sum('received'),
    open: sum('open'),
    stored: sum('stored'),
    forwarded: sum('forwarded'),
    quarantined: sum('quarantined'),
  });
  const stored: StoredLedger = {
    rows,
    drops: [],
    total,
    totalDrops: [],
    found: rows.length,
    offset,
    ...more,
  };
  return { ledger: () => Promise.resolve(stored) };
}

describe('a report of the ledger', () => {
  it('shows what history has not taken yet as pending, with the tallies among it', async () => {
    const log = new MemoryLog(2);
    log.append(telemetry('a', { t: 1 }));
    log.append(telemetry('a', { t: 2 }));
    log.append(telemetry('b', { t: 3 }));
    const entries = [{ origin: 'a', hour, received: 4, drops: [[DENIED, 2]] as const }];
    log.append(encodeTally({ isFirst: false, entries }, NOW));
    log.append(telemetry('c', { t: 1 }));
    const reports = new LedgerReports({
      store: storedOf([row('a', { open: 1, stored: 1 })], 1),
      reader: () => log,
    });
    const report = await reports.report({ request: all, durable: 4 }, never);
    const counts = {
      stored: 0,
      forwarded: 0,
      quarantined: 0,
      dropped: 0,
      pending: 1,
      missing: 0,
      reasons: {},
    };
    expect(report).toEqual({
      addsUp: true,
      found: 2,
      beyond: 0,
      rows: [
        {
          ...counts,
          sender: 'a',
          hour: hourStart(hour),
          received: 4,
          stored: 1,
          dropped: 2,
          reasons: { denied: 2 },
        },
        { ...counts, sender: 'b', hour: hourStart(hour), received: 1 },
      ],
      total: { ...counts, received: 5, stored: 1, dropped: 2, pending: 2, reasons: { denied: 2 } },
    });
    const ofB = await reports.report({ request: { ...all, sender: 'b' }, durable: 4 }, never);
    expect(ofB.rows.map(({ sender, pending }) => [sender, pending])).toContainEqual(['b', 1]);
    expect(await reports.report({ request: { ...all, to: hour }, durable: 4 }, never)).toMatchObject({
      total: { pending: 0 },
    });
  });

  it('says what is missing, or too many', async () => {
    for (const [received, missing] of [
      [5, 2],
      [2, -1],
    ] as const) {
      const store = storedOf([row('a', { received, stored: 2, quarantined: 1 })], 0);
      const reports = new LedgerReports({ store, reader: () => new MemoryLog() });
      const report = await reports.report({ request: all, durable: 0 }, never);
      expect(report).toMatchObject({ addsUp: false, rows: [{ missing }], total: { missing } });
    }
  });

  it('finds a row that does not add up though the sum does', async () => {
    const store = storedOf([row('a', { received: 1 }), row('b', { stored: 1 })], 0);
    const reports = new LedgerReports({ store, reader: () => undefined });
    expect(await reports.report({ request: all, durable: 0 }, never)).toMatchObject({
      addsUp: false,
      total: { missing: 0 },
    });
  });

  it('does not show a row half where the list was cut', async () => {
    const log = new MemoryLog();
    log.append(telemetry('a', {}));
    log.append(telemetry('z', {}));
    const store = storedOf([row('b', { received: 1, stored: 1 })], 0, { found: 9 });
    const reports = new LedgerReports({ store, reader: () => log });
    const { rows, found } = await reports.report({ request: { ...all, limit: 5 }, durable: 2 }, never);
    // z may have more than the store has listed.
    expect(rows.map(({ sender }) => sender)).toEqual(['a', 'b']);
    expect(found).toBe(10);
  });

  it('tells as a sum what is too far behind to be read', async () => {
    const log = new MemoryLog(1);
    for (let n = 0; n < 100; n += 1) log.append(telemetry('a', {}));
    const reports = new LedgerReports({ store: storedOf([], 0), reader: () => log });
    const { total, beyond } = await reports.report({ request: all, durable: 100 }, never);
    expect([total.pending, beyond]).toEqual([64, 36]);
  });
});
