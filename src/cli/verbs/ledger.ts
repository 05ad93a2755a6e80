import type { LedgerReport, LedgerRow } from '../../model/ports/ledger.ts';
import { EXIT_FAILURE, EXIT_OK } from '../io.ts';
import type { Session } from '../session.ts';
import { printable, renderTable } from '../table.ts';
import { formatCount } from '../values.ts';

export interface LedgerOptions {
  readonly sender?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly limit?: number | undefined;
}

/** What became of every message, by sender and hour. Fails where it does not add up: a script can watch it. */
export async function ledger(options: LedgerOptions, session: Session): Promise<number> {
  const server = await session.server();
  const { sender, from, to, limit } = options;
  const query = { sender, from, to, limit };
  const report = await server.json<LedgerReport>('GET', '/api/v1/ledger', ['rows', 'total', 'addsUp'], {
    query,
  });
  if (session.json) session.answer(report);
  else session.say(reportText(report));
  return report.addsUp ? EXIT_OK : EXIT_FAILURE;
}

const HEAD = ['hour', 'sender', 'received', 'stored', 'forwarded', 'quarantined', 'dropped', 'pending'];

function reportText({ rows, total, addsUp, found, beyond }: LedgerReport): string {
  if (found === 0) return 'nothing was received';
  const lines = rows.map((row) => [
    new Date(row.hour).toISOString().slice(0, 13).replace('T', ' '),
    printable(row.sender),
    ...countsOf(row),
  ]);
  const isMissing = rows.some(({ missing }) => missing !== 0) || total.missing !== 0;
  const head = [...HEAD, ...(isMissing ? ['missing'] : []), 'why dropped'];
  const sums = ['total', `${formatCount(found)} rows`, ...countsOf(total)];
  const table = [...lines, sums].map((cells) => (isMissing ? cells : cells.toSpliced(8, 1)));
  const text = [renderTable(head, table)];
  if (rows.length < found) text.push(`the newest ${formatCount(rows.length)} rows; --limit shows more`);
  if (beyond > 0) text.push(`and ${formatCount(beyond)} messages of the log further behind`);
  text.push(addsUp ? sumText(total) : missingText(total.missing));
  return text.join('\n');
}

const sumText = ({
  received,
  stored,
  forwarded,
  quarantined,
  dropped,
  pending,
}: LedgerReport['total']): string =>
  `adds up: ${formatCount(received)} received = ${formatCount(stored)} stored + ${formatCount(forwarded)} forwarded` +
  ` + ${formatCount(quarantined)} quarantined + ${formatCount(dropped)} dropped + ${formatCount(pending)} pending`;

const missingText = (missing: number): string =>
  missing >= 0
    ? `does NOT add up: ${formatCount(missing)} messages were received and are nowhere`
    : `does NOT add up: ${formatCount(-missing)} messages more than were received`;

function countsOf(row: Omit<LedgerRow, 'sender' | 'hour'>): string[] {
  const { received, stored, forwarded, quarantined, dropped, pending, missing, reasons } = row;
  const counts = [received, stored, forwarded, quarantined, dropped, pending, missing].map(formatCount);
  const why = Object.entries(reasons).map(([reason, count]) => `${reason} ${formatCount(count)}`);
  return [...counts, why.join(', ')];
}
