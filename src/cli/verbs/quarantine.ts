import type { QuarantineRow } from '../../model/ports/history.ts';
import { EXIT_OK } from '../io.ts';
import type { Session } from '../session.ts';
import { printable, renderTable } from '../table.ts';

const SAMPLE_CHARS = 48;

export interface QuarantineOptions {
  readonly device?: string | undefined;
  readonly limit?: number | undefined;
}

/** What was refused after it was acknowledged, newest first, with the reason. */
export async function listQuarantine(options: QuarantineOptions, session: Session): Promise<number> {
  const server = await session.server();
  const { device, limit } = options;
  const answer = await server.json<{ items: readonly QuarantineRow[] }>(
    'GET',
    '/api/v1/quarantine',
    ['items'],
    {
      query: { device, limit },
    },
  );
  if (session.json) session.answer(answer);
  else session.say(quarantineTable(answer.items));
  return EXIT_OK;
}

function quarantineTable(items: readonly QuarantineRow[]): string {
  if (items.length === 0) return 'the quarantine is empty';
  const rows = items.map((row) => [
    new Date(row.receivedAt).toISOString(),
    row.device,
    row.code,
    printable(row.message),
    printable(row.sample.slice(0, SAMPLE_CHARS)),
  ]);
  return renderTable(['received', 'device', 'code', 'why', 'begins with'], rows);
}
