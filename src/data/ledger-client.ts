import { LEDGER_LIMIT_DEFAULT, LEDGER_LIMIT_MAX, LEDGER_WAIT_MS } from '../base/limits.ts';
import { err, type Result } from '../base/result.ts';
import { problem, type SensoriumError } from '../model/errors.ts';
import type { Offset } from '../model/packet.ts';
import type { LedgerBook, LedgerQuery, LedgerReport } from '../model/ports/ledger.ts';
import type { Log } from '../model/ports/log.ts';
import type { HistoryClient } from './history-client.ts';
import { hourOf } from './pipeline/ledger.ts';

/** Whoever counts what comes in: asked to say so now. */
export interface Tallies {
  /** The offset of the last tally that is not on disk; undefined where all are. */
  flush(): Offset | undefined;
}

interface LedgerClientOptions {
  readonly history: HistoryClient;
  readonly tallies: Tallies | undefined;
  readonly log: Pick<Log, 'durable' | 'committed'>;
}

/** Hours since the epoch: the year 2209, where the numbers of the ledger end. */
const FAR_HOUR = 2 ** 21;

/** The ledger as rooms see it: what has been counted is tallied first, and history given a moment to catch up. */
export class LedgerClient implements LedgerBook {
  readonly #options: LedgerClientOptions;
  readonly #waiting = new Set<{ readonly offset: Offset; resolve(): void }>();
  #reached: Offset = 0;

  constructor(options: LedgerClientOptions) {
    this.#options = options;
  }

  async report(query: LedgerQuery): Promise<Result<LedgerReport, SensoriumError>> {
    const { sender, from = 0, to = Number.POSITIVE_INFINITY, limit = LEDGER_LIMIT_DEFAULT } = query;
    if (!Number.isInteger(limit) || limit < 1) return err(problem('query.invalid', `limit ${limit}`));
    if (limit > LEDGER_LIMIT_MAX) {
      return err(problem('query.too_wide', `limit ${limit}; at most ${LEDGER_LIMIT_MAX} rows in one answer`));
    }
    await this.#settle();
    const { durable } = this.#options.log;
    const until = Number.isFinite(to) ? Math.min(FAR_HOUR, Math.ceil(to / 3_600_000)) : FAR_HOUR;
    const request = { sender, from: hourOf(Math.max(0, from)), to: Math.max(0, until), limit };
    return await this.#options.history.ask({ kind: 'ledger', request, durable });
  }

  /** History has taken everything before this. */
  progressed(offset: Offset): void {
    this.#reached = offset;
    for (const waiting of this.#waiting) {
      if (waiting.offset >= offset) continue;
      this.#waiting.delete(waiting);
      waiting.resolve();
    }
  }

  async #settle(): Promise<void> {
    const { tallies, log } = this.#options;
    const offset = tallies?.flush();
    // Where the log cannot write, the report shows what there is.
    await (offset === undefined ? undefined : log.committed(offset).catch(() => undefined));
    const last = log.durable - 1;
    if (this.#reached > last) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = { offset: last, resolve };
    this.#waiting.add(waiting);
    const timer = setTimeout(resolve, LEDGER_WAIT_MS);
    await promise;
    clearTimeout(timer);
    this.#waiting.delete(waiting);
  }
}
