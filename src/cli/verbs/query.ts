import { QUERY_LIMIT_DEFAULT } from '../../base/limits.ts';
import type { LatestRow, ReadingRow } from '../../model/ports/history.ts';
import { printBody, saveBody } from '../file-output.ts';
import { EXIT_OK, UsageError } from '../io.ts';
import { devicePath, type ServerClient } from '../server.ts';
import type { Session } from '../session.ts';
import { printable, renderTable } from '../table.ts';
import { formatBytes, formatCount } from '../values.ts';

export interface QueryOptions {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly interval?: string | undefined;
  readonly agg?: string | undefined;
  readonly limit?: number | undefined;
  readonly downsample?: string | undefined;
  readonly points?: number | undefined;
  readonly newest?: boolean | undefined;
  readonly latest?: boolean | undefined;
  readonly window?: string | undefined;
  readonly format?: 'table' | 'json' | 'csv' | 'parquet' | undefined;
  readonly output?: string | undefined;
}

/** Readings of one device: a table, JSON, or a file as the server writes it. */
export async function query(
  device: string,
  metrics: readonly string[],
  options: QueryOptions,
  session: Session,
): Promise<number> {
  const format = session.json ? 'json' : (options.format ?? 'table');
  if (options.latest === true) return latest(device, metrics, options, session);
  const server = await session.server();
  if (format === 'csv' || format === 'parquet') {
    return fileQuery({ server, device, metrics, options, format, session });
  }
  const answer = await server.json<{ readings: readonly ReadingRow[] }>(
    'GET',
    devicePath(device, '/telemetry'),
    ['readings'],
    {
      query: telemetryQuery(metrics, options),
    },
  );
  if (format === 'json') session.answer(answer);
  else session.say(readingTable(answer.readings));
  const limit = options.limit ?? QUERY_LIMIT_DEFAULT;
  if (format === 'table' && options.downsample === undefined && answer.readings.length >= limit) {
    session.note(`… cut at ${formatCount(limit)} readings; --limit, --from and --interval help`);
  }
  return EXIT_OK;
}

export const telemetryQuery = (
  metrics: readonly string[],
  options: QueryOptions,
): Record<string, string | number | undefined> => ({
  metric: metrics.length === 0 ? undefined : metrics.join(','),
  from: options.from,
  to: options.to,
  interval: options.interval,
  agg: options.agg,
  downsample: options.downsample,
  points: options.points,
  limit: options.limit,
  order: options.newest === true ? 'desc' : undefined,
});

async function latest(
  device: string,
  metrics: readonly string[],
  options: QueryOptions,
  session: Session,
): Promise<number> {
  if (options.format === 'csv' || options.format === 'parquet') {
    throw new UsageError('--latest prints a table or JSON; leave out --format or --latest');
  }
  const server = await session.server();
  const selection = { metric: metrics.length === 0 ? undefined : metrics.join(',') };
  const answer = await server.json<{ readings: readonly LatestRow[] }>(
    'GET',
    devicePath(device, '/latest'),
    ['readings'],
    { query: selection },
  );
  if (session.json || options.format === 'json') session.answer(answer);
  else session.say(readingTable(answer.readings));
  return EXIT_OK;
}

interface FileQuery {
  readonly server: ServerClient;
  readonly device: string;
  readonly metrics: readonly string[];
  readonly options: QueryOptions;
  readonly format: 'csv' | 'parquet';
  readonly session: Session;
}

export async function fileQuery(request: FileQuery): Promise<number> {
  const { server, device, metrics, options, format, session } = request;
  if (format === 'parquet' && options.output === undefined && session.io.stdout.isTTY === true) {
    throw new UsageError('Parquet is binary: name a file with --output');
  }
  const response = await server.request('GET', devicePath(device, '/telemetry'), {
    query: { ...telemetryQuery(metrics, options), format },
  });
  if (options.output === undefined) {
    await printBody(response, session.io);
    return EXIT_OK;
  }
  const bytes = await saveBody(response, options.output, session.io);
  if (session.json) session.answer({ device, format, file: options.output, bytes });
  else session.say(`${options.output}  ${formatBytes(bytes)}`);
  return EXIT_OK;
}

export function readingTable(readings: readonly ReadingRow[]): string {
  if (readings.length === 0) return 'no readings';
  const withUnit = readings.some((row) => row.unit !== undefined);
  const rows = readings.map((row) => {
    const cells = [new Date(row.ts).toISOString(), printable(row.metric), formatValue(row.value)];
    return withUnit ? [...cells, printable(row.unit ?? '')] : cells;
  });
  const head = ['time', 'metric', 'value'];
  return renderTable(withUnit ? [...head, 'unit'] : head, rows);
}

/** Averages come with sixteen digits; six after the point say as much. */
export function formatValue(value: ReadingRow['value']): string {
  if (typeof value !== 'number') return printable(String(value));
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(10)));
}
