import type { Logger } from '../../base/logger.ts';
import type { Result } from '../../base/result.ts';
import type { SensoriumError } from '../../model/errors.ts';
import type { EventPublisher } from '../../model/ports/events.ts';
import type { Meter } from '../../model/ports/meter.ts';
import type { Retention, RetentionPreview, RetentionStatus } from '../../model/ports/retention.ts';
import { RETENTION_LEVELS } from '../../model/retention.ts';
import type { HistoryClient } from '../history-client.ts';
import type { Thinned } from '../store/retention-store.ts';
import type { RetentionReport, RetentionState } from './report.ts';

/**
 * Retention as the platform sees it: answers the port, and says what the data worker did in events, metrics and log
 * lines. What is wrong is said once, until it is well again.
 */

const PART = 'history';
const BYTES = ['used', 'reusable', 'wal', 'partitions'] as const;

interface DeskOptions {
  readonly history: Pick<HistoryClient, 'ask'>;
  readonly budgetBytes: number | undefined;
  readonly events: EventPublisher;
  readonly meter: Meter;
  readonly logger: Logger;
}

export class RetentionDesk implements Retention {
  readonly #options: DeskOptions;
  #state: RetentionState | undefined;
  #reason: string | undefined;

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  /** Why history is not as it should be, to a person; undefined while it is. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** Registers the gauges. Returns the end of it. */
  start(): () => void {
    const { meter } = this.#options;
    const ends = [
      ...BYTES.map((part) =>
        meter.collect('iot_history_bytes', () => this.#state?.bytes[part] ?? 0, { part }),
      ),
      ...RETENTION_LEVELS.map((level) =>
        meter.collect('iot_history_partitions', () => this.#state?.partitions[level] ?? 0, { level }),
      ),
    ];
    return () => {
      for (const end of ends) end();
    };
  }

  status(): Promise<Result<RetentionStatus, SensoriumError>> {
    return this.#options.history.ask({ kind: 'retention' });
  }

  preview({
    budgetBytes,
  }: {
    readonly budgetBytes?: number | undefined;
  }): Promise<Result<RetentionPreview, SensoriumError>> {
    return this.#options.history.ask({ kind: 'retention-preview', budgetBytes });
  }

  hear({ thinned, outcome }: RetentionReport): void {
    for (const sum of addUp(thinned)) this.#announce(sum);
    if (outcome.kind === 'failed') {
      const { code, detail } = outcome.fault;
      this.#judge(`history is not thinned: ${detail} (${code})`);
      return;
    }
    this.#state = outcome.state;
    this.#judge(this.#wrong(outcome.state));
  }

  #announce(sum: Thinned): void {
    const { events, meter, logger } = this.#options;
    const { level, reason, rows, bytes, fromMs, toMs } = sum;
    events.publish('history.thinned', PART, sum);
    meter.add('iot_history_thinned_total', rows, { level, reason });
    const fields = { rows, bytes, fromMs, toMs };
    const from = new Date(fromMs).toISOString();
    const line = `history: ${rows} rows of level ${level} from ${from} on are gone, for their ${reason}`;
    // Age was asked for; a budget that is reached is worth a look.
    if (reason === 'budget') logger.warn(fields, line);
    else logger.info(fields, line);
  }

  #wrong({ bytes, fits, damaged }: RetentionState): string | undefined {
    const { budgetBytes } = this.#options;
    if (damaged.length > 0) {
      return `${damaged.length} files of history are gone or cut, such as ${damaged[0]}: bring them back, or live without`;
    }
    if (fits || budgetBytes === undefined) return undefined;
    return `history takes ${bytes.total} bytes, its budget is ${budgetBytes}: raise retention.budget`;
  }

  #judge(reason: string | undefined): void {
    const { events, logger } = this.#options;
    const before = this.#reason;
    this.#reason = reason;
    if (reason === undefined && before !== undefined) {
      logger.info({}, 'history is kept within its bounds again');
      events.publish('system.recovered', PART, { part: PART });
    }
    if (reason !== undefined && before === undefined) {
      logger.error({}, reason);
      events.publish('system.degraded', PART, { part: PART, reason });
    }
  }
}

/** One sum by level and reason. */
function addUp(thinned: readonly Thinned[]): readonly Thinned[] {
  const sums = new Map<string, Thinned>();
  for (const one of thinned) {
    const key = `${one.level} ${one.reason}`;
    const sum = sums.get(key);
    sums.set(
      key,
      sum === undefined
        ? one
        : {
            ...one,
            fromMs: Math.min(sum.fromMs, one.fromMs),
            toMs: Math.max(sum.toMs, one.toMs),
            rows: sum.rows + one.rows,
            bytes: sum.bytes + one.bytes,
          },
    );
  }
  return [...sums.values()];
}
