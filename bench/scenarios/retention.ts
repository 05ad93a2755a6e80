import { join } from 'node:path';
import { Batch } from '../../src/data/pipeline/batch.ts';
import { Ledger } from '../../src/data/pipeline/ledger.ts';
import { KIND_NUMBER, type Series } from '../../src/data/series.ts';
import { DuckDbStore } from '../../src/data/store/duckdb/duckdb-store.ts';
import type { RowsRequest } from '../../src/data/store/store.ts';
import type { BenchContext, Measurement, Scenario } from '../harness/scenario.ts';
import { median, percentile } from '../harness/statistics.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const TODAY = Math.floor(1_790_000_000_000 / DAY_MS) * DAY_MS;
const DAYS = 5;
const SERIES = 500;
/** Of all series together: a reading of each every 21.6 s. */
const PER_DAY = 2_000_000;
const COMMIT_READINGS = 50_000;
const ASKS = 15;
const never = new AbortController().signal;
const allSeries: readonly Series[] = Array.from({ length: SERIES }, (_, id) => ({
  id,
  device: `device${id}`,
  metric: 'temperature',
  unit: 'Cel',
  kind: KIND_NUMBER,
}));

const aDay: RowsRequest = {
  series: allSeries.slice(7, 8),
  from: TODAY - 4 * DAY_MS,
  to: TODAY - 3 * DAY_MS,
  limit: 100_000,
  descending: false,
};
const QUESTIONS: Readonly<Record<string, RowsRequest>> = {
  'one series, one old day, raw': aDay,
  'its 1-minute means over 3 old days': {
    ...aDay,
    from: TODAY - 5 * DAY_MS,
    to: TODAY - 2 * DAY_MS,
    bucket: { intervalMs: 60_000, aggregate: 'avg' },
  },
  'its 1-hour means over all days': {
    ...aDay,
    from: 0,
    to: TODAY * 2,
    bucket: { intervalMs: HOUR_MS, aggregate: 'avg' },
  },
};

/** Makes commits as the pipeline would. */
class Feed {
  readonly #store: DuckDbStore;
  readonly #batch = new Batch();
  #isFirst = true;
  #ts = 0;

  constructor(store: DuckDbStore) {
    this.#store = store;
  }

  async fill(perDay: number): Promise<void> {
    const stepMs = Math.floor((DAY_MS * SERIES) / perDay);
    for (this.#ts = TODAY - DAYS * DAY_MS; this.#ts < TODAY + HOUR_MS; this.#ts += stepMs) {
      for (const { id } of allSeries) this.#add(id, this.#ts + id);
      if (this.#batch.numbers.size >= COMMIT_READINGS) await this.commit();
    }
    await this.commit();
  }

  /** Commits of new readings, ten a second, until the end. Resolves to how long each took. */
  async goOn(hasEnded: () => boolean): Promise<readonly number[]> {
    const samples: number[] = [];
    while (!hasEnded()) {
      for (let at = 0; at < COMMIT_READINGS / 10; at += 1) this.#add(at % SERIES, (this.#ts += 1));
      const begun = performance.now();
      await this.commit();
      samples.push(performance.now() - begun);
      await new Promise((resolve) => {
        setTimeout(resolve, 100);
      });
    }
    return samples;
  }

  async commit(): Promise<void> {
    const { numbers, texts, parts } = this.#batch;
    await this.#store.commit({
      series: this.#isFirst ? allSeries : [],
      numbers,
      texts,
      parts,
      quarantine: [],
      asides: [],
      released: [],
      ledger: new Ledger({ senders: [], open: [] }).rows(),
      notes: [],
      totals: { packets: 0, stored: 0, forwarded: 0, quarantined: 0, readings: 0, rejections: 0, offset: 0 },
    });
    this.#isFirst = false;
    this.#batch.clear();
  }

  #add(series: number, ts: number): void {
    const { numbers, parts } = this.#batch;
    // A temperature to the tenth, as sensors send it.
    const value = Math.round(200 + 50 * Math.sin(ts / HOUR_MS + series) + ((ts * 7_919) % 11)) / 10;
    numbers.push(0, ts, value);
    numbers.series[numbers.size - 1] = series;
    parts.add(series, ts, value);
  }
}

export const scenario: Scenario = {
  name: 'retention',
  description: 'old days move into Parquet partitions while commits go on: what it costs them, and queries',
  async run(context) {
    const folder = context.folder('history');
    const store = new DuckDbStore({ path: join(folder, 'history.duckdb'), tempDir: join(folder, 'tmp') });
    await store.open();
    const feed = new Feed(store);
    await feed.fill(context.scaled(PER_DAY));
    await store.retention.reclaim(never);
    const before = await ask(store);
    const bytesBefore = (await store.retention.survey(never)).bytes;
    const end = performance.now() + 5_000;
    const alone = await feed.goOn(() => performance.now() > end);
    const moving = { ended: false };
    const [steps, beside] = await Promise.all([
      move(store, context).finally(() => {
        moving.ended = true;
      }),
      feed.goOn(() => moving.ended),
    ]);
    await store.retention.reclaim(never);
    const { bytes } = await store.retention.survey(never);
    const after = await ask(store);
    await store.close();
    return [
      { what: 'one step', value: median(steps), unit: 'ms', note: 'p50, up to 250,000 rows' },
      { what: 'the longest step', value: Math.max(...steps), unit: 'ms' },
      ratio('a commit beside, to one alone', percentile(beside, 0.5), percentile(alone, 0.5), 'p50'),
      ratio('the same', percentile(beside, 0.99), percentile(alone, 0.99), 'p99'),
      ratio(
        'bytes of what moved, to the bytes it freed',
        bytes.partitions,
        bytesBefore.used - bytes.used,
        '',
      ),
      ...Object.keys(QUESTIONS).map((what) =>
        ratio(what, after[what] ?? 0, before[what] ?? 0, 'moved, to not moved'),
      ),
    ];
  },
};

const ratio = (what: string, value: number, peer: number, note: string): Measurement => ({
  what,
  value: value / peer,
  unit: '×',
  note: `${note} ${value.toFixed(1)} to ${peer.toFixed(1)}`.trim(),
});

/** Steps with a rest between, as the keeper takes them. */
async function move({ retention }: DuckDbStore, context: BenchContext): Promise<readonly number[]> {
  const nothingOver = { defaults: { raw: 0, minute: 0, hour: 0 }, overrides: new Map() };
  await retention.prepare(nothingOver, never);
  const steps: number[] = [];
  for (const slice of await retention.due({ moveBefore: TODAY - 2 * DAY_MS, late: true }, never)) {
    const begun = performance.now();
    await retention.move(slice, never);
    const took = performance.now() - begun;
    steps.push(took);
    await new Promise((resolve) => {
      setTimeout(resolve, Math.max(100, took));
    });
  }
  for (const partitions of retention.compactable()) await retention.compact(partitions, never);
  await retention.bury(never);
  context.say(`${steps.length} steps`);
  return steps;
}

/** Median milliseconds by question. */
async function ask(store: DuckDbStore): Promise<Readonly<Record<string, number>>> {
  const found: Record<string, number> = {};
  for (const [what, request] of Object.entries(QUESTIONS)) {
    const samples: number[] = [];
    for (let at = 0; at < ASKS; at += 1) {
      const begun = performance.now();
      await store.rows(request, never);
      samples.push(performance.now() - begun);
    }
    found[what] = median(samples);
  }
  return found;
}
