import type { Device } from '../../model/device.ts';
import type { DevicePage } from '../../model/ports/registry.ts';
import type { PresenceState } from '../../model/presence.ts';
import { telemetryTopic } from '../../model/topics.ts';
import { EXIT_OK } from '../io.ts';
import { devicePath, type ServerClient } from '../server.ts';
import type { Session } from '../session.ts';
import { printable, renderTable } from '../table.ts';

export interface AddOptions {
  readonly name?: string | undefined;
  readonly profile?: string | undefined;
  readonly gateway?: boolean | undefined;
  readonly parent?: string | undefined;
  readonly preset?: string | undefined;
  readonly topicBase?: string | undefined;
  readonly tag?: readonly string[] | undefined;
  readonly group?: readonly string[] | undefined;
}

export interface ListOptions {
  readonly text?: string | undefined;
  readonly parent?: string | undefined;
  readonly profile?: string | undefined;
  readonly tag?: readonly string[] | undefined;
  readonly group?: string | undefined;
  readonly identifier?: string | undefined;
  readonly limit?: number | undefined;
}

/** Servers of an earlier version do not say whether it is there. */
type ListedDevice = Device & { readonly presence?: { readonly state: PresenceState } | undefined };
type ListedPage = Omit<DevicePage, 'devices'> & { readonly devices: readonly ListedDevice[] };

const PAGE = 500;

export async function addDevice(id: string, options: AddOptions, session: Session): Promise<number> {
  const server = await session.server();
  const { name, profile, gateway, parent, preset, topicBase, tag: tags, group: groups } = options;
  const added = await server.json<{ device: Device; token: string }>(
    'POST',
    '/api/v1/devices',
    ['device', 'token'],
    {
      body: { id, name, profile, gateway, parent, preset, topicBase, tags, groups },
    },
  );
  await showToken(added.device.id, added.token, server, session);
  return EXIT_OK;
}

export async function listDevices(options: ListOptions, session: Session): Promise<number> {
  const server = await session.server();
  const { limit = Number.POSITIVE_INFINITY, ...filter } = options;
  const devices: ListedDevice[] = [];
  let total = 0;
  let after: string | undefined;
  do {
    const query = { ...filter, after, limit: Math.min(PAGE, limit - devices.length) };
    const page = await server.json<ListedPage>('GET', '/api/v1/devices', ['devices', 'total'], { query });
    devices.push(...page.devices);
    total = page.total;
    after = page.next;
  } while (after !== undefined && devices.length < limit);
  if (session.json) session.answer({ devices, total });
  else session.say(deviceTable(devices, total));
  return EXIT_OK;
}

export async function showDevice(id: string, session: Session): Promise<number> {
  const server = await session.server();
  const device = await server.json<Device>('GET', devicePath(id), ['id']);
  if (session.json) session.answer(device);
  else session.say(Object.entries(device).map(attributeLine).join('\n'));
  return EXIT_OK;
}

export async function removeDevices(ids: readonly string[], session: Session): Promise<number> {
  const server = await session.server();
  const removed: string[] = [];
  try {
    for (const id of ids) {
      await server.call('DELETE', devicePath(id));
      removed.push(id);
    }
  } finally {
    if (session.json) session.answer({ removed });
    else for (const id of removed) session.say(`removed ${id}`);
  }
  return EXIT_OK;
}

/** A further token. `rotate` forgets the earlier ones first; `revoke` forgets them and issues none. */
export async function deviceCredentials(
  id: string,
  options: { readonly rotate?: boolean | undefined; readonly revoke?: boolean | undefined },
  session: Session,
): Promise<number> {
  const server = await session.server();
  const path = devicePath(id, '/credentials');
  if (options.rotate === true || options.revoke === true) await server.call('DELETE', path);
  if (options.revoke === true) {
    if (session.json) session.answer({ id, revoked: true });
    else session.say(`every token of ${id} is revoked`);
    return EXIT_OK;
  }
  const issued = await server.json<{ id: string; token: string }>('POST', path, ['id', 'token']);
  await showToken(issued.id, issued.token, server, session);
  return EXIT_OK;
}

async function showToken(id: string, token: string, server: ServerClient, session: Session): Promise<void> {
  if (session.json) {
    session.answer({ id, token });
    return;
  }
  const body = `'{"temperature":21.5}'`;
  session.say(`${id}  token ${token}  (shown once)\n`);
  const mqtt = await mqttFlags(session);
  if (mqtt !== undefined) {
    session.say(`mosquitto_pub ${mqtt} -u ${id} -P ${token} -q 1 -t ${telemetryTopic(id)} -m ${body}\n`);
  }
  session.say(
    `curl -H 'Authorization: Bearer ${token}' -H 'Content-Type: application/json' -d ${body} ` +
      `${server.url}${devicePath(id, '/telemetry')}`,
  );
}

async function mqttFlags(session: Session): Promise<string | undefined> {
  if (session.remote) return undefined;
  const { mqtt } = await session.runFile();
  if (mqtt === null) return undefined;
  const { hostname, port } = new URL(mqtt);
  return `-h ${hostname} -p ${port}`;
}

function deviceTable(devices: readonly ListedDevice[], total: number): string {
  if (devices.length === 0) return 'no devices; register one: sensorium devices add ID';
  const rows = devices.map((device) => [
    device.id,
    printable(device.name),
    device.presence?.state ?? '',
    device.profile,
    device.gateway ? 'gateway' : (device.parent ?? ''),
    device.preset ?? '',
    (device.tags ?? []).join(' '),
    new Date(device.createdAt).toISOString(),
  ]);
  const table = renderTable(
    ['id', 'name', 'presence', 'profile', 'gateway', 'preset', 'tags', 'registered'],
    rows,
  );
  return total > devices.length ? `${table}\n… ${total - devices.length} more` : table;
}

function attributeLine([name, value]: readonly [string, unknown]): string {
  const isTime = typeof value === 'number' && name.endsWith('At');
  const text = isTime
    ? new Date(value).toISOString()
    : typeof value === 'string'
      ? value
      : JSON.stringify(value);
  return `${name.padEnd(12)}${printable(text)}`;
}
