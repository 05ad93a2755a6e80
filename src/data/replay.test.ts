import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { seededRandom } from '../base/random.ts';
import { problem } from '../model/errors.ts';
import type { HistoryTotals } from '../model/ports/history.ts';
import type { QuarantineOutcome, QuarantineStep } from '../model/ports/quarantine.ts';
import type { Profile } from '../model/profile.ts';
import { KnownDevices } from './pipeline/known-devices.ts';
import { hourOf } from './pipeline/ledger.ts';
import type { Stage } from './pipeline/stage.ts';
import type { CommitReport, Effects } from './protocol.ts';
import { Runner } from './runner.ts';
import { DuckDbStore } from './store/duckdb/duckdb-store.ts';
import type { StoreCommit, StoredLedger } from './store/store.ts';
import { facts, MemoryLog, NOW, packet, telemetry, tempDir, until } from './test-kit.ts';

/** A real store whose next commits fail when told to, before or after they were made. */
class BrittleStore extends DuckDbStore {
  failures: ('before' | 'after')[] = [];

  override async commit(commit: StoreCommit): Promise<void> {
    const failure = this.failures.shift();
    if (failure === 'before') throw problem('disk.full', 'no space left on device');
    await super.commit(commit);
    if (failure === 'after') throw problem('store.failed', 'the answer got lost');
  }
}

const profile = (version: number, maximum: number, more: object = {}): Profile =>
  ({
    id: 'narrow',
    version,
    additionalMetrics: false,
    metrics: { t: { type: 'number', maximum }, h: { type: 'number', maximum }, ...more },
  }) as unknown as Profile;

const never = new AbortController().signal;

describe('a replay', () => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  let log: MemoryLog;
  let store: BrittleStore;
  let known: KnownDevices;
  let reports: CommitReport[];
  let effects: Effects[];
  let running: Promise<void> | undefined;
  let runner: Runner;
  let opened: HistoryTotals;

  beforeEach(async () => {
    dir = await tempDir();
    log = new MemoryLog();
    store = new BrittleStore({ path: join(dir.path, 'h.duckdb'), tempDir: join(dir.path, 'tmp') });
    known = new KnownDevices();
    known.put(facts('d', { profile: 'narrow' }));
    known.put(facts('gw', { gateway: true }));
    known.putProfile(profile(1, 50));
    reports = [];
    effects = [];
  });

  afterEach(async () => {
    runner.stop();
    await running;
    await store.close();
    await dir[Symbol.asyncDispose]();
  });

  async function start(extraStages: readonly Stage[] = []): Promise<void> {
    runner = new Runner({
      reader: log,
      store,
      known,
      clock: systemClock,
      random: seededRandom(1),
      refresh: () => undefined,
      pace: { lingerMs: 1, maxReadings: 1_000, readRoundBytes: 1, checkpointMib: 16 },
      extraStages,
      outlet: {
        caughtUp: () => undefined,
        committed: (report) => reports.push(report),
        effects: async (asked) => {
          effects.push(asked);
          return [];
        },
        trouble: () => undefined,
        bug: () => undefined,
      },
    });
    opened = await runner.open(log.records.length);
    running = runner.run();
    await settled();
  }

  const settled = async (): Promise<void> => {
    runner.wake();
    await until(() => log.records.length === 0 || reports.at(-1)?.totals.offset === log.records.length);
  };

  const restart = async (): Promise<void> => {
    runner.stop();
    await running;
    await store.close();
    await start();
  };

  const step = (more: Partial<QuarantineStep> = {}): Promise<QuarantineOutcome> =>
    runner.step({ action: 'replay', ...more });

  async function stored(device = 'd'): Promise<unknown[]> {
    const series = runner.series?.of(device) ?? [];
    const request = { series, from: 0, to: 2e12, limit: 100_000, descending: false };
    const { series: ids, ts, value } = await store.rows(request, never);
    return Array.from(ts, (at, row) => [runner.series?.get(ids[row] ?? -1)?.metric, at, value[row]]);
  }

  const reasons = async (): Promise<unknown[]> =>
    (await store.quarantine({}, 1_000, never)).map(({ offset, index, code }) => [offset, index, code]);

  const ledger = (): Promise<StoredLedger> =>
    store.ledger({ from: 0, to: hourOf(NOW) * 2, limit: 100 }, never);

  const fill = (...values: readonly unknown[]): void => {
    for (const value of values) log.append(telemetry('d', value));
  };

  it('stores what a new version of the profile allows, once, with the times it had', async () => {
    fill({ ts: NOW - 5, values: { t: 70 } }, { t: 70 }, { t: 20 }, { t: 700 });
    await start();
    expect(await reasons()).toHaveLength(3);
    known.putProfile(profile(2, 100));
    expect(await step()).toEqual({
      tried: 3,
      stored: 2,
      forwarded: 0,
      partly: 0,
      left: 1,
      dropped: 0,
      readings: 2,
      codes: { 'reading.out_of_range': 1 },
      next: undefined,
    });
    const values = [
      ['t', NOW - 5, 70],
      ['t', NOW, 20],
      ['t', NOW, 70],
    ];
    expect(await stored()).toEqual(values);
    expect(await reasons()).toEqual([[3, 0, 'reading.out_of_range']]);
    const [row] = await store.quarantine({}, 1, never);
    expect(row).toMatchObject({ profile: 'narrow', profileVersion: 2, receivedAt: NOW });
    expect(reports.at(-1)?.totals).toMatchObject({
      packets: 4,
      stored: 3,
      quarantined: 1,
      readings: 3,
      rejections: 3,
      offset: 4,
    });
    expect((await ledger()).total).toMatchObject({ stored: 3, quarantined: 1 });
    // What it does not have any more it does not find again.
    expect(await step()).toMatchObject({ tried: 1, stored: 0, left: 1, readings: 0 });
    await restart();
    expect(await stored()).toEqual(values);
  });

  it('of a packet stored in part tries only the values that were refused', async () => {
    fill([
      { t: 1, h: 70 },
      { t: 80, h: 2 },
      { ts: 12, values: { t: 3, h: 4 } },
    ]);
    await start();
    expect(await reasons()).toEqual([
      [0, 0, 'reading.out_of_range'],
      [0, 1, 'reading.out_of_range'],
      [0, 2, 'reading.timestamp'],
    ]);
    known.putProfile(profile(2, 75));
    expect(await step()).toMatchObject({ tried: 1, partly: 1, readings: 1 });
    expect(await reasons()).toEqual([
      [0, 1, 'reading.out_of_range'],
      [0, 2, 'reading.timestamp'],
    ]);
    known.putProfile(profile(3, 100));
    expect(await step()).toMatchObject({ tried: 1, partly: 1, readings: 1 });
    expect(await step()).toMatchObject({ tried: 1, left: 1, readings: 0 });
    expect(await stored()).toEqual([
      ['t', NOW, 1],
      ['h', NOW, 2],
      ['h', NOW, 70],
      ['t', NOW, 80],
    ]);
    // The message was stored when it came, and still is one.
    expect((await ledger()).total).toMatchObject({ stored: 1, quarantined: 0 });
    expect(reports.at(-1)?.totals).toMatchObject({ packets: 1, stored: 1, quarantined: 0, readings: 4 });
  });

  it('keeps the values of more refused items than it lists', async () => {
    fill(Array.from({ length: 300 }, (_, n) => ({ ts: NOW - n, values: n === 7 ? { t: 1 } : { t: 60 } })));
    await start();
    expect(await reasons()).toHaveLength(100);
    known.putProfile(profile(2, 100));
    expect(await step()).toMatchObject({ stored: 1, readings: 299 });
    expect(await stored()).toHaveLength(300);
  });

  it('leaves what its sender was told of where it is', async () => {
    log.append({ ...telemetry('d', [{ t: 1 }, { t: 70 }]), checked: true });
    await start();
    expect(await reasons()).toEqual([]);
    known.putProfile(profile(2, 100));
    expect(await step()).toMatchObject({ tried: 0 });
  });

  it('neither loses nor doubles a reading when its commit fails, made or not', async () => {
    fill({ t: 70 }, { t: 71 }, [{ t: 1 }, { t: 72 }]);
    await start();
    known.putProfile(profile(2, 100));
    for (const failure of ['before', 'after'] as const) {
      store.failures = [failure];
      await expect(step()).rejects.toMatchObject({ code: /disk.full|store.failed/ });
      await until(() => runner.series !== undefined);
    }
    // The second was made: nothing is left to do.
    expect(await step()).toMatchObject({ tried: 0 });
    expect((await stored()).map((row) => (row as unknown[])[2])).toEqual([1, 70, 71, 72]);
    expect((await ledger()).total).toMatchObject({ stored: 3, quarantined: 0 });
  });

  it('goes on with the log between steps, and takes what fits in oldest first', async () => {
    fill(...Array.from({ length: 25 }, (_, n) => ({ t: 60 + n })));
    await start();
    known.putProfile(profile(2, 100));
    let after: number | undefined;
    const tried: number[] = [];
    do {
      fill({ t: 1 });
      const outcome = await step({ limit: 10, after });
      tried.push(outcome.tried);
      after = outcome.next;
    } while (after !== undefined);
    await settled();
    expect(tried).toEqual([10, 10, 5]);
    expect(await stored()).toHaveLength(28);
  });

  it('chooses by device, reason and time of receipt', async () => {
    fill({ t: 70 }, 'no json');
    log.append({ ...telemetry('d', { t: 71 }), receivedAt: NOW + 60_000 });
    await start();
    known.putProfile(profile(2, 100));
    expect(await step({ device: 'gw' })).toMatchObject({ tried: 0 });
    expect(await step({ code: 'payload.not_json' })).toMatchObject({ tried: 1, left: 1 });
    expect(await step({ since: NOW + 1 })).toMatchObject({ tried: 1, stored: 1 });
    expect(await step({ until: NOW + 1, code: 'reading.out_of_range' })).toMatchObject({
      tried: 1,
      stored: 1,
    });
    expect(await step({ offset: 1 })).toMatchObject({ tried: 1, left: 1 });
  });

  it('tried without consequences says the same and changes nothing', async () => {
    fill({ t: 70 }, { unheard: 1 });
    log.append(packet('d', 'v1/d/children/c/telemetry', '{"t":1}'));
    await start();
    known.putProfile(profile(2, 100, { unheard: { type: 'number' } }));
    known.put(facts('d', { profile: 'narrow', gateway: true }));
    const before = await reasons();
    const commits = reports.length;
    const trial = await step({ action: 'dry-run' });
    expect(trial).toMatchObject({ tried: 3, stored: 3, readings: 3 });
    expect(await reasons()).toEqual(before);
    expect([reports.length, effects, await stored()]).toEqual([commits, [], []]);
    expect(known.device('c')).toBeUndefined();
    expect(await step()).toEqual(trial);
    expect(effects).toMatchObject([{ children: [{ id: 'c', parent: 'd' }] }]);
    expect(await stored('c')).toEqual([['t', NOW, 1]]);
  });

  it('drops packets for good, and the ledger says so', async () => {
    fill({ t: 70 }, [{ t: 1 }, { t: 71 }], 'no json');
    await start();
    expect(await step({ action: 'drop', code: 'reading.out_of_range' })).toMatchObject({
      dropped: 2,
      tried: 0,
    });
    expect(await reasons()).toEqual([[2, -1, 'payload.not_json']]);
    const { total, totalDrops } = await ledger();
    expect(total).toMatchObject({ stored: 1, quarantined: 1, open: 3 });
    expect(totalDrops).toMatchObject([{ count: 1 }]);
    known.putProfile(profile(2, 100));
    expect(await step({ code: 'reading.out_of_range' })).toMatchObject({ tried: 0 });
  });

  it('does not guess which values are stored when a packet is read differently today', async () => {
    fill([{ t: 1 }, { t: 70 }]);
    await start();
    const [aside] = (await store.asides({ filter: {}, after: -1, limit: 1, maxBytes: 1 })).packets;
    const part = aside?.part;
    if (aside === undefined || part === undefined) throw new Error('it was stored in part');
    runner.stop();
    await running;
    await store.close();
    const { totals } = await store.open();
    const otherwise = { ...aside, part: { ...part, trace: part.trace + 1 } };
    const rows = await store.quarantine({}, 1, never);
    const { commitOf } = await import('./store/store.case.ts');
    await store.commit(commitOf([], { released: [0], asides: [otherwise], quarantine: rows, totals }));
    await store.close();
    await start();
    known.putProfile(profile(2, 100));
    expect(await step()).toMatchObject({ tried: 1, left: 1, codes: { 'quarantine.changed': 1 } });
    expect(await stored()).toEqual([['t', NOW, 1]]);
  });

  it('sets a packet that breaks a stage aside again, and stores the others', async () => {
    fill({ t: 70 }, { t: 71 }, { t: 72 });
    await start([
      {
        name: 'analyze',
        run: ({ batch, numbersFrom }) => {
          if (batch.numbers.value[numbersFrom] === 71 && batch.numbers.size > numbersFrom)
            throw new Error('boom');
        },
      },
    ]);
    known.putProfile(profile(2, 100));
    expect(await step()).toMatchObject({ tried: 3, stored: 2, left: 1, codes: { internal: 1 } });
    expect(await reasons()).toEqual([[1, -1, 'internal']]);
  });

  it('refuses more steps than may wait', async () => {
    await start();
    const asked = await Promise.allSettled(Array.from({ length: 6 }, () => step()));
    expect(asked.filter(({ status }) => status === 'rejected')).toMatchObject([
      { reason: { code: 'quarantine.busy' } },
      { reason: { code: 'quarantine.busy' } },
    ]);
  });

  it('comes to the same history as if the wider profile had been there from the beginning', async () => {
    const value = fc.integer({ min: 0, max: 130 });
    const item = fc
      .record({ t: value, h: value }, { requiredKeys: [] })
      .filter((one) => Object.keys(one).length > 0);
    const packets = fc.array(fc.oneof(item, fc.array(item, { minLength: 1, maxLength: 5 })), {
      maxLength: 20,
    });
    await start();
    await fc.assert(
      fc.asyncProperty(
        packets,
        fc.array(fc.constantFrom<'before' | 'after'>('before', 'after'), { maxLength: 2 }),
        async (sent, failures) => {
          known.putProfile(profile(1, 50));
          const before = (await stored()).length;
          fill(...sent);
          await settled();
          known.putProfile(profile(2, 100));
          store.failures = failures;
          let after: number | undefined;
          let tries = 0;
          do {
            const outcome = await step({ limit: 3, after }).catch(() => undefined);
            if (outcome !== undefined) after = outcome.next;
            tries += 1;
          } while (after !== undefined || (store.failures.length > 0 && tries < 10));
          store.failures = [];
          await until(() => runner.series !== undefined);
          let count = 0;
          const items: readonly { t?: number; h?: number }[] = sent.flat();
          for (const one of items) for (const found of [one.t, one.h]) if ((found ?? 999) <= 100) count += 1;
          // A step whose commit failed before it was made is made by the next.
          do after = (await step({ limit: 100, after })).next;
          while (after !== undefined);
          expect((await stored()).length - before).toBe(count);
          const { total } = await ledger();
          expect(total.stored + total.forwarded + total.quarantined).toBe(log.records.length);
        },
      ),
      { numRuns: 12 },
    );
    const { total } = await ledger();
    await restart();
    expect(opened).toMatchObject({ packets: log.records.length, quarantined: total.quarantined });
  });
});
