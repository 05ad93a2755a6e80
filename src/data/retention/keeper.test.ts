import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../base/clock.ts';
import { KnownDevices } from '../pipeline/known-devices.ts';
import { KIND_NUMBER, type Series, SeriesDirectory } from '../series.ts';
import { DuckDbStore } from '../store/duckdb/duckdb-store.ts';
import { commitOf } from '../store/store.case.ts';
import { tempDir } from '../test-kit.ts';
import { Keeper } from './keeper.ts';
import { KEEP_ALL, type RetentionReport, type RetentionSettings } from './report.ts';

const DAY = 86_400_000;
const TODAY = Date.parse('2026-09-21T00:00:00Z');
const never = new AbortController().signal;
const series: readonly Series[] = [0, 1].map((id) => ({
  id,
  device: `d${id}`,
  metric: 't',
  unit: '',
  kind: KIND_NUMBER,
}));

describe('the keeper of history', () => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  let store: DuckDbStore;
  let clock: ManualClock;
  let reports: RetentionReport[];

  beforeEach(async () => {
    dir = await tempDir();
    store = new DuckDbStore({ path: join(dir.path, 'history.duckdb'), tempDir: join(dir.path, 'tmp') });
    await store.open();
    clock = new ManualClock(TODAY + 3_600_000);
    reports = [];
  });

  afterEach(async () => {
    await store.close();
    await dir[Symbol.asyncDispose]();
  });

  /** `perDay` readings of each series on each of the last days, today included. */
  async function fill(days: number, perDay = 24): Promise<void> {
    const readings: [Series, number, number][] = [];
    for (let day = 0; day < days; day += 1) {
      for (let at = 0; at < perDay; at += 1) {
        const ts = TODAY - day * DAY + Math.floor((at * 3_600_000) / perDay);
        for (const one of series) readings.push([one, ts, Math.sin(ts) * (at + 1)]);
      }
    }
    await store.commit(commitOf(readings, { series }));
  }

  const keeper = (settings: Partial<RetentionSettings>): Keeper =>
    new Keeper({
      store: store.retention,
      settings: { ...KEEP_ALL, ...settings },
      known: new KnownDevices(),
      series: () => new SeriesDirectory(series),
      clock,
      tell: (report) => reports.push(report),
      restMinMs: 0,
    });

  const keep = (raw: number, minute: number, hour = Number.POSITIVE_INFINITY) => ({ raw, minute, hour });
  const rowsOf = async (): Promise<number[]> =>
    (await store.retention.survey(never)).levels.map(({ rows }) => rows);

  it('moves what is old, takes away what is over, and says so', async () => {
    await fill(6);
    await keeper({ keep: keep(3 * DAY, 4 * DAY) }).pass();
    // Of six days three and today are left raw, of minutes one day more; hours of all that was moved.
    expect((await rowsOf())[0]).toBe(4 * 48);
    const [report] = reports;
    expect(report?.outcome).toMatchObject({
      kind: 'done',
      state: { fits: true, partitions: { raw: 1, minute: 2, hour: 0 }, damaged: [] },
    });
    expect(report?.thinned.filter(({ level }) => level === 'raw')).toMatchObject([
      { reason: 'age', fromMs: TODAY - 5 * DAY, rows: 48 },
      { reason: 'age', fromMs: TODAY - 4 * DAY, rows: 48 },
    ]);
  });

  it('previews exactly what the next pass then does', async () => {
    await fill(8, 200);
    await keeper({}).pass();
    const later = keeper({ keep: keep(4 * DAY, 6 * DAY) });
    const preview = await later.preview(undefined, never);
    expect(
      preview.items.map(({ level, reason, devices, metrics }) => [level, reason, devices, metrics]),
    ).toEqual([
      ['raw', 'age', 2, 1],
      ['minute', 'age', 2, 1],
    ]);
    const before = await store.retention.survey(never);
    expect(preview.bytesBefore).toBe(before.bytes.total);
    await later.pass();
    const thinned = reports.at(-1)?.thinned ?? [];
    for (const { level, rows, bytes, fromMs, toMs } of preview.items) {
      const done = thinned.filter((one) => one.level === level);
      expect(done.reduce((sum, one) => sum + one.rows, 0)).toBe(rows);
      expect(done.reduce((sum, one) => sum + one.bytes, 0)).toBe(bytes);
      expect(Math.min(...done.map((one) => one.fromMs))).toBe(fromMs);
      expect(Math.max(...done.map((one) => one.toMs))).toBe(toMs);
    }
    const after = await store.retention.survey(never);
    expect(before.bytes.partitions - after.bytes.partitions).toBe(preview.bytesBefore - preview.bytesAfter);
    expect((await later.preview(undefined, never)).items).toEqual([]);
  });

  it('thins the oldest readings for the budget, and keeps their minutes', async () => {
    await fill(10, 2_000);
    await keeper({}).pass();
    const { bytes } = await store.retention.survey(never);
    const budgetBytes = bytes.total - 60_000;
    const tight = keeper({ budgetBytes });
    const preview = await tight.preview(budgetBytes, never);
    expect(preview).toMatchObject({ fits: true, budgetBytes, items: [{ level: 'raw', reason: 'budget' }] });
    await tight.pass();
    const [raw, minute] = (await store.retention.survey(never)).levels;
    expect((await store.retention.survey(never)).bytes.total).toBeLessThanOrEqual(budgetBytes);
    expect(raw?.oldestMs).toBe(Math.ceil((preview.items[0]?.toMs ?? 0) / DAY) * DAY);
    expect(minute?.oldestMs).toBe(TODAY - 9 * DAY);
    expect(reports.at(-1)?.outcome).toMatchObject({ state: { fits: true } });
  });

  it('never takes the newest day for the budget, and says when that is not enough', async () => {
    await fill(5, 1_000);
    await keeper({}).pass();
    const tight = keeper({ budgetBytes: 1 });
    expect(await tight.preview(1, never)).toMatchObject({ fits: false });
    await tight.pass();
    expect(reports.at(-1)?.outcome).toMatchObject({ kind: 'done', state: { fits: false } });
    const [raw, minute, hour] = (await store.retention.survey(never)).levels;
    expect(raw).toMatchObject({ oldestMs: TODAY - DAY, rows: 4_000 });
    expect(minute?.oldestMs).toBe(TODAY - DAY);
    expect(hour?.rows).toBe(0);
    // What the preview says is what is left to do: nothing.
    expect((await tight.preview(1, never)).items).toEqual([]);
  });

  it('does not believe a clock that leaps years ahead', async () => {
    await fill(3);
    clock.jump(10 * 365 * DAY);
    const settings = { keep: keep(2 * DAY, 2 * DAY, 2 * DAY) };
    await keeper(settings).pass();
    // By the readings it is a day later at most.
    expect((await rowsOf())[0]).toBe(2 * 48);
  });

  it('tells what fails and goes on at the next pass', async () => {
    await fill(5);
    const broken = keeper({});
    const move = store.retention.move.bind(store.retention);
    store.retention.move = () => Promise.reject(new Error('No space left on device'));
    await broken.pass();
    expect(reports.at(-1)).toMatchObject({
      thinned: [],
      outcome: { kind: 'failed', fault: { code: 'internal' } },
    });
    store.retention.move = move;
    await broken.pass();
    expect(reports.at(-1)).toMatchObject({ outcome: { kind: 'done', state: { partitions: { raw: 2 } } } });
  });

  it('says nothing while the store is being opened again', async () => {
    const one = keeper({});
    await store.close();
    await one.pass();
    expect(reports).toEqual([]);
    await store.open();
    await one.pass();
    expect(reports).toHaveLength(1);
  });

  it('ends at once when it is stopped', async () => {
    const one = keeper({});
    const running = one.run();
    one.stop();
    await running;
    expect(reports).toEqual([]);
  });
});
