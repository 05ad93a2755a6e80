import type { Device } from '../../model/device.ts';
import type { DeviceChange } from '../../model/device-history.ts';
import type { GroupCount } from '../../model/ports/device-administration.ts';
import { ServerProblem } from '../failure.ts';
import { EXIT_OK, UsageError } from '../io.ts';
import { devicePath, type ServerClient } from '../server.ts';
import type { Session } from '../session.ts';
import { printable, renderTable } from '../table.ts';

export interface ChangeOptions {
  readonly name?: string | undefined;
  readonly profile?: string | undefined;
  readonly parent?: string | undefined;
  readonly preset?: string | undefined;
  readonly topicBase?: string | undefined;
  readonly identifier?: readonly string[] | undefined;
}

export interface TagOptions {
  readonly add?: readonly string[] | undefined;
  readonly remove?: readonly string[] | undefined;
}

export interface GroupOptions {
  readonly name?: string | undefined;
  readonly description?: string | undefined;
}

/** What somebody else changed in between is read again so many times. */
const TRIES = 5;

const orNull = (value: string | undefined): string | null | undefined => (value === 'none' ? null : value);

export async function changeDevice(id: string, options: ChangeOptions, session: Session): Promise<number> {
  const { name, profile, identifier } = options;
  const [parent, preset] = [orNull(options.parent), orNull(options.preset)];
  const topicBase = options.topicBase === 'none' ? '' : options.topicBase;
  const identifiers = identifier && Object.fromEntries(identifier.map(readIdentifier));
  const server = await session.server();
  const body = { name, profile, parent, preset, topicBase, identifiers };
  const device = await server.json<Device>('PATCH', devicePath(id), ['id'], { body });
  if (session.json) session.answer(device);
  else session.say(`${id} is at version ${device.version}`);
  return EXIT_OK;
}

export async function tagDevices(
  ids: readonly string[],
  { add = [], remove = [] }: TagOptions,
  session: Session,
): Promise<number> {
  if (add.length + remove.length === 0) throw new UsageError('give --add or --remove');
  return changeLists({ ids, field: 'tags', add, remove }, session);
}

export async function deviceHistory(id: string, session: Session): Promise<number> {
  const server = await session.server();
  const { changes } = await server.json<{ changes: readonly DeviceChange[] }>(
    'GET',
    devicePath(id, '/history'),
    ['changes'],
  );
  if (session.json) session.answer({ changes });
  else session.say(changes.length === 0 ? 'nothing is known of its past' : historyTable(changes));
  return EXIT_OK;
}

export async function listGroups(session: Session): Promise<number> {
  const server = await session.server();
  const { groups } = await server.json<{ groups: readonly GroupCount[] }>('GET', '/api/v1/groups', [
    'groups',
  ]);
  if (session.json) session.answer({ groups });
  else if (groups.length === 0) session.say('no groups; make one: sensorium devices group add GROUP');
  else {
    const rows = groups.map((group) => [
      group.id,
      printable(group.name),
      String(group.devices),
      printable(group.description ?? ''),
    ]);
    session.say(renderTable(['id', 'name', 'devices', 'description'], rows));
  }
  return EXIT_OK;
}

export async function addToGroup(
  id: string,
  ids: readonly string[],
  options: GroupOptions,
  session: Session,
): Promise<number> {
  const server = await session.server();
  const { name, description } = options;
  const body = { id, name, description };
  const group = await server.json<GroupCount>('POST', '/api/v1/groups', ['id'], { body });
  if (ids.length > 0) return changeLists({ ids, field: 'groups', add: [id], remove: [] }, session);
  if (session.json) session.answer(group);
  else session.say(`group ${id} is there, with ${group.devices} devices`);
  return EXIT_OK;
}

export async function removeFromGroup(id: string, ids: readonly string[], session: Session): Promise<number> {
  if (ids.length > 0) return changeLists({ ids, field: 'groups', add: [], remove: [id] }, session);
  const server = await session.server();
  await server.call('DELETE', `/api/v1/groups/${encodeURIComponent(id)}`);
  if (session.json) session.answer({ removed: id });
  else session.say(`removed group ${id}`);
  return EXIT_OK;
}

interface ListChange {
  readonly ids: readonly string[];
  readonly field: 'tags' | 'groups';
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

async function changeLists(change: ListChange, session: Session): Promise<number> {
  const server = await session.server();
  const changed: Device[] = [];
  try {
    for (const id of change.ids) changed.push(await changeList(server, id, change));
  } finally {
    const { field } = change;
    if (session.json)
      session.answer({ devices: changed.map(({ id, [field]: list = [] }) => ({ id, [field]: list })) });
    else
      for (const { id, [field]: list = [] } of changed)
        session.say(`${id}  ${field} ${list.join(', ') || 'none'}`);
  }
  return EXIT_OK;
}

/** Read, change, write what was read: nobody's change in between is undone. */
async function changeList(
  server: ServerClient,
  id: string,
  { field, add, remove }: ListChange,
): Promise<Device> {
  for (let attempt = 1; ; attempt += 1) {
    const device = await server.json<Device>('GET', devicePath(id), ['id', 'version']);
    const list = [...(device[field] ?? []).filter((one) => !remove.includes(one)), ...add];
    try {
      const headers = { 'if-match': `"${device.version}"` };
      return await server.json<Device>('PATCH', devicePath(id), ['id'], { body: { [field]: list }, headers });
    } catch (cause) {
      const isOutdated = cause instanceof ServerProblem && cause.code === 'device.version_conflict';
      if (!isOutdated || attempt >= TRIES) throw cause;
    }
  }
}

function readIdentifier(text: string): readonly [string, string] {
  const cut = text.indexOf('=');
  if (cut <= 0) throw new UsageError(`"${text}" is not scheme=value`);
  return [text.slice(0, cut), text.slice(cut + 1)];
}

function historyTable(changes: readonly DeviceChange[]): string {
  const rows = changes.map(({ at, by, kind, version, changes: what }) => [
    new Date(at).toISOString(),
    by,
    kind,
    String(version),
    Object.entries(what)
      .map(([field, { from, to }]) => `${field}: ${shown(from)} → ${shown(to)}`)
      .join('; '),
  ]);
  return renderTable(['when', 'who', 'what', 'version', 'changes'], rows);
}

const shown = (value: unknown): string =>
  value === undefined ? 'none' : printable(typeof value === 'string' ? value : JSON.stringify(value));
