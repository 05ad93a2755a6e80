import { FLEET_REGISTRATIONS_IN_FLIGHT } from '../../base/limits.ts';
import { ServerProblem } from '../failure.ts';
import { inParallel } from '../parallel.ts';
import { devicePath, type ServerClient } from '../server.ts';

interface Member {
  readonly id: string;
  readonly token: string;
}

interface Issued {
  readonly token: string;
}

/** `sim-0001`, `sim-0002` … */
export const memberIds = (prefix: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}-${String(index + 1).padStart(4, '0')}`);

/** Registers the devices of a fleet. Those of an earlier run are taken over: their tokens are replaced. */
export async function enroll(
  server: ServerClient,
  ids: readonly string[],
  onProgress: (enrolled: number) => void,
): Promise<readonly Member[]> {
  const tokens = new Map<string, string>();
  await inParallel(ids, FLEET_REGISTRATIONS_IN_FLIGHT, async (id) => {
    tokens.set(id, await enrollOne(server, id));
    onProgress(tokens.size);
  });
  return ids.map((id) => ({ id, token: tokens.get(id) ?? '' }));
}

async function enrollOne(server: ServerClient, id: string): Promise<string> {
  try {
    const body = { id, name: 'Simulated room', attributes: { simulated: true } };
    return (await server.json<Issued>('POST', '/api/v1/devices', ['token'], { body })).token;
  } catch (cause) {
    if (!(cause instanceof ServerProblem) || cause.code !== 'device.exists') throw cause;
  }
  const path = devicePath(id, '/credentials');
  await server.call('DELETE', path);
  return (await server.json<Issued>('POST', path, ['token'])).token;
}

/** Removes the devices; one that is gone already is fine. */
export async function dismiss(server: ServerClient, ids: readonly string[]): Promise<void> {
  await inParallel(ids, FLEET_REGISTRATIONS_IN_FLIGHT, async (id) => {
    try {
      await server.call('DELETE', devicePath(id));
    } catch (cause) {
      if (!(cause instanceof ServerProblem) || cause.code !== 'device.unknown') throw cause;
    }
  });
}
