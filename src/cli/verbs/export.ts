import { QUERY_LIMIT_MAX } from '../../base/limits.ts';
import { problem } from '../../model/errors.ts';
import type { ReadingRow } from '../../model/ports/history.ts';
import { devicePath, type ServerClient } from '../server.ts';
import type { Session } from '../session.ts';
import { formatCount } from '../values.ts';
import { fileQuery, type QueryOptions, telemetryQuery } from './query.ts';

export interface ExportOptions extends QueryOptions {
  readonly device: string;
  readonly metric?: readonly string[] | undefined;
  readonly format: 'csv' | 'parquet';
  readonly output: string;
}

/** The widest interval the server takes: a handful of buckets, cheap to count, whatever the range. */
const WHOLE_RANGE = '3650d';

/**
 * History of one device as a file: everything, unless a range or limit is given. Throws `query.too_wide` rather
 * than write a file that ends in the middle.
 */
export async function exportHistory(options: ExportOptions, session: Session): Promise<number> {
  const server = await session.server();
  const { device, metric, format } = options;
  if (options.limit === undefined && options.interval === undefined) await checkSize(server, options);
  const whole = { ...options, limit: options.limit ?? QUERY_LIMIT_MAX };
  return fileQuery({ server, device, metrics: metric ?? [], options: whole, format, session });
}

async function checkSize(server: ServerClient, options: ExportOptions): Promise<void> {
  const { device, metric = [], from, to } = options;
  const query = telemetryQuery(metric, {
    from,
    to,
    interval: WHOLE_RANGE,
    agg: 'count',
    limit: QUERY_LIMIT_MAX,
  });
  const counts = await server.json<Counts>('GET', devicePath(device, '/telemetry'), ['readings'], { query });
  const total = counts.readings.reduce((sum, { value }) => sum + Number(value), 0);
  if (total <= QUERY_LIMIT_MAX) return;
  const most = formatCount(QUERY_LIMIT_MAX);
  throw problem('query.too_wide', `${formatCount(total)} readings, a file holds at most ${most}`);
}

interface Counts {
  readonly readings: readonly ReadingRow[];
}
