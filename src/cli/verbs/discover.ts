import { setTimeout as sleep } from 'node:timers/promises';
import { DISCOVERY_PAGE_MAX, DISCOVERY_TICK_MS } from '../../base/limits.ts';
import type { Device } from '../../model/device.ts';
import type { Candidate, CandidateState } from '../../model/discovery.ts';
import type { CandidatePage, ScannerReport } from '../../model/ports/discovery.ts';
import { EXIT_OK } from '../io.ts';
import type { ServerClient } from '../server.ts';
import type { Session } from '../session.ts';
import { printable, renderTable } from '../table.ts';

export interface DiscoverOptions {
  readonly state?: CandidateState | 'all' | undefined;
  readonly text?: string | undefined;
  readonly scanner?: string | undefined;
  readonly watch?: boolean | undefined;
  /** With --watch: milliseconds. */
  readonly for?: number | undefined;
}

export interface AdmitOptions {
  readonly as?: string | undefined;
  readonly name?: string | undefined;
  readonly profile?: string | undefined;
  readonly parent?: string | undefined;
  readonly gateway?: boolean | undefined;
  readonly token?: boolean | undefined;
}

const CLEAR = '\u001b[H\u001b[2J';

const candidatePath = (id: string, rest = ''): string =>
  `/api/v1/candidates/${encodeURIComponent(id)}${rest}`;

/** What was found; with --watch as it comes: a live table on a terminal, otherwise a line for whatever changes. */
export async function discover(options: DiscoverOptions, session: Session): Promise<number> {
  const server = await session.server();
  if (options.watch === true) return await watch(options, server, session);
  const candidates = await allOf(options, server);
  if (session.json) session.answer({ candidates, total: candidates.length });
  else session.say(candidates.length === 0 ? await nothingFound(server) : candidateTable(candidates));
  return EXIT_OK;
}

export async function showCandidate(id: string, session: Session): Promise<number> {
  const server = await session.server();
  const candidate = await server.json<Candidate>('GET', candidatePath(id), ['id', 'evidence']);
  if (session.json) session.answer(candidate);
  else session.say(factsOf(candidate));
  return EXIT_OK;
}

export async function admitCandidate(id: string, options: AdmitOptions, session: Session): Promise<number> {
  const server = await session.server();
  const { as, ...rest } = options;
  const { name, profile, parent, gateway, token } = rest;
  const admitted = await server.json<{ candidate: Candidate; device: Device; token?: string }>(
    'POST',
    candidatePath(id, '/admit'),
    ['candidate', 'device'],
    { body: { id: as, name, profile, parent, gateway, token } },
  );
  const { device } = admitted;
  if (session.json) session.answer(admitted);
  else {
    session.say(
      `${device.id}  profile ${device.profile}${device.preset === undefined ? '' : `, preset ${device.preset}`}`,
    );
    if (admitted.token !== undefined) session.say(`token ${admitted.token}  (shown once)`);
  }
  return EXIT_OK;
}

export async function decideCandidates(
  verb: 'ignore' | 'block' | 'forget',
  ids: readonly string[],
  session: Session,
): Promise<number> {
  const server = await session.server();
  const done: string[] = [];
  try {
    for (const id of ids) {
      if (verb === 'forget') await server.call('DELETE', candidatePath(id));
      else await server.call('POST', candidatePath(id, `/${verb}`));
      done.push(id);
    }
  } finally {
    if (session.json) session.answer({ [PAST[verb]]: done });
    else for (const id of done) session.say(`${PAST[verb]} ${id}`);
  }
  return EXIT_OK;
}

const PAST = { ignore: 'ignored', block: 'blocked', forget: 'forgotten' } as const;

export async function listScanners(session: Session): Promise<number> {
  const { scanners } = await scannersOf(await session.server());
  if (session.json) session.answer({ scanners });
  else session.say(scannerTable(scanners));
  return EXIT_OK;
}

export async function scanNow(session: Session): Promise<number> {
  const server = await session.server();
  await server.call('POST', '/api/v1/discovery/scan');
  if (session.json) session.answer({ scanning: true });
  else session.say('scanners look now; what they find: sensorium discover --watch');
  return EXIT_OK;
}

async function watch(options: DiscoverOptions, server: ServerClient, session: Session): Promise<number> {
  const limits = [session.interruption()];
  if (options.for !== undefined) limits.push(AbortSignal.timeout(options.for));
  const signal = AbortSignal.any(limits);
  const shown = new Map<string, string>();
  while (!signal.aborted) {
    const candidates = await allOf(options, server);
    if (session.json || session.io.stdout.isTTY !== true) tellChanges(candidates, shown, session);
    else session.say(`${CLEAR}${candidateTable(candidates)}\n${candidates.length} found; Ctrl-C ends`);
    await sleep(DISCOVERY_TICK_MS, undefined, { signal }).catch(() => undefined);
  }
  return EXIT_OK;
}

/** One line for each candidate that is new or says something else than before; being seen again is no change. */
function tellChanges(candidates: readonly Candidate[], shown: Map<string, string>, session: Session): void {
  for (const candidate of candidates) {
    const { id, state, name, manufacturer, model, identifiers, services, suggestion } = candidate;
    const facts = JSON.stringify({ state, name, manufacturer, model, identifiers, services, suggestion });
    if (shown.get(id) === facts) continue;
    shown.set(id, facts);
    if (session.json) session.answer(candidate);
    else session.say(rowOf(candidate).filter(Boolean).join('  '));
  }
}

/** The one seen last comes first. */
async function allOf(options: DiscoverOptions, server: ServerClient): Promise<readonly Candidate[]> {
  const { state, text, scanner } = options;
  const candidates: Candidate[] = [];
  let after: string | undefined;
  do {
    const query = { state, text, scanner, after, limit: DISCOVERY_PAGE_MAX };
    const page = await server.json<CandidatePage>('GET', '/api/v1/candidates', ['candidates', 'total'], {
      query,
    });
    candidates.push(...page.candidates);
    after = page.next;
  } while (after !== undefined);
  return candidates.toSorted((a, b) => b.lastSeenAt - a.lastSeenAt);
}

const scannersOf = async (server: ServerClient): Promise<{ scanners: readonly ScannerReport[] }> =>
  await server.json<{ scanners: readonly ScannerReport[] }>('GET', '/api/v1/discovery', ['scanners']);

async function nothingFound(server: ServerClient): Promise<string> {
  const { scanners } = await scannersOf(server);
  return scanners.length === 0
    ? 'discovery is off (--discovery, discovery.scanners in sensorium.yaml)'
    : `nothing found yet\n\n${scannerTable(scanners)}`;
}

const HEAD = [
  'id',
  'name',
  'maker',
  'model',
  'address',
  'seen by',
  'signal',
  'suggested',
  'last seen',
  'state',
];

const candidateTable = (candidates: readonly Candidate[]): string => renderTable(HEAD, candidates.map(rowOf));

function rowOf(candidate: Candidate): string[] {
  const { id, name, manufacturer, model, identifiers, evidence, signalDbm, suggestion } = candidate;
  const [address] = [...(identifiers.ip ?? []), ...(identifiers.mac ?? []), ...(identifiers.port ?? [])];
  const preset = suggestion?.preset === undefined ? '' : ` (${suggestion.preset})`;
  return [
    id,
    name,
    manufacturer ?? '',
    model ?? '',
    address ?? '',
    [...new Set(evidence.map(({ scanner }) => scanner))].join(' '),
    signalDbm === undefined ? '' : `${signalDbm} dBm`,
    suggestion === undefined ? '' : `${suggestion.profile}${preset}`,
    new Date(candidate.lastSeenAt).toISOString(),
    candidate.conflicts.length === 0 ? candidate.state : `${candidate.state}, conflict`,
  ].map(printable);
}

function factsOf(candidate: Candidate): string {
  const { names, identifiers, services, attributes, evidence, suggestion, conflicts } = candidate;
  const [head, row] = [HEAD, rowOf(candidate)];
  const facts: (readonly [string, string])[] = head.map((name, n) => [name, row[n] ?? ''] as const);
  facts.push(['names', names.join(', ')], ['services', services.join(', ')]);
  for (const [kind, values] of Object.entries(identifiers)) facts.push([kind, values.join(', ')]);
  for (const [name, value] of Object.entries(attributes)) facts.push([name, String(value)]);
  for (const reason of suggestion?.reasons ?? []) facts.push(['suggested as it', reason]);
  if (conflicts.length > 0) facts.push(['conflicts with', conflicts.join(', ')]);
  if (candidate.device !== undefined) facts.push(['device', candidate.device]);
  if (candidate.decidedBy !== undefined) facts.push(['decided by', candidate.decidedBy]);
  const lines = facts
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${printable(name).padEnd(18)}${printable(value)}`);
  const rows = evidence.map(({ scanner, text, firstSeenAt, lastSeenAt, count }) => [
    printable(scanner),
    printable(text),
    String(count),
    new Date(firstSeenAt).toISOString(),
    new Date(lastSeenAt).toISOString(),
  ]);
  return `${lines.join('\n')}\n\n${renderTable(['scanner', 'evidence', 'times', 'first', 'last'], rows)}`;
}

function scannerTable(scanners: readonly ScannerReport[]): string {
  const rows = scanners.map(({ name, condition, paceMs, sightings, dropped }) => [
    name,
    condition.state === 'unavailable' ? `unavailable: ${printable(condition.reason)}` : condition.state,
    paceMs === 0 ? '' : `${paceMs / 1_000} s`,
    String(sightings),
    String(dropped),
  ]);
  return renderTable(['scanner', 'condition', 'pace', 'sightings', 'dropped'], rows);
}
