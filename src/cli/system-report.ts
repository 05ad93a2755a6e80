import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../base/clock.ts';
import type { HistoryTotals } from '../model/ports/history.ts';
import type { ServerClient } from './server.ts';

/** GET /api/v1/system. */
export interface SystemReport {
  readonly version: string;
  readonly startedAt: number;
  readonly managers: Readonly<
    Record<string, { readonly status: string; readonly reasons: readonly string[] }>
  >;
  /** Null while history restarts. */
  readonly totals: HistoryTotals | null;
  readonly log: {
    readonly first: number;
    readonly next: number;
    readonly durable: number;
    readonly sizeBytes: number;
  };
}

export const SYSTEM_PATH = '/api/v1/system';
export const SYSTEM_FIELDS = ['version', 'managers', 'totals', 'log'] as const;

const POLL_MS = 100;

/** Waits until history has all that is acknowledged now; false when it has not after `maxMs`. */
export async function historyCaughtUp(server: ServerClient, clock: Clock, maxMs: number): Promise<boolean> {
  const deadline = clock.monotonic() + maxMs;
  const look = (): Promise<SystemReport> => server.json<SystemReport>('GET', SYSTEM_PATH, SYSTEM_FIELDS);
  const { log } = await look();
  for (;;) {
    const { totals } = await look();
    if (totals !== null && totals.offset >= log.durable) return true;
    if (clock.monotonic() >= deadline) return false;
    await sleep(POLL_MS);
  }
}
