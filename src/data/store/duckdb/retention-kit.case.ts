import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Aggregate } from '../../../model/ports/history.ts';
import { KIND_NUMBER, KIND_TEXT, type Series } from '../../series.ts';
import { tempDir } from '../../test-kit.ts';
import type { Cutoffs, CutTimes, Slice } from '../retention-store.ts';
import { commitOf } from '../store.case.ts';
import type { RowsRequest, SeriesRows } from '../store.ts';
import { DuckDbStore } from './duckdb-store.ts';
import type { StepPoint } from './partition-writer.ts';

/** For tests of retention: a store with some days of history, and every question that can be put to it. */

export const DAY = 86_400_000;
export const HOUR = 3_600_000;
export const MINUTE = 60_000;
/** 2026-09-21T00:00:00Z */
export const TODAY = 1_789_948_800_000;
export const never = new AbortController().signal;

const numeric = (id: number): Series => ({
  id,
  device: `d${id}`,
  metric: id === 2 ? 'p' : 't',
  unit: '',
  kind: KIND_NUMBER,
});
export const first = numeric(0);
export const second = numeric(1);
const numbers: readonly Series[] = [first, second, numeric(2)];
export const state: Series = { id: 3, device: 'd0', metric: 'state', unit: '', kind: KIND_TEXT };
export const all = [...numbers, state];

export type Given = readonly [Series, number, number | string];

/** Readings of each number every 7 minutes and a text every 5 hours, from `days` ago to an hour into today. */
function readings(days: number): Given[] {
  const rows: Given[] = [];
  for (let at = TODAY - days * DAY; at < TODAY + HOUR; at += 7 * MINUTE) {
    for (const one of numbers) rows.push([one, at + one.id * 1_000, ((at / MINUTE) % 101) * 1.25 - one.id]);
    if (at % (5 * HOUR) < 7 * MINUTE) rows.push([state, at, `s${at}`]);
  }
  return rows;
}

export const keepAll: CutTimes = { raw: 0, minute: 0, hour: 0 };
export const cut = (
  defaults: Partial<CutTimes>,
  overrides: ReadonlyMap<number, CutTimes> = new Map(),
): Cutoffs => ({
  defaults: { ...keepAll, ...defaults },
  overrides,
});

export const request = (more: Partial<RowsRequest> = {}): RowsRequest => ({
  series: all,
  from: 0,
  to: TODAY * 2,
  limit: 1_000_000,
  descending: false,
  ...more,
});

/** Rounded: sums of fractions differ in the last digits by the order they were added in. */
export const listed = ({ series, ts, value, text }: SeriesRows): string[] =>
  Array.from(ts, (at, row) =>
    [series[row], at, text.get(row) ?? Number(value[row]).toPrecision(12)].join(' '),
  ).toSorted();

export interface Questions {
  readonly ranges?: readonly { readonly from: number; readonly to: number }[];
  readonly aggregates?: readonly Aggregate[];
}

export const WHOLE = { from: 0, to: TODAY * 2 };
export const ODD = [
  { from: TODAY - 3 * DAY + 12_345, to: TODAY - DAY - 54_321 },
  { from: TODAY - 2 * DAY + 17 * MINUTE, to: TODAY + 11 * MINUTE },
];

export class RetentionKit {
  readonly dir: Awaited<ReturnType<typeof tempDir>>;
  store: DuckDbStore;
  /** Where steps fail. */
  stopAt: StepPoint | undefined;

  private constructor(dir: RetentionKit['dir']) {
    this.dir = dir;
    this.store = this.#make();
  }

  static async open(): Promise<RetentionKit> {
    const kit = new RetentionKit(await tempDir());
    await kit.store.open();
    return kit;
  }

  /** Of the store. */
  get paths(): { readonly path: string; readonly tempDir: string; readonly partitionsDir: string } {
    return {
      path: join(this.dir.path, 'history.duckdb'),
      tempDir: join(this.dir.path, "tmp's"),
      partitionsDir: join(this.dir.path, "his'tory"),
    };
  }

  /** As after a restart. */
  async open(): Promise<void> {
    this.store = this.#make();
    await this.store.open();
  }

  async fill(days = 4): Promise<readonly Given[]> {
    const given = readings(days);
    await this.store.commit(commitOf(given, { series: all }));
    return given;
  }

  async due(cutoffs: Cutoffs, moveBefore = TODAY - DAY): Promise<readonly Slice[]> {
    await this.store.retention.prepare(cutoffs, never);
    return this.store.retention.due({ moveBefore, late: true }, never);
  }

  async moveAll(cutoffs: Cutoffs = cut({}), moveBefore = TODAY - DAY): Promise<void> {
    const { retention } = this.store;
    for (const slice of await this.due(cutoffs, moveBefore)) await retention.move(slice, never);
    for (const partition of retention.aged()) await retention.expire(partition, never);
    await retention.bury(never);
  }

  /** All of history in several ways. */
  async answers({
    ranges = [WHOLE],
    aggregates = ['count', 'last'],
  }: Questions = {}): Promise<Record<string, readonly string[]>> {
    const found: Record<string, readonly string[]> = {};
    for (const [index, range] of ranges.entries()) {
      found[`raw ${index}`] = listed(await this.store.rows(request(range), never));
      for (const intervalMs of [5 * MINUTE, HOUR, DAY]) {
        for (const aggregate of aggregates) {
          const bucket = { intervalMs, aggregate };
          const rows = await this.store.rows(request({ ...range, bucket }), never);
          found[`${aggregate} ${intervalMs} ${index}`] = listed(rows);
        }
      }
      for (const aggregate of aggregates) {
        const asked = { ...request(range), descending: true, aggregate };
        const ranked = await this.store.rank(asked, never);
        found[`rank ${aggregate} ${index}`] = ranked
          .map(({ series, value, count }) => `${series} ${value.toPrecision(12)} ${count}`)
          .toSorted();
      }
      const csv = await this.store.file(request(range), 'csv', never);
      found[`csv ${index}`] = Buffer.from(csv).toString().split('\n').toSorted();
    }
    found['latest'] = listed(await this.store.latest(all, never));
    return found;
  }

  async files(): Promise<string[]> {
    const names = await readdir(this.paths.partitionsDir, { recursive: true });
    return names.filter((name) => name.endsWith('.parquet')).toSorted();
  }

  async tables(): Promise<Record<string, number>> {
    const { levels } = await this.store.retention.survey(never);
    return Object.fromEntries(levels.map(({ level, rows }) => [level, rows]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
    await this.dir[Symbol.asyncDispose]();
  }

  #make(): DuckDbStore {
    return new DuckDbStore({
      ...this.paths,
      onRetentionPoint: (point) => {
        if (point === this.stopAt) throw new Error(`stopped when ${point}`);
      },
    });
  }
}
