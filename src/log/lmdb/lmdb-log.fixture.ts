import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { silentMeter } from '../../model/ports/meter.ts';
import type { LogUnderTest } from '../log.case.ts';
import { type LmdbLog, type LogOptions, openLog } from './lmdb-log.ts';
import { openLogLookup } from './log-lookup.ts';
import { openLogReader } from './log-reader.ts';

/** Options of a log in a folder nothing else uses. */
export const optionsAt = (path: string, changes: Partial<LogOptions> = {}): LogOptions => ({
  path,
  clock: systemClock,
  logger: silentLogger,
  meter: silentMeter,
  maxBytes: 1_073_741_824,
  maxAgeMs: 10 * 365 * 86_400_000,
  reserveBytes: 0,
  ...changes,
});

export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'sensorium-log-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export interface LmdbLogUnderTest extends LogUnderTest {
  readonly log: LmdbLog;
  readonly path: string;
  reopen(): Promise<LmdbLogUnderTest>;
}

export async function openTemporaryLog(changes: Partial<LogOptions> = {}): Promise<LmdbLogUnderTest> {
  const folder = temporaryFolder();
  const path = join(folder.path, 'log');
  const open = async (): Promise<LmdbLogUnderTest> => {
    const log = await openLog(optionsAt(path, changes));
    const reader = openLogReader({ path });
    const lookup = openLogLookup({ path });
    const close = async (): Promise<void> => {
      await Promise.all([reader.close(), lookup.close()]);
      await log.close();
    };
    return {
      log,
      reader,
      lookup,
      path,
      reopen: async () => {
        await close();
        return open();
      },
      dispose: async () => {
        await close();
        folder.remove();
      },
    };
  };
  return open();
}

/** Waits for `condition`, a few milliseconds at a time; the test's own timeout is the bound. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 3));
}
