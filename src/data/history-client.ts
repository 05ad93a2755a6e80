import { FUTURE_TOLERANCE_MS, QUERY_LIMIT_DEFAULT, QUERY_LIMIT_MAX } from '../base/limits.ts';
import { err, ok, type Result } from '../base/result.ts';
import { problem, type SensoriumError } from '../model/errors.ts';
import type {
  FileFormat,
  FleetLatestPage,
  FleetLatestQuery,
  FleetTopQuery,
  History,
  HistoryTotals,
  LatestRow,
  RankedDevice,
  ReadingRow,
  ReadingsQuery,
} from '../model/ports/history.ts';
import type { WindowResult, WindowsQuery } from '../model/windows.ts';
import { keepsKind, latestByDevice, newestPerMetric, toRanked, toRows } from './answer-rows.ts';
import type { Fault, Query, QueryAnswers, QueryRange } from './protocol.ts';

/** The end of time where a query names none: a whole minute, so that windows reach it. */
const FAR_FUTURE_MS = 253_402_300_800_000;
const INTERVAL_MAX_MS = 3_660 * FUTURE_TOLERANCE_MS;

type Resolve = (result: Result<unknown, SensoriumError>) => void;

interface HistoryClientOptions {
  /** False where there is nobody to ask. */
  readonly ask: (id: number, query: Query) => boolean;
  readonly totals: () => HistoryTotals | undefined;
}

/** History as rooms see it: questions to the data worker, columns back, rows out. Answers while down with an error. */
export class HistoryClient implements History {
  readonly #options: HistoryClientOptions;
  readonly #pending = new Map<number, Resolve>();
  #asked = 0;

  constructor(options: HistoryClientOptions) {
    this.#options = options;
  }

  async readings(query: ReadingsQuery): Promise<Result<readonly ReadingRow[], SensoriumError>> {
    const range = toRange(query);
    if (!range.ok) return range;
    const answer = await this.ask({ kind: 'rows', range: range.value });
    if (!answer.ok) return answer;
    return ok(toRows(answer.value, keepsKind(range.value.bucket?.aggregate)));
  }

  async windows(query: WindowsQuery): Promise<Result<readonly WindowResult[], SensoriumError>> {
    const { device, metrics = [], window, from = 0, to = FAR_FUTURE_MS, descending = false } = query;
    const limit = checkLimit(query.limit);
    if (!limit.ok) return limit;
    const wrong = rangeFault(from, to);
    if (wrong !== undefined) return err(wrong);
    const range = { from: bounded(from), to: bounded(to), limit: limit.value };
    return this.ask({ kind: 'windows', range: { device, metrics, window, descending, ...range } });
  }

  async latest(
    device: string,
    metrics: readonly string[] = [],
  ): Promise<Result<readonly LatestRow[], SensoriumError>> {
    const answer = await this.ask({ kind: 'latest', device, metrics });
    if (!answer.ok) return answer;
    return ok(newestPerMetric(toRows(answer.value, true)).map((row) => ({ device, ...row })));
  }

  async fleetLatest(query: FleetLatestQuery): Promise<Result<FleetLatestPage, SensoriumError>> {
    const { metrics = [], after } = query;
    const limit = checkLimit(query.limit);
    if (!limit.ok) return limit;
    const answer = await this.ask({ kind: 'fleet-latest', range: { metrics, after, limit: limit.value } });
    if (!answer.ok) return answer;
    const { next } = answer.value;
    const devices = latestByDevice(answer.value);
    return ok(next === undefined ? { devices } : { devices, next });
  }

  async fleetTop(query: FleetTopQuery): Promise<Result<readonly RankedDevice[], SensoriumError>> {
    const { metric, from = 0, to = FAR_FUTURE_MS, aggregate = 'max', ascending = false } = query;
    const limit = checkLimit(query.limit);
    if (!limit.ok) return limit;
    const wrong = rangeFault(from, to);
    if (wrong !== undefined) return err(wrong);
    const range = { from: bounded(from), to: bounded(to), limit: limit.value };
    const asked = { metric, aggregate, descending: !ascending, ...range };
    const answer = await this.ask({ kind: 'fleet-top', range: asked });
    return answer.ok ? ok(answer.value.map((row) => toRanked(row, keepsKind(aggregate)))) : answer;
  }

  async file(query: ReadingsQuery, format: FileFormat): Promise<Result<Uint8Array, SensoriumError>> {
    const range = toRange(query);
    return range.ok ? this.ask({ kind: 'file', range: range.value, format }) : range;
  }

  async totals(): Promise<Result<HistoryTotals, SensoriumError>> {
    const totals = this.#options.totals();
    return totals === undefined ? err(unavailable()) : ok(totals);
  }

  answered(id: number, answer: unknown): void {
    this.#take(id)?.(ok(answer));
  }

  refused(id: number, { code, detail }: Fault): void {
    this.#take(id)?.(err(problem(code, detail)));
  }

  /** Nobody will answer any more. */
  disconnected(): void {
    for (const id of this.#pending.keys()) this.#take(id)?.(err(unavailable()));
  }

  /** Any question, for those who speak for other parts of history. */
  ask<Q extends Query>(query: Q): Promise<Result<QueryAnswers[Q['kind']], SensoriumError>> {
    this.#asked += 1;
    const id = this.#asked;
    return new Promise((resolve) => {
      // The worker answers a question with the type that belongs to it: `QueryAnswers` is their agreement.
      this.#pending.set(id, resolve as Resolve);
      if (!this.#options.ask(id, query)) this.#take(id)?.(err(unavailable()));
    });
  }

  #take(id: number): Resolve | undefined {
    const resolve = this.#pending.get(id);
    this.#pending.delete(id);
    return resolve;
  }
}

const unavailable = (): SensoriumError => problem('store.unavailable', 'the data manager is not running');

export function checkLimit(limit: number = QUERY_LIMIT_DEFAULT): Result<number, SensoriumError> {
  if (!Number.isInteger(limit) || limit < 1) return err(problem('query.invalid', `limit ${limit}`));
  if (limit > QUERY_LIMIT_MAX) {
    return err(problem('query.too_wide', `limit ${limit}; at most ${QUERY_LIMIT_MAX} rows in one answer`));
  }
  return ok(limit);
}

function toRange(query: ReadingsQuery): Result<QueryRange, SensoriumError> {
  const { device, metrics = [], from = 0, to = FAR_FUTURE_MS, intervalMs, aggregate, descending } = query;
  const limit = checkLimit(query.limit);
  if (!limit.ok) return limit;
  const wrong = rangeFault(from, to);
  if (wrong !== undefined) return err(wrong);
  if (intervalMs === undefined && aggregate !== undefined) {
    return err(problem('query.invalid', 'agg needs an interval'));
  }
  if (intervalMs !== undefined && !(intervalMs >= 1 && intervalMs <= INTERVAL_MAX_MS)) {
    return err(problem('query.invalid', `interval ${intervalMs} ms; 1 ms to ten years are allowed`));
  }
  return ok({
    device,
    metrics,
    from: bounded(from),
    to: bounded(to),
    limit: limit.value,
    descending: descending ?? false,
    downsampling: query.downsampling,
    bucket:
      intervalMs === undefined
        ? undefined
        : { intervalMs: Math.floor(intervalMs), aggregate: aggregate ?? 'avg' },
  });
}

function rangeFault(from: number, to: number): SensoriumError | undefined {
  if (!Number.isFinite(from)) return problem('query.invalid', `from ${from}`);
  if (!Number.isFinite(to)) return problem('query.invalid', `to ${to}`);
  return from > to ? problem('query.invalid', `from ${from} is after to ${to}`) : undefined;
}

const bounded = (ms: number): number => Math.min(Math.max(Math.ceil(ms), 0), FAR_FUTURE_MS);
