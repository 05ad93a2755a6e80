import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LEDGER_PARTS_MAX } from '../../base/limits.ts';
import { DROP_REASONS } from '../../model/ports/ledger.ts';
import { hourOf, Ledger } from '../pipeline/ledger.ts';
import { NOW } from '../test-kit.ts';
import { commitOf } from './store.case.ts';
import type { Store } from './store.ts';

/** What every store promises of its ledger. */

const never = new AbortController().signal;
const HOUR_MS = 3_600_000;
const hour = hourOf(NOW);
const DENIED = DROP_REASONS.indexOf('denied');

export function ledgerCases(
  name: string,
  make: () => Promise<{ open: () => Store; remove: () => Promise<void> }>,
) {
  describe(`the ledger of ${name}`, () => {
    let place: Awaited<ReturnType<typeof make>>;
    let store: Store;

    beforeEach(async () => {
      place = await make();
      store = place.open();
      await store.open();
    });

    afterEach(async () => {
      await store.close();
      await place.remove();
    });

    const all = { from: 0, to: hour * 2, limit: 1_000 };
    const commit = async (ledger: Ledger): Promise<void> => {
      await store.commit(commitOf([], { ledger: ledger.rows() }));
      ledger.clear();
    };

    it('adds commits up per sender and hour, and knows after a restart what is open', async () => {
      const ledger = new Ledger({ senders: [], open: [] });
      ledger.count('a', NOW, 'stored');
      ledger.count('a', NOW, 'quarantined');
      await commit(ledger);
      ledger.count('a', NOW, 'stored');
      ledger.count("b'; --", NOW + HOUR_MS, 'forwarded');
      ledger.claim({ isFirst: false, entries: [{ origin: 'a', hour, received: 5, drops: [[DENIED, 2]] }] });
      await commit(ledger);
      ledger.count('a', NOW, 'stored');
      await commit(ledger);
      await store.close();
      store = place.open();
      const state = (await store.open()).ledger;
      expect(state.senders).toEqual(['a', "b'; --"]);
      expect(state.open.toSorted((a, b) => a.sender - b.sender)).toEqual([
        { sender: 0, hour, count: 1 },
        { sender: 1, hour: hour + 1, count: 1 },
      ]);
      const none = { received: 0, open: 0, stored: 0, forwarded: 0, quarantined: 0 };
      const a = { ...none, sender: 'a', hour, received: 5, open: 1, stored: 3, quarantined: 1 };
      const b = { ...none, sender: "b'; --", hour: hour + 1, open: 1, forwarded: 1 };
      const drops = [{ sender: 'a', hour, reason: DENIED, count: 2 }];
      expect(await store.ledger(all, never)).toMatchObject({ rows: [b, a], drops, found: 2 });
      expect(await store.ledger({ ...all, sender: 'a' }, never)).toMatchObject({
        rows: [a],
        total: { received: 5 },
      });
      expect(await store.ledger({ ...all, limit: 1 }, never)).toMatchObject({
        rows: [b],
        drops: [],
        found: 2,
        total: { received: 5, open: 2 },
        totalDrops: [{ reason: DENIED, count: 2 }],
      });
      expect((await store.ledger({ ...all, to: hour + 1 }, never)).rows).toEqual([a]);
      expect((await store.ledger({ ...all, sender: "b' OR 1=1" }, never)).rows).toEqual([]);
    });

    it('says the same when its rows have been summed up', async () => {
      const ledger = new Ledger({ senders: [], open: [] });
      const senders = 20_000;
      const commits = LEDGER_PARTS_MAX / senders + 1;
      for (let at = 0; at < commits; at += 1) {
        for (let sender = 0; sender < senders; sender += 1) ledger.count(`s${sender}`, NOW, 'stored');
        ledger.claim({
          isFirst: false,
          entries: [{ origin: 's0', hour, received: 2, drops: [[DENIED, 1]] }],
        });
        await commit(ledger);
      }
      const { found, total, totalDrops } = await store.ledger(all, never);
      expect([found, total.stored, total.received]).toEqual([senders, senders * commits, 2 * commits]);
      expect(totalDrops).toMatchObject([{ count: commits }]);
      await store.close();
      store = place.open();
      expect((await store.open()).ledger.open).toHaveLength(senders - 1);
    });

    it('has every message once, whatever comes in one commit', async () => {
      const outcome = fc.constantFrom('stored' as const, 'forwarded' as const, 'quarantined' as const);
      const message = fc.record({ sender: fc.constantFrom('x', 'y', 'z'), late: fc.nat(3), outcome });
      const ledger = new Ledger({ senders: [], open: [] });
      const expected = new Map<string, number>();
      await fc.assert(
        fc.asyncProperty(fc.array(message, { maxLength: 50 }), async (messages) => {
          for (const one of messages) {
            ledger.count(one.sender, NOW - one.late * HOUR_MS, one.outcome);
            const key = `${one.sender} ${hour - one.late} ${one.outcome}`;
            expected.set(key, (expected.get(key) ?? 0) + 1);
          }
          await commit(ledger);
          const { rows } = await store.ledger(all, never);
          const found = new Map<string, number>();
          for (const row of rows) {
            for (const what of ['stored', 'forwarded', 'quarantined'] as const)
              if (row[what] > 0) found.set(`${row.sender} ${row.hour} ${what}`, row[what]);
          }
          expect(found).toEqual(expected);
        }),
        { numRuns: 20 },
      );
    });
  });
}
