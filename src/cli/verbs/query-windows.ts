import { QUERY_LIMIT_DEFAULT } from '../../base/limits.ts';
import type { WindowResult } from '../../model/windows.ts';
import { EXIT_OK, UsageError } from '../io.ts';
import { devicePath } from '../server.ts';
import type { Session } from '../session.ts';
import { printable, renderTable } from '../table.ts';
import { formatCount } from '../values.ts';
import { formatValue, type QueryOptions } from './query.ts';

/** Declared windows of one device: a table, or JSON. */
export async function queryWindows(
  device: string,
  metrics: readonly string[],
  options: QueryOptions,
  session: Session,
): Promise<number> {
  if (options.interval !== undefined || options.agg !== undefined) {
    throw new UsageError('a window has its own width and sums: leave out --interval and --agg');
  }
  if (options.format === 'csv' || options.format === 'parquet') {
    throw new UsageError('--window prints a table or JSON; leave out --format or --window');
  }
  const server = await session.server();
  const answer = await server.json<{ windows: readonly WindowResult[] }>(
    'GET',
    devicePath(device, '/windows'),
    ['windows'],
    {
      query: {
        window: options.window === 'all' ? undefined : options.window,
        metric: metrics.length === 0 ? undefined : metrics.join(','),
        from: options.from,
        to: options.to,
        limit: options.limit,
        order: options.newest === true ? 'desc' : undefined,
      },
    },
  );
  if (session.json || options.format === 'json') {
    session.answer(answer);
    return EXIT_OK;
  }
  session.say(windowTable(answer.windows));
  const limit = options.limit ?? QUERY_LIMIT_DEFAULT;
  if (answer.windows.length >= limit)
    session.note(`… cut at ${formatCount(limit)} windows; --limit and --from help`);
  return EXIT_OK;
}

const COLUMNS: readonly (readonly [title: string, cell: (row: WindowResult) => string])[] = [
  ['start', ({ start }) => new Date(start).toISOString()],
  ['seconds', ({ start, end }) => formatValue((end - start) / 1_000)],
  ['window', ({ window }) => printable(window)],
  ['metric', ({ metric }) => printable(metric)],
  ['count', ({ count }) => String(count)],
  ['min', ({ min }) => formatValue(min)],
  ['mean', ({ mean }) => formatValue(mean)],
  ['max', ({ max }) => formatValue(max)],
  ['stddev', ({ stddev }) => formatValue(stddev)],
  ['last', ({ last }) => formatValue(last)],
];

function windowTable(windows: readonly WindowResult[]): string {
  if (windows.length === 0) return 'no windows';
  const quantiles = [...new Set(windows.flatMap((row) => Object.keys(row.quantiles ?? {})))].toSorted(
    (a, b) => Number(a) - Number(b),
  );
  const head = [...COLUMNS.map(([title]) => title), ...quantiles.map((q) => `q${q}`), 'note'];
  const rows = windows.map((row) => [
    ...COLUMNS.map(([, cell]) => cell(row)),
    ...quantiles.map((q) => formatValue(row.quantiles?.[q] ?? '')),
    noteOf(row),
  ]);
  return renderTable(head, rows);
}

/** What a reader must know: everything else is as usual. */
function noteOf({ revision, cause }: WindowResult): string {
  const notes = [];
  if (revision > 1) notes.push(`amended, revision ${revision}`);
  if (cause === 'idle') notes.push('closed by silence');
  if (cause === 'bound') notes.push('closed early or incomplete');
  return notes.join('; ');
}
