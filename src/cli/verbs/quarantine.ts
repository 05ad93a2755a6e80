import { PAGE_MAX } from '../../base/limits.ts';
import type { QuarantineOutcome, QuarantineRow } from '../../model/ports/quarantine.ts';
import { EXIT_OK, UsageError } from '../io.ts';
import type { Session } from '../session.ts';
import { printable, renderTable } from '../table.ts';
import { formatBytes, formatCount } from '../values.ts';

const PATH = '/api/v1/quarantine';
const SAMPLE_CHARS = 48;

/** Which packets. Times stay as they were written: the server reads them. */
export interface QuarantineFilterOptions {
  readonly device?: string | undefined;
  readonly code?: string | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
}

export interface QuarantineOptions extends QuarantineFilterOptions {
  readonly limit?: number | undefined;
}

export interface ReplayQuarantineOptions extends QuarantineFilterOptions {
  readonly dryRun?: boolean | undefined;
}

export interface DropOptions extends QuarantineFilterOptions {
  readonly all?: boolean | undefined;
}

interface PacketAnswer {
  readonly items: readonly QuarantineRow[];
  readonly refused: number;
  readonly format: string;
  readonly payload?: string;
}

type Counts = { -readonly [K in keyof Omit<QuarantineOutcome, 'codes' | 'next'>]: number };

const filterOf = ({ device, code, since, until }: QuarantineFilterOptions) => ({
  device,
  code,
  from: since,
  to: until,
});

/** What was refused, newest first, with the reason. */
export async function listQuarantine(options: QuarantineOptions, session: Session): Promise<number> {
  const server = await session.server();
  const query = { ...filterOf(options), limit: options.limit };
  const answer = await server.json<{ items: readonly QuarantineRow[] }>('GET', PATH, ['items'], { query });
  if (session.json) session.answer(answer);
  else session.say(quarantineTable(answer.items));
  return EXIT_OK;
}

/** One packet: its reasons, and its payload as it came. */
export async function showQuarantined(offset: string, session: Session): Promise<number> {
  const server = await session.server();
  const path = `${PATH}/${encodeURIComponent(offset)}`;
  const packet = await server.json<PacketAnswer>('GET', path, ['items', 'refused']);
  if (session.json) {
    session.answer(packet);
    return EXIT_OK;
  }
  const [first] = packet.items;
  if (first !== undefined) session.say(factsOf(first, packet));
  const reasons = packet.items.map(({ index, device, code, message }) => [
    index < 0 ? 'packet' : String(index),
    device,
    code,
    printable(message),
  ]);
  session.say(`\n${renderTable(['item', 'device', 'code', 'why'], reasons)}`);
  const hidden = packet.refused - packet.items.length;
  if (hidden > 0) session.say(`and ${formatCount(hidden)} more`);
  if (packet.payload !== undefined) {
    session.say(`\n${printable(Buffer.from(packet.payload, 'base64').toString())}`);
  }
  return EXIT_OK;
}

/** Tries packets again, one commit after the other, until the last one. */
export async function replayQuarantine(
  offsets: readonly string[],
  { dryRun = false, ...filter }: ReplayQuarantineOptions,
  session: Session,
): Promise<number> {
  const server = await session.server();
  const body = { ...filterOf(filter), dryRun };
  const step = async (place: object): Promise<QuarantineOutcome> =>
    await server.json<QuarantineOutcome>('POST', `${PATH}/replay`, ['tried'], {
      body: { ...body, ...place },
    });
  const outcome = await walk(offsets, step, session);
  if (session.json) session.answer({ ...outcome, dryRun });
  else session.say(replayText(outcome, dryRun));
  return EXIT_OK;
}

/** Takes packets out of the quarantine for good. */
export async function dropQuarantined(
  offsets: readonly string[],
  { all = false, ...filter }: DropOptions,
  session: Session,
): Promise<number> {
  const isChosen = offsets.length > 0 || Object.values(filter).some((value) => value !== undefined);
  if (isChosen === all)
    throw new UsageError('name packets by offset, choose them by an option, or say --all');
  const server = await session.server();
  const step = async (place: object): Promise<QuarantineOutcome> => {
    const query = { ...filterOf(filter), ...place };
    return await server.json<QuarantineOutcome>('DELETE', PATH, ['dropped'], { query });
  };
  const { dropped } = await walk(offsets, step, session);
  if (session.json) session.answer({ dropped });
  else session.say(`dropped ${packets(dropped)}`);
  return EXIT_OK;
}

/** Step by step over the packets named, or over all that fit; ends early between two steps when told to. */
async function walk(
  offsets: readonly string[],
  step: (place: object) => Promise<QuarantineOutcome>,
  session: Session,
): Promise<Counts & { readonly codes: Record<string, number> }> {
  const sum: Counts = { tried: 0, stored: 0, forwarded: 0, partly: 0, left: 0, dropped: 0, readings: 0 };
  const codes: Record<string, number> = {};
  const add = (outcome: QuarantineOutcome): void => {
    for (const name of Object.keys(sum) as (keyof Counts)[]) sum[name] += outcome[name];
    for (const [code, count] of Object.entries(outcome.codes)) codes[code] = (codes[code] ?? 0) + count;
  };
  const interruption = session.interruption();
  for (const offset of offsets) {
    if (!/^\d{1,15}$/.test(offset)) throw new UsageError(`"${offset}" is no offset; see quarantine list`);
    if (!interruption.aborted) add(await step({ offset: Number(offset) }));
  }
  if (offsets.length > 0) return { ...sum, codes };
  let after: number | undefined;
  do {
    const outcome = await step(after === undefined ? {} : { after });
    add(outcome);
    after = outcome.next;
  } while (after !== undefined && !interruption.aborted);
  return { ...sum, codes };
}

const packets = (count: number): string => `${formatCount(count)} ${count === 1 ? 'packet' : 'packets'}`;

function replayText(
  { tried, stored, forwarded, partly, left, readings, codes }: Awaited<ReturnType<typeof walk>>,
  dryRun: boolean,
): string {
  const lines = [
    `${dryRun ? 'would try' : 'tried'} ${packets(tried)}`,
    `  stored     ${formatCount(stored)}`,
    `  in part    ${formatCount(partly)}`,
    `  no values  ${formatCount(forwarded)}`,
    `  refused    ${formatCount(left)}`,
    `  readings   ${formatCount(readings)}`,
  ];
  const why = Object.entries(codes).map(([code, count]) => [code, String(count)]);
  if (why.length > 0) lines.push('', renderTable(['what stays', 'packets'], why));
  return lines.join('\n');
}

function factsOf(row: QuarantineRow, { format }: PacketAnswer): string {
  const facts = {
    offset: String(row.offset),
    device: row.device,
    sender: row.origin,
    topic: row.topic,
    received: new Date(row.receivedAt).toISOString(),
    format,
    bytes: formatBytes(row.bytes),
    'refused by':
      row.profile === '' ? 'unknown device' : `profile ${row.profile} version ${row.profileVersion}`,
    'stored in part': row.stored ? 'yes' : 'no',
    replayable: row.replayable ? 'yes' : 'no: the payload was not kept',
  };
  return Object.entries(facts)
    .map(([name, value]) => `${name.padEnd(16)}${printable(value)}`)
    .join('\n');
}

function quarantineTable(items: readonly QuarantineRow[]): string {
  if (items.length === 0) return 'the quarantine is empty';
  const rows = items.map((row) => [
    String(row.offset),
    new Date(row.receivedAt).toISOString(),
    row.device,
    row.index < 0 ? 'packet' : `item ${row.index}${row.stored ? ', rest stored' : ''}`,
    row.code,
    printable(row.message),
    printable(row.sample.slice(0, SAMPLE_CHARS)),
  ]);
  const head = ['offset', 'received', 'device', 'what', 'code', 'why', 'begins with'];
  const more = items.length >= PAGE_MAX ? `\nthe newest ${PAGE_MAX}; narrow it down for others` : '';
  return renderTable(head, rows) + more;
}
