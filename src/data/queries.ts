import {
  DOWNSAMPLE_ROWS_MAX,
  QUERIES_IN_FLIGHT_MAX,
  QUERIES_RUNNING_MAX,
  QUERY_TIMEOUT_MS,
} from '../base/limits.ts';
import { asSensoriumError, problem, type SensoriumError } from '../model/errors.ts';
import { keepsKind } from './answer-rows.ts';
import { downsample } from './downsample.ts';
import { fleetPage, fleetSeries, type IsRegistered } from './fleet-page.ts';
import { jsonOfRows } from './json-rows.ts';
import type { LedgerReports } from './ledger-report.ts';
import type {
  FleetColumns,
  FleetRange,
  Query,
  QueryAnswers,
  QueryRange,
  RankedRow,
  RankRange,
  RowColumns,
} from './protocol.ts';
import type { Keeper } from './retention/keeper.ts';
import type { SeriesDirectory } from './series.ts';
import type { RowsRequest, SeriesRows, Store } from './store/store.ts';
import { windowResult } from './window-report.ts';

interface QueriesOptions {
  readonly store: Store;
  /** Undefined while the store is being opened again. */
  readonly series: () => SeriesDirectory | undefined;
  readonly ledger: Pick<LedgerReports, 'report'>;
  readonly retention: Pick<Keeper, 'status' | 'preview'>;
  readonly isRegistered: IsRegistered;
  readonly timeoutMs?: number | undefined;
}

/** Steps over the quarantine are none: they write, and take turns with commits. */
type Question = Exclude<Query, { readonly kind: 'step' }>;

/** Runs queries beside the pipeline: a few at once, some waiting, the others refused; none for longer than allowed. */
export class Queries {
  readonly #store: Store;
  readonly #series: () => SeriesDirectory | undefined;
  readonly #ledger: QueriesOptions['ledger'];
  readonly #retention: QueriesOptions['retention'];
  readonly #isRegistered: IsRegistered;
  readonly #timeoutMs: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: QueriesOptions) {
    this.#store = options.store;
    this.#series = options.series;
    this.#ledger = options.ledger;
    this.#retention = options.retention;
    this.#isRegistered = options.isRegistered;
    this.#timeoutMs = options.timeoutMs ?? QUERY_TIMEOUT_MS;
  }

  /** Throws 'query.busy', 'query.timeout', 'store.unavailable'. */
  async run(query: Question): Promise<QueryAnswers[Question['kind']]> {
    if (this.#running + this.#waiting.length >= QUERIES_IN_FLIGHT_MAX) {
      throw problem('query.busy', `${QUERIES_IN_FLIGHT_MAX} queries are on their way`);
    }
    const timeout = AbortSignal.timeout(this.#timeoutMs);
    if (this.#running >= QUERIES_RUNNING_MAX) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
    this.#running += 1;
    try {
      timeout.throwIfAborted();
      return await this.#answer(query, timeout);
    } catch (cause) {
      if (timeout.aborted) throw problem('query.timeout', `not done after ${this.#timeoutMs} ms`);
      // An interrupt that is not ours: the store is closing.
      if (cause instanceof Error && cause.message.startsWith('INTERRUPT')) {
        throw problem('store.unavailable', 'history is being closed');
      }
      throw asSensoriumError(cause);
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  async #rows(directory: SeriesDirectory, range: QueryRange, signal: AbortSignal): Promise<SeriesRows> {
    const request = toRequest(directory, range);
    const { downsampling } = range;
    if (downsampling === undefined) return await this.#store.rows(request, signal);
    const rows = await this.#store.rows({ ...request, limit: DOWNSAMPLE_ROWS_MAX + 1 }, signal);
    if (rows.ts.length > DOWNSAMPLE_ROWS_MAX) throw tooManyRows();
    return downsample(rows, downsampling);
  }

  async #file(
    directory: SeriesDirectory,
    { range, format }: Extract<Query, { readonly kind: 'file' }>,
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    if (format !== 'json') return this.#store.file(toRequest(directory, range), format, signal);
    const rows = columns(directory, await this.#rows(directory, range, signal));
    return await jsonOfRows(range.device, rows, keepsKind(range.bucket?.aggregate));
  }

  async #fleetLatest(
    directory: SeriesDirectory,
    range: FleetRange,
    signal: AbortSignal,
  ): Promise<FleetColumns> {
    const { series, next } = fleetPage(directory, range, this.#isRegistered);
    return { ...columns(directory, await this.#store.latest(series, signal)), next };
  }

  async #fleetTop(
    directory: SeriesDirectory,
    { metric, ...range }: RankRange,
    signal: AbortSignal,
  ): Promise<readonly RankedRow[]> {
    const series = fleetSeries(directory, metric, this.#isRegistered);
    const ranked = await this.#store.rank({ series, ...range }, signal);
    return ranked.flatMap(({ series: id, ...row }) => {
      const of = directory.get(id);
      return of === undefined ? [] : { series: of, ...row };
    });
  }

  async #answer(query: Question, signal: AbortSignal): Promise<QueryAnswers[Question['kind']]> {
    const directory = this.#series();
    if (directory === undefined) throw problem('store.unavailable', 'history is being opened again');
    switch (query.kind) {
      case 'rows':
        return columns(directory, await this.#rows(directory, query.range, signal));
      case 'latest': {
        const series = directory.of(query.device, query.metrics);
        return columns(directory, await this.#store.latest(series, signal));
      }
      case 'fleet-latest':
        return this.#fleetLatest(directory, query.range, signal);
      case 'fleet-top':
        return this.#fleetTop(directory, query.range, signal);
      case 'windows': {
        const { device, metrics, window: name, ...rest } = query.range;
        const series = directory.of(device, metrics);
        const rows = await this.#store.windowed.windows({ series, name, ...rest }, signal);
        return rows.flatMap((row) => windowResult(row, directory) ?? []);
      }
      case 'file':
        return this.#file(directory, query, signal);
      case 'quarantine':
        return this.#store.quarantine(query.filter, query.limit, signal);
      case 'quarantined': {
        const packet = await this.#store.quarantined(query.offset, signal);
        if (packet !== undefined) return packet;
        throw problem('quarantine.unknown', `packet ${query.offset}`);
      }
      case 'ledger':
        return this.#ledger.report(query, signal);
      case 'retention':
        return this.#retention.status(signal);
      case 'retention-preview':
        return this.#retention.preview(query.budgetBytes, signal);
    }
  }
}

/** The picture is made of all there is: it would be another one of the first rows alone. */
const tooManyRows = (): SensoriumError =>
  problem('query.too_wide', `there are more than ${DOWNSAMPLE_ROWS_MAX} readings to make a picture of`);

function toRequest(directory: SeriesDirectory, range: QueryRange): RowsRequest {
  const { device, metrics, from, to, limit, descending, bucket } = range;
  return { series: directory.of(device, metrics), from, to, limit, descending, bucket };
}

function columns(directory: SeriesDirectory, rows: SeriesRows): RowColumns {
  const named = [...new Set(rows.series)].map((id) => directory.get(id));
  return { ...rows, dictionary: named.filter((series) => series !== undefined) };
}
