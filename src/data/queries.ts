import { QUERIES_IN_FLIGHT_MAX, QUERIES_RUNNING_MAX, QUERY_TIMEOUT_MS } from '../base/limits.ts';
import { asSensoriumError, problem } from '../model/errors.ts';
import type { Query, QueryAnswers, QueryRange, RowColumns } from './protocol.ts';
import type { SeriesDirectory } from './series.ts';
import type { RowsRequest, SeriesRows, Store } from './store/store.ts';

interface QueriesOptions {
  readonly store: Store;
  /** Undefined while the store is being opened again. */
  readonly series: () => SeriesDirectory | undefined;
  readonly timeoutMs?: number | undefined;
}

/** Runs queries beside the pipeline: a few at once, some waiting, the others refused; none for longer than allowed. */
export class Queries {
  readonly #store: Store;
  readonly #series: () => SeriesDirectory | undefined;
  readonly #timeoutMs: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: QueriesOptions) {
    this.#store = options.store;
    this.#series = options.series;
    this.#timeoutMs = options.timeoutMs ?? QUERY_TIMEOUT_MS;
  }

  /** Throws 'query.busy', 'query.timeout', 'store.unavailable'. */
  async run(query: Query): Promise<QueryAnswers[Query['kind']]> {
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

  async #answer(query: Query, signal: AbortSignal): Promise<QueryAnswers[Query['kind']]> {
    const directory = this.#series();
    if (directory === undefined) throw problem('store.unavailable', 'history is being opened again');
    switch (query.kind) {
      case 'rows':
        return columns(directory, await this.#store.rows(toRequest(directory, query.range), signal));
      case 'latest': {
        const series = directory.of(query.device, query.metrics);
        return columns(directory, await this.#store.latest(series, signal));
      }
      case 'file':
        return this.#store.file(toRequest(directory, query.range), query.format, signal);
      case 'quarantine':
        return this.#store.quarantine(query.device, query.limit, signal);
    }
  }
}

function toRequest(directory: SeriesDirectory, range: QueryRange): RowsRequest {
  const { device, metrics, from, to, limit, descending, bucket } = range;
  return { series: directory.of(device, metrics), from, to, limit, descending, bucket };
}

function columns(directory: SeriesDirectory, rows: SeriesRows): RowColumns {
  const named = [...new Set(rows.series)].map((id) => directory.get(id));
  return { ...rows, dictionary: named.filter((series) => series !== undefined) };
}
