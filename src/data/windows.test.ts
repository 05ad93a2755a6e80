import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { seededRandom } from '../base/random.ts';
import { problem } from '../model/errors.ts';
import type { Profile } from '../model/profile.ts';
import { readWindow, type WindowInput } from '../model/windows.ts';
import { KnownDevices } from './pipeline/known-devices.ts';
import { type OracleReading, oracleOf } from './pipeline/windows/oracle.case.ts';
import type { CommitReport } from './protocol.ts';
import { Runner } from './runner.ts';
import { DuckDbStore } from './store/duckdb/duckdb-store.ts';
import type { StoreCommit } from './store/store.ts';
import type { StoredWindow } from './store/window-store.ts';
import { facts, MemoryLog, NOW, telemetry, tempDir, until } from './test-kit.ts';

/** A real store whose commits fail when told to, before or after they were made. */
class FlakyStore extends DuckDbStore {
  failures: ('before' | 'after' | undefined)[] = [];

  override async commit(commit: StoreCommit): Promise<void> {
    const failure = this.failures.shift();
    if (failure === 'before') throw problem('disk.full', 'no space left on device');
    await super.commit(commit);
    if (failure === 'after') throw problem('store.failed', 'the answer got lost');
  }
}

const WINDOWS = {
  tumbling: { kind: 'tumbling', size: '10s', delay: '2s', lateness: '20s', quantiles: [0.5] },
  hopping: { kind: 'hopping', size: '28s', advance: '7s', offset: '1s', lateness: '0s' },
  sliding: { kind: 'sliding', size: '5s', delay: '1s', lateness: '10s' },
  session: { kind: 'session', gap: '4s', size: '1m', lateness: '15s', quantiles: [0, 1] },
  other: { kind: 'tumbling', size: '1s', metrics: ['u'] },
} as const satisfies Record<string, WindowInput>;

const profile = (windows: Record<string, WindowInput>, version = 1): Profile => ({
  id: 'p' as Profile['id'],
  version,
  metrics: {},
  windows,
});

describe('declared windows, from the log to the store', () => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  let log: MemoryLog;
  let store: FlakyStore;
  let known: KnownDevices;
  let reports: CommitReport[];
  let runner: Runner;
  let running: Promise<void>;
  let now: number;

  const open = async (): Promise<void> => {
    runner = new Runner({
      reader: log,
      store,
      known,
      clock: { now: () => now, monotonic: () => systemClock.monotonic() },
      random: seededRandom(1),
      refresh: () => undefined,
      pace: { lingerMs: 0, maxReadings: 40, readRoundBytes: 1, checkpointMib: 16 },
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
  };
  const close = async (): Promise<void> => {
    runner.stop();
    await running;
    await store.close();
  };
  const taken = (): Promise<void> => until(() => reports.at(-1)?.totals.offset === log.records.length);

  beforeEach(async () => {
    dir = await tempDir();
    log = new MemoryLog(10);
    store = new FlakyStore({ path: join(dir.path, 'history.duckdb'), tempDir: join(dir.path, 'tmp') });
    known = new KnownDevices();
    known.putProfile(profile(WINDOWS));
    for (const id of ['a', 'b']) known.put(facts(id, { profile: 'p' }));
    reports = [];
    now = NOW;
  });

  afterEach(async () => {
    await close();
    await dir[Symbol.asyncDispose]();
  });

  const stored = async (device: string, metric: string, name?: string): Promise<readonly StoredWindow[]> => {
    const series = runner.series?.of(device, [metric]) ?? [];
    const request = { series, name, from: 0, to: NOW * 2, limit: 100_000, descending: false };
    return store.windowed.windows(request, new AbortController().signal);
  };

  /** Late by up to 25 s, some twice at the same time, silent now and then. */
  function sendReadings(random: () => number): Map<string, OracleReading[]> {
    const sent = new Map<string, OracleReading[]>();
    let at = NOW - 3_600_000;
    for (let packet = 0; packet < 1_200; packet += 1) {
      at += random() < 0.02 ? 20_000 : Math.floor(random() * 4) * 250;
      const ts = at - (random() < 0.2 ? Math.floor(random() * 50) * 500 : 0);
      const device = random() < 0.5 ? 'a' : 'b';
      const values = { t: Math.floor(random() * 4_000) / 4 - 500, u: packet };
      log.append(telemetry(device, { ts, values }));
      for (const [metric, value] of Object.entries(values)) {
        const key = `${device} ${metric}`;
        sent.set(key, [...(sent.get(key) ?? []), [ts, value]]);
      }
    }
    // Long after everything else: what was before is closed.
    for (const device of ['a', 'b']) {
      const values = { t: 0, u: 0 };
      log.append(telemetry(device, { ts: NOW, values }));
      for (const metric of ['t', 'u']) sent.get(`${device} ${metric}`)?.push([NOW, 0]);
    }
    return sent;
  }

  it('come out as all readings say, over failed commits and restarts, each row once', async () => {
    const random = seededRandom(20_261_124);
    const sent = sendReadings(() => random.next());
    const all = log.records.splice(0);
    const roll = (): 'before' | 'after' | undefined =>
      (['before', 'after', undefined, undefined, undefined] as const)[Math.floor(random.next() * 5)];
    while (log.records.length < all.length) {
      log.records.push(
        ...all.slice(log.records.length, log.records.length + 150 + Math.floor(random.next() * 300)),
      );
      store.failures = [roll(), roll(), roll(), roll(), roll()];
      await open();
      await taken();
      store.failures = [];
      await close();
    }
    await open();
    let late = 0;
    for (const [key, readings] of sent) {
      const [device = '', metric = ''] = key.split(' ');
      for (const [name, input] of Object.entries(WINDOWS)) {
        if ('metrics' in input && metric !== 'u') continue;
        const read = readWindow(name, input);
        if (!read.ok) throw new Error(read.error);
        const oracle = oracleOf(read.value, readings);
        late += oracle.late;
        const expected = oracle.windows
          .filter(({ end }) => end <= oracle.watermark)
          .map(({ start, end, readings: within }) => ({
            start,
            end,
            count: within.length,
            min: Math.min(...within.map(([, value]) => value)),
            max: Math.max(...within.map(([, value]) => value)),
            last: within.reduce((last, reading) => (reading[0] >= last[0] ? reading : last))[1],
          }))
          .toSorted((x, y) => x.start - y.start);
        const found = (await stored(device, metric, name)).map(({ start, end, count, min, max, last }) => ({
          start,
          end,
          count,
          min,
          max,
          last,
        }));
        expect(found, `${key} ${name}`).toEqual(expected);
      }
    }
    expect(late).toBeGreaterThan(50);
  });

  it('are told after the commit: closed, amended, late', async () => {
    await open();
    const send = (ts: number): void => {
      log.append(telemetry('a', { ts, values: { t: 1 } }));
      runner.wake();
    };
    const base = NOW - 600_000;
    known.putProfile(profile({ w: { kind: 'tumbling', size: '10s', lateness: '30s' } }, 2));
    send(base);
    send(base + 10_000);
    await taken();
    send(base + 5_000);
    await taken();
    send(base + 60_000);
    send(base + 1_000);
    await taken();
    const told = reports.flatMap(({ windows }) => windows.told);
    expect(
      told.map(({ device, window, start, count, revision, change }) => [
        device,
        window,
        start,
        count,
        revision,
        change,
      ]),
    ).toEqual([
      ['a', 'w', base, 1, 1, 'closed'],
      ['a', 'w', base, 2, 2, 'amended'],
      ['a', 'w', base + 10_000, 1, 1, 'closed'],
    ]);
    expect(reports.reduce((sum, { windows }) => sum + windows.late, 0)).toBe(1);
    expect((await stored('a', 't', 'w')).map(({ start, count }) => [start, count])).toEqual([
      [base, 2],
      [base + 10_000, 1],
    ]);
  });

  it('close by the clock when nothing comes, without a packet, and stay closed over a restart', async () => {
    log.append(telemetry('a', { ts: NOW - 600_000, values: { t: 7 } }));
    await open();
    await taken();
    now += 600_000;
    runner.wake();
    await until(async () => (await stored('a', 't', 'tumbling')).length === 1);
    expect(await stored('a', 't', 'tumbling')).toMatchObject([
      { count: 1, mean: 7, cause: 1, quantiles: '{"0.5":7}' },
    ]);
    const { length } = reports;
    await close();
    await open();
    log.append(telemetry('a', { ts: NOW - 600_000, values: { t: 8 } }));
    runner.wake();
    await taken();
    expect(reports.slice(length).flatMap(({ windows }) => windows.told)).toEqual([]);
    expect(reports.at(-1)?.windows.late).toBe(1);
    expect(await stored('a', 't', 'tumbling')).toMatchObject([{ count: 1, revision: 1 }]);
  });

  it('begin with whole windows when a profile declares them for a device that has sent before', async () => {
    known.putProfile(profile({}, 1));
    await open();
    const base = NOW - 600_000;
    log.append(telemetry('a', { ts: base + 1_000, values: { t: 1 } }));
    runner.wake();
    await taken();
    known.putProfile(profile({ w: { kind: 'tumbling', size: '10s' } }, 2));
    for (const at of [5_000, 12_000, 40_000])
      log.append(telemetry('a', { ts: base + at, values: { t: at } }));
    runner.wake();
    await taken();
    expect((await stored('a', 't')).map(({ start }) => start)).toEqual([base + 10_000]);
    await close();
    await open();
    log.append(telemetry('a', { ts: base + 70_000, values: { t: 1 } }));
    runner.wake();
    await taken();
    expect((await stored('a', 't')).map(({ start }) => start)).toEqual([base + 10_000, base + 40_000]);
  });
});
