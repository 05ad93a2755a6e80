/** The platform with its benchmark devices registered. */
import { pause, Server, type Totals } from '../../test/support/server.ts';

const REGISTRATIONS_AT_ONCE = 10;
/** History that stands still this long has lost something. */
const STALL_MS = 30_000;
const POLL_MS = 20;

/** Starts the server on a fresh data directory; the caller disposes of it. */
export const startServer = async (
  dataDir: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Server> => await Server.start({ dataDir, env: { SENSORIUM_LOG_LEVEL: 'warn', ...env } });

/** Registers devices; answers their tokens in the same order. */
export async function register(server: Server, names: readonly string[]): Promise<readonly string[]> {
  const tokens: string[] = [];
  for (let at = 0; at < names.length; at += REGISTRATIONS_AT_ONCE) {
    const group = names.slice(at, at + REGISTRATIONS_AT_ONCE);
    tokens.push(...(await Promise.all(group.map((id) => server.addDevice({ id })))));
  }
  return tokens;
}

/** Waits until all that stands in the log can be queried. */
export async function caughtUp(server: Server): Promise<Totals> {
  let seen = -1;
  let movedAt = performance.now();
  for (;;) {
    const { totals, log } = await server.get<{ totals: Totals; log: { next: number } }>('/api/v1/system');
    if (totals.offset >= log.next) return totals;
    if (totals.offset !== seen) {
      seen = totals.offset;
      movedAt = performance.now();
    }
    if (performance.now() - movedAt > STALL_MS) {
      throw new Error(`history stands still at ${totals.offset} of ${log.next}:\n${server.stderr}`);
    }
    await pause(POLL_MS);
  }
}

export function pidOf(server: Server): number {
  if (server.process.pid === undefined) throw new Error('the server has no process');
  return server.process.pid;
}
