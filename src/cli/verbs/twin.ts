import type { Presence } from '../../model/presence.ts';
import type { JsonObject, JsonValue, Twin, TwinChange, TwinDocument, TwinPart } from '../../model/twin.ts';
import { isRecord, parseJson } from '../foreign.ts';
import { EXIT_OK, UsageError } from '../io.ts';
import { devicePath } from '../server.ts';
import type { Session } from '../session.ts';
import { printable, renderTable } from '../table.ts';
import { readPair } from '../values.ts';

export interface TwinGetOptions {
  readonly part?: TwinPart | 'delta' | undefined;
}

export interface TwinSetOptions {
  readonly unset?: readonly string[] | undefined;
  readonly replace?: boolean | undefined;
  readonly ifMatch?: string | undefined;
}

export interface TwinHistoryOptions {
  readonly part?: TwinPart | undefined;
}

const FIELDS = ['device', 'desired', 'reported'] as const;

export async function getTwin(device: string, { part }: TwinGetOptions, session: Session): Promise<number> {
  const server = await session.server();
  const twin = await server.json<Twin>('GET', devicePath(device, '/twin'), FIELDS);
  if (part === undefined) show(twin, session);
  else {
    const only = part === 'delta' ? (twin.delta ?? {}) : twin[part];
    if (session.json) session.answer(only);
    else session.say(pretty(part === 'delta' ? (twin.delta ?? {}) : twin[part].properties));
  }
  return EXIT_OK;
}

export async function setTwin(
  device: string,
  values: readonly string[],
  { unset = [], replace = false, ifMatch }: TwinSetOptions,
  session: Session,
): Promise<number> {
  const desired: JsonObject = { ...given(values), ...Object.fromEntries(unset.map((name) => [name, null])) };
  if (values.length + unset.length === 0)
    throw new UsageError('say what is desired: name=value …, a JSON object, or --unset name');
  const server = await session.server();
  const headers: Record<string, string> = ifMatch === undefined ? {} : { 'if-match': quoted(ifMatch) };
  const twin = replace
    ? server.json<Twin>('PUT', devicePath(device, '/twin/desired'), FIELDS, { body: desired, headers })
    : server.json<Twin>('PATCH', devicePath(device, '/twin'), FIELDS, { body: { desired }, headers });
  show(await twin, session);
  return EXIT_OK;
}

export async function twinHistory(
  device: string,
  { part = 'desired' }: TwinHistoryOptions,
  session: Session,
): Promise<number> {
  const server = await session.server();
  const path = devicePath(device, '/twin/history');
  const answer = { query: { part } };
  const { changes } = await server.json<{ changes: readonly TwinChange[] }>('GET', path, ['changes'], answer);
  if (session.json) session.answer({ changes });
  else session.say(changes.length === 0 ? `nothing was ever ${part}` : historyTable(changes));
  return EXIT_OK;
}

export async function showPresence(id: string, session: Session): Promise<number> {
  const server = await session.server();
  const presence = await server.json<Presence>('GET', devicePath(id, '/presence'), ['state', 'reason']);
  if (session.json) session.answer(presence);
  else session.say(Object.entries(presence).map(line).join('\n'));
  return EXIT_OK;
}

function given(values: readonly string[]): JsonObject {
  const [first = ''] = values;
  if (!first.trimStart().startsWith('{'))
    return Object.fromEntries(values.map((value) => readPair(value, 'name')));
  const patch = values.length === 1 ? parseJson(first) : undefined;
  if (isRecord(patch)) return patch as Readonly<Record<string, JsonValue>>;
  throw new UsageError('a merge patch is one JSON object');
}

/** Shells eat quotes. */
const quoted = (etag: string): string => (/^(\*|(W\/)?".*")$/.test(etag) ? etag : `"${etag}"`);

function show(twin: Twin, session: Session): void {
  if (session.json) {
    session.answer(twin);
    return;
  }
  const delta = twin.delta === undefined ? 'nothing: all is as desired' : pretty(twin.delta);
  session.say(`desired   ${partText(twin.desired)}`);
  session.say(`reported  ${partText(twin.reported)}`);
  session.say(`to do     ${delta}`);
  session.say(`etag      ${twin.desired.version}.${twin.reported.version}`);
}

const partText = ({ version, properties }: TwinDocument): string =>
  version === 0 ? '–' : `version ${version}  ${pretty(properties)}`;

function historyTable(changes: readonly TwinChange[]): string {
  const rows = changes.map(({ version, at, by, patch }) => [
    String(version),
    new Date(at).toISOString(),
    printable(by),
    patch === undefined ? '(too long to keep)' : pretty(patch),
  ]);
  return renderTable(['version', 'time', 'by', 'change'], rows);
}

function line([name, value]: readonly [string, unknown]): string {
  const isTime = typeof value === 'number' && (name.endsWith('At') || name === 'since');
  return `${name.padEnd(16)}${isTime ? new Date(value).toISOString() : printable(String(value))}`;
}

const pretty = (value: JsonObject): string => printable(JSON.stringify(value));
