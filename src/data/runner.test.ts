import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { seededRandom } from '../base/random.ts';
import { problem } from '../model/errors.ts';
import { KnownDevices } from './pipeline/known-devices.ts';
import type { Stage } from './pipeline/stage.ts';
import type { CommitReport, Effects, Fault } from './protocol.ts';
import { Runner } from './runner.ts';
import { DuckDbStore } from './store/duckdb/duckdb-store.ts';
import type { RowsRequest, Store, StoreCommit, StoreState } from './store/store.ts';
import { facts, MemoryLog, packet, telemetry, tempDir, until } from './test-kit.ts';

/** A real store whose commits fail when told to, before or after they were made. */
class FailingStore implements Store {
  readonly commits: number[] = [];
  failures: ('before' | 'after')[] = [];
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  open(): Promise<StoreState> {
    return this.#store.open();
  }

  async commit(commit: StoreCommit): Promise<void> {
    const failure = this.failures.shift();
    if (failure === 'before') throw problem('disk.full', 'no space left on device');
    await this.#store.commit(commit);
    this.commits.push(commit.numbers.size);
    if (failure === 'after') throw problem('store.failed', 'the answer got lost');
  }

  rows(request: RowsRequest, signal: AbortSignal) {
    return this.#store.rows(request, signal);
  }

  recentMinutes(...args: Parameters<Store['recentMinutes']>) {
    return this.#store.recentMinutes(...args);
  }

  latest(...args: Parameters<Store['latest']>) {
    return this.#store.latest(...args);
  }

  rank(...args: Parameters<Store['rank']>) {
    return this.#store.rank(...args);
  }

  file(...args: Parameters<Store['file']>) {
    return this.#store.file(...args);
  }

  quarantine(...args: Parameters<Store['quarantine']>) {
    return this.#store.quarantine(...args);
  }

  quarantined(...args: Parameters<Store['quarantined']>) {
    return this.#store.quarantined(...args);
  }

  asides(...args: Parameters<Store['asides']>) {
    return this.#store.asides(...args);
  }

  ledger(...args: Parameters<Store['ledger']>) {
    return this.#store.ledger(...args);
  }

  get windowed() {
    return this.#store.windowed;
  }

  get quarantineUse() {
    return this.#store.quarantineUse;
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}

describe('the runner', () => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  let log: MemoryLog;
  let store: FailingStore;
  let known: KnownDevices;
  let reports: CommitReport[];
  let troubles: (Fault | undefined)[];
  let effects: Effects[];
  let bugs: string[];
  let running: Promise<void> | undefined;
  let runner: Runner | undefined;

  beforeEach(async () => {
    dir = await tempDir();
    log = new MemoryLog();
    store = new FailingStore(
      new DuckDbStore({ path: join(dir.path, 'history.duckdb'), tempDir: join(dir.path, 'tmp') }),
    );
    known = new KnownDevices();
    known.put(facts('d'));
    known.put(facts('gw', { gateway: true }));
    reports = [];
    troubles = [];
    effects = [];
    bugs = [];
  });

  afterEach(async () => {
    runner?.stop();
    await running;
    await store.close();
    await dir[Symbol.asyncDispose]();
  });

  async function start(
    more: { maxReadings?: number; extraStages?: readonly Stage[]; lingerMs?: number } = {},
  ) {
    runner = new Runner({
      reader: log,
      store,
      known,
      clock: systemClock,
      random: seededRandom(1),
      refresh: () => undefined,
      pace: {
        lingerMs: more.lingerMs ?? 1,
        maxReadings: more.maxReadings ?? 1_000,
        readRoundBytes: 1,
        checkpointMib: 16,
      },
      extraStages: more.extraStages,
      outlet: {
        caughtUp: () => undefined,
        committed: (report) => reports.push(report),
        effects: async (asked) => {
          effects.push(asked);
          return [];
        },
        trouble: (fault) => troubles.push(fault),
        bug: (_cause, about) => bugs.push(about),
      },
    });
    await runner.open(log.records.length);
    running = runner.run();
    return runner;
  }

  const fill = (count: number): void => {
    for (let at = 0; at < count; at += 1) log.append(telemetry('d', { t: at }));
  };

  const totals = () => reports.at(-1)?.totals;

  async function storedValues(): Promise<number[]> {
    const series = runner?.series?.of('d') ?? [];
    const request = { series, from: 0, to: 2e12, limit: 100_000, descending: false };
    const { value } = await store.rows(request, new AbortController().signal);
    return [...value].toSorted((a, b) => a - b);
  }

  const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

  it('takes what is there, waits, and goes on when woken', async () => {
    fill(250);
    const started = await start();
    await until(() => totals()?.offset === 250);
    fill(10);
    started.wake();
    await until(() => totals()?.offset === 260);
    expect(totals()).toEqual({
      packets: 260,
      stored: 260,
      forwarded: 0,
      quarantined: 0,
      readings: 260,
      rejections: 0,
      offset: 260,
    });
    expect(await storedValues()).toEqual([...upTo(250), ...upTo(10)].toSorted((a, b) => a - b));
  });

  it('commits a bounded number of readings at once', async () => {
    fill(1_000);
    await start({ maxReadings: 200 });
    await until(() => totals()?.offset === 1_000);
    expect(store.commits).toEqual([200, 200, 200, 200, 200]);
  });

  it('gathers what comes within the linger into one commit', async () => {
    fill(1);
    const started = await start({ lingerMs: 100 });
    await until(() => totals()?.offset === 1);
    for (let at = 0; at < 5; at += 1) {
      fill(1);
      started.wake();
    }
    await until(() => totals()?.offset === 6);
    expect(store.commits).toEqual([1, 5]);
  });

  it('neither loses nor doubles a reading when commits fail, made or not', async () => {
    fill(1_000);
    store.failures = ['before', 'after', 'before', 'after'];
    await start({ maxReadings: 200 });
    await until(() => totals()?.offset === 1_000);
    expect(await storedValues()).toEqual(upTo(1_000));
    expect(totals()).toMatchObject({ packets: 1_000, readings: 1_000 });
    expect(troubles.filter((fault) => fault !== undefined).map(({ code }) => code)).toEqual([
      'disk.full',
      'store.failed',
      'disk.full',
      'store.failed',
    ]);
    expect(troubles.at(-1)).toBeUndefined();
  });

  it('asks again for a child whose admission was lost with a failed commit, and only then', async () => {
    log.append(packet('gw', 'v1/gw/children/c/telemetry', '{"t":1}'));
    log.append(packet('gw', 'v1/gw/attributes', '{"model":"x"}'));
    store.failures = ['before'];
    await start();
    await until(() => totals()?.offset === 2);
    expect(effects).toContainEqual({
      children: [{ id: 'c', parent: 'gw', name: 'c' }],
      attributes: [{ device: 'gw', values: { model: 'x' } }],
    });
    expect(known.device('c')).toMatchObject({ parent: 'gw' });
  });

  it('sets aside a packet that breaks a late stage, and stores the others once', async () => {
    fill(300);
    const extraStages: readonly Stage[] = [
      {
        name: 'analyze',
        run: ({ batch }) => {
          const value = batch.numbers.value[batch.numbers.size - 1];
          if (value === 13 || value === 210) throw new Error('boom');
        },
      },
    ];
    await start({ extraStages, maxReadings: 100 });
    await until(() => totals()?.offset === 300);
    expect(await storedValues()).toEqual(upTo(300).filter((value) => value !== 13 && value !== 210));
    expect(totals()).toMatchObject({ packets: 300, stored: 298, quarantined: 2 });
    const rows = await store.quarantine({}, 10, new AbortController().signal);
    expect(rows.map(({ offset, code, message }) => [offset, code, message])).toEqual([
      [210, 'internal', 'analyze: boom'],
      [13, 'internal', 'analyze: boom'],
    ]);
    expect(bugs).toHaveLength(2);
  });

  it('gives up when every packet breaks a stage', async () => {
    fill(300);
    const extraStages: readonly Stage[] = [
      {
        name: 'analyze',
        run: () => {
          throw new Error('boom');
        },
      },
    ];
    await start({ extraStages });
    await expect(running).rejects.toThrow('analyze: boom');
    running = undefined;
  });

  it('stores what comes before damage in the log, says so, and skips nothing', async () => {
    fill(250);
    log.damagedFrom = 230;
    await start();
    await until(() => troubles.some((fault) => fault?.code === 'log.corrupt'));
    await until(() => totals()?.offset === 230);
    expect(await storedValues()).toEqual(upTo(230));
    log.damagedFrom = Number.POSITIVE_INFINITY;
    await until(() => totals()?.offset === 250);
    expect(await storedValues()).toEqual(upTo(250));
    expect(troubles.at(-1)).toBeUndefined();
  });

  it('commits what it has taken when it is stopped, and continues from there', async () => {
    fill(1);
    const started = await start({ lingerMs: 60_000 });
    await until(() => totals()?.offset === 1);
    fill(5);
    started.wake();
    await new Promise(setImmediate);
    started.stop();
    await running;
    await store.close();
    await start();
    await until(() => totals()?.offset === 6 || reports.at(-1)?.totals.offset === 6);
    expect(await storedValues()).toEqual([0, ...upTo(5)].toSorted((a, b) => a - b));
  });

  it('refuses a log that ends before history does', async () => {
    fill(10);
    const started = await start();
    await until(() => totals()?.offset === 10);
    started.stop();
    await running;
    await store.close();
    log.records.length = 4;
    await expect(start()).rejects.toMatchObject({ code: 'data_dir.corrupt' });
    running = undefined;
  });

  it('tells of what it stored: per device, refusals by code, and readings only where watched', async () => {
    known.put(facts('e'));
    log.append(telemetry('d', { t: 1 }));
    log.append(telemetry('e', { t: 2, u: 'x' }));
    log.append(telemetry('d', [{ t: null }, { t: null }]));
    const started = await start();
    await until(() => totals()?.offset === 3);
    expect(reports[0]).toMatchObject({
      stored: 2,
      quarantined: 1,
      readings: 3,
      rejections: [['reading.type', 2]],
      received: [
        { device: 'd', readings: 1 },
        { device: 'e', readings: 2 },
      ],
      refused: [{ device: 'd', code: 'reading.type', count: 2 }],
      live: [],
    });
    started.watched = ['e'];
    log.append(telemetry('d', { t: 1 }));
    log.append(telemetry('e', { on: true }));
    started.wake();
    await until(() => totals()?.offset === 5);
    expect(reports.at(-1)?.live).toMatchObject([{ device: 'e', metric: 'on', value: true }]);
    started.watched = 'all';
    fill(1_500);
    started.wake();
    await until(() => totals()?.offset === 1_505);
    const told = reports.reduce((sum, { live, liveDropped }) => sum + live.length + liveDropped, 0);
    expect(told).toBe(1_501);
    expect(Math.max(...reports.map(({ live }) => live.length))).toBeLessThanOrEqual(1_000);
  });
});
