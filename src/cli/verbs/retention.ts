import type { RetentionPreview, RetentionStatus, ThinningItem } from '../../model/ports/retention.ts';
import { RETENTION_LEVELS, type RetentionLevel } from '../../model/retention.ts';
import { EXIT_OK } from '../io.ts';
import type { Session } from '../session.ts';
import { printable, renderTable } from '../table.ts';
import { formatBytes, formatCount, formatDuration } from '../values.ts';

export interface PreviewOptions {
  readonly budget?: number | undefined;
}

/** What is kept of history, and what it takes. */
export async function retentionStatus(session: Session): Promise<number> {
  const server = await session.server();
  const status = await server.json<RetentionStatus>('GET', '/api/v1/retention', ['levels', 'bytes', 'keep']);
  if (session.json) session.answer(status);
  else session.say(statusText(status));
  return EXIT_OK;
}

/** What would go, by level and reason; nothing changes. */
export async function retentionPreview({ budget }: PreviewOptions, session: Session): Promise<number> {
  const server = await session.server();
  const query = { budget: budget === undefined ? undefined : String(budget) };
  const preview = await server.json<RetentionPreview>(
    'GET',
    '/api/v1/retention/preview',
    ['items', 'bytesBefore', 'bytesAfter', 'fits'],
    { query },
  );
  if (session.json) session.answer(preview);
  else session.say(previewText(preview));
  return EXIT_OK;
}

function statusText(status: RetentionStatus): string {
  const { bytes, budgetBytes, keep, levels, overrides, damaged } = status;
  const rows = RETENTION_LEVELS.map((level) => {
    const found = levels.find((one) => one.level === level);
    return [
      level,
      keepText(keep, level),
      day(found?.oldestMs),
      day(found?.newestMs),
      formatCount(found?.rows ?? 0),
      formatCount(found?.partitions ?? 0),
      formatBytes(found?.partitionBytes ?? 0),
    ];
  });
  const lines = [
    renderTable(['level', 'kept', 'oldest', 'newest', 'rows', 'partitions', 'in partitions'], rows),
    '',
    `disk    ${formatBytes(bytes.total)} of ${budgetBytes === undefined ? 'no budget' : formatBytes(budgetBytes)}: ` +
      `database ${formatBytes(bytes.used)} (and ${formatBytes(bytes.reusable)} free in it), ` +
      `write-ahead log ${formatBytes(bytes.wal)}, partitions ${formatBytes(bytes.partitions)}`,
    `moved   into partitions after ${formatDuration(status.partitionAfterMs)}`,
  ];
  if (overrides > 0) lines.push(`own     times by profile or metric: ${formatCount(overrides)} series`);
  for (const path of damaged) lines.push(`damaged ${printable(path)}`);
  return lines.join('\n');
}

function previewText({ items, bytesBefore, bytesAfter, budgetBytes, fits }: RetentionPreview): string {
  const budget = budgetBytes === undefined ? 'no budget' : `a budget of ${formatBytes(budgetBytes)}`;
  if (items.length === 0) return `nothing would go: ${formatBytes(bytesBefore)}, ${budget}`;
  const lines = [
    renderTable(
      ['level', 'why', 'from', 'to', 'devices', 'metrics', 'rows', 'bytes'],
      items.map((item) => itemRow(item)),
    ),
    '',
    `${formatBytes(bytesBefore)} now, ${formatBytes(bytesAfter)} after; ${budget}. Nothing was changed.`,
  ];
  if (!fits) lines.push('That is still more than the budget: nothing else may go.');
  return lines.join('\n');
}

const itemRow = (item: ThinningItem): readonly string[] => [
  item.level,
  item.reason,
  day(item.fromMs),
  day(item.toMs - 1),
  formatCount(item.devices),
  formatCount(item.metrics),
  formatCount(item.rows),
  formatBytes(item.bytes),
];

const day = (ms: number | undefined): string =>
  ms === undefined ? '' : new Date(ms).toISOString().slice(0, 10);

function keepText(keep: RetentionStatus['keep'], level: RetentionLevel): string {
  const ms = keep[level];
  return ms === undefined ? 'for ever' : formatDuration(ms);
}
