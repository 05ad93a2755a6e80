import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, ManualClock, systemClock } from '../base/clock.ts';
import { seededRandom } from '../base/random.ts';
import type { AnalysisSchema } from '../model/analysis.ts';
import { problem } from '../model/errors.ts';
import type { Profile } from '../model/profile.ts';
import { KnownDevices } from './pipeline/known-devices.ts';
import type { CommitReport } from './protocol.ts';
import { Runner } from './runner.ts';
import { DuckDbStore } from './store/duckdb/duckdb-store.ts';
import type { StoreCommit } from './store/store.ts';
import { facts, MemoryLog, NOW, telemetry, tempDir, until } from './test-kit.ts';

const MINUTE = 60_000;
const HOUR = 3_600_000;

/** Fails commits when told to, before or after they were made. */
class FailingStore extends DuckDbStore {
  failures: ('before' | 'after')[] = [];

  override async commit(commit: StoreCommit): Promise<void> {
    const failure = this.failures.shift();
    if (failure === 'before') throw problem('disk.full', 'no space left on device');
    await super.commit(commit);
    if (failure === 'after') throw problem('store.failed', 'the answer got lost');
  }
}

/** Findings over commits that fail, restarts of the server, and times in which nothing comes. */
describe('findings', () => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  let log: MemoryLog;
  let store: FailingStore;
  let known: KnownDevices;
  let reports: CommitReport[];
  let runner: Runner | undefined;
  let running: Promise<void> | undefined;

  beforeEach(async () => {
    dir = await tempDir();
    log = new MemoryLog(5);
    count = 0;
    apartMs = 1_000;
    store = new FailingStore({ path: join(dir.path, 'history.duckdb'), tempDir: join(dir.path, 'tmp') });
    known = new KnownDevices();
    reports = [];
  });

  afterEach(async () => {
    await stop();
    await dir[Symbol.asyncDispose]();
  });

  async function start(clock: Clock = new ManualClock(NOW)): Promise<void> {
    runner = new Runner({
      reader: log,
      store,
      known,
      clock,
      random: seededRandom(1),
      refresh: () => undefined,
      pace: { lingerMs: 0, maxReadings: 10, readRoundBytes: 1, checkpointMib: 16 },
      outlet: {
        caughtUp: () => undefined,
        committed: (report) => reports.push(report),
        effects: async () => [],
        trouble: () => undefined,
        bug: (cause) => {
          throw cause;
        },
      },
    });
    await runner.open(log.records.length);
    running = runner.run();
  }

  async function stop(): Promise<void> {
    runner?.stop();
    await running;
    await store.close();
  }

  function watch(analysis: AnalysisSchema): void {
    known.putProfile({ id: 'p' as Profile['id'], version: 1, metrics: { t: { type: 'number', analysis } } });
    known.put(facts('d', { profile: 'p' }));
  }

  let count = 0;
  let apartMs = 1_000;
  /** One reading per second, or as set. */
  async function send(...values: readonly number[]): Promise<void> {
    for (const t of values) {
      count += 1;
      log.append({ ...telemetry('d', { t }), receivedAt: NOW - 2 * HOUR + count * apartMs });
    }
    runner?.wake();
    await until(() => reports.at(-1)?.totals.offset === log.records.length);
  }

  const told = (): unknown[] =>
    reports.flatMap(({ findings }) => findings.map(({ detector, state, value }) => [detector, state, value]));

  it('begin once and end once, restarts between or not', async () => {
    watch({ range: { high: 10 } });
    await start();
    await send(5, 11, 12);
    await stop();
    await start();
    await send(13, 14);
    await stop();
    await start();
    await send(9);
    expect(told()).toEqual([
      ['range', 'began', 11],
      ['range', 'ended', 9],
    ]);
    expect(reports.at(-1)?.findings).toMatchObject([
      { device: 'd', metric: 't', evidence: { lastedMs: 4_000 } },
    ]);
    await stop();
    await start();
    await send(8);
    expect(told()).toHaveLength(2);
  });

  it('are told once though the commit they came with failed, made or not', async () => {
    watch({ range: { high: 10, raiseAfter: 3 } });
    await start();
    // In batches of ten: the finding begins in the second and ends in the third.
    store.failures = ['before', 'after', 'before'];
    await send(...Array.from({ length: 30 }, (_, at) => (at >= 12 && at < 25 ? 11 : 9)));
    expect(told()).toEqual([
      ['range', 'began', 11],
      ['range', 'ended', 9],
    ]);
  });

  it('know after a restart what was there before it', async () => {
    watch({ stuck: { for: '1h' }, rate: { perSecond: 1 } });
    apartMs = MINUTE;
    await start();
    await send(...Array.from({ length: 31 }, () => 7));
    await stop();
    await start();
    await send(...Array.from({ length: 29 }, () => 7));
    expect(told()).toEqual([]);
    await send(7, 7);
    expect(told()).toEqual([['stuck', 'began', 7]]);
    await stop();
    await start();
    await send(99);
    expect(told().slice(1)).toEqual([
      ['rate', 'began', 99],
      ['stuck', 'ended', 99],
    ]);
  });

  it('of silence are told while nothing comes at all', async () => {
    watch({ missing: { after: '1s' } });
    await start(systemClock);
    log.append({ ...telemetry('d', { t: 5 }), receivedAt: systemClock.now() });
    runner?.wake();
    await until(() => told().length > 0);
    expect(told()).toEqual([['missing', 'began', 5]]);
    expect(reports.at(-1)).toMatchObject({ readings: 0, totals: { packets: 1, offset: 1 } });
  });

  it('of silence do not come all at once when the server was away', async () => {
    watch({ missing: { after: '10m' } });
    count = 7_200;
    await start();
    await send(5);
    await stop();
    const clock = new ManualClock(NOW + 24 * HOUR);
    await start(clock);
    const tick = async (ms: number): Promise<void> => {
      clock.advance(ms);
      runner?.wake();
      await new Promise(setImmediate);
    };
    await tick(4 * MINUTE);
    expect(told()).toEqual([]);
    await until(async () => {
      await tick(MINUTE / 2);
      return told().length > 0;
    });
    expect(reports.at(-1)?.findings).toMatchObject([{ detector: 'missing', state: 'began' }]);
    const silentMs = reports.at(-1)?.findings[0]?.evidence['silentMs'] ?? 0;
    expect(silentMs).toBeGreaterThanOrEqual(10 * MINUTE);
    await stop();
    await start(clock);
    for (let minute = 0; minute < 30; minute += 1) await tick(MINUTE);
    expect(told()).toHaveLength(1);
  });
});
