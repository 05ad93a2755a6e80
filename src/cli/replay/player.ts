import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../base/clock.ts';
import { REPLAY_INFLIGHT_MAX, REPLAY_STALL_MAX_MS } from '../../base/limits.ts';
import { Window } from '../window.ts';
import type { RowReading } from './columns.ts';
import type { Schedule } from './schedule.ts';

export interface PlayOptions {
  readonly readings: AsyncIterable<RowReading>;
  readonly schedule: Schedule;
  /** Resolves when the server has acknowledged (QoS 1) or the bytes are out (QoS 0). */
  readonly send: (device: string | undefined, payload: string) => Promise<void>;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly onProgress: (totals: PlayTotals) => void;
}

export interface PlayTotals {
  readonly sent: number;
  readonly acked: number;
}

/** Timers are no finer than this. */
const WAIT_MIN_MS = 2;
const WAIT_MAX_MS = 3_600_000;

/**
 * Plays readings at the times of the schedule, with a bounded number of unacknowledged ones. Ends early, without
 * error, when the signal says so. Throws what `send` threw, or `server.unreachable` when nothing is acknowledged
 * any more.
 */
export async function play(options: PlayOptions): Promise<PlayTotals> {
  const { schedule, clock, signal } = options;
  const window = new Window({ size: REPLAY_INFLIGHT_MAX, stallMaxMs: REPLAY_STALL_MAX_MS, signal });
  const totals = { sent: 0, acked: 0 };
  let failure: unknown;
  const acked = (): void => {
    totals.acked += 1;
    options.onProgress(totals);
    window.release();
  };
  const failed = (cause: unknown): void => {
    failure ??= cause;
    window.release();
  };
  const start = clock.monotonic();
  for await (const reading of options.readings) {
    await waitUntil(start + schedule.dueMs(reading.ts), options);
    await window.room();
    if (signal.aborted || failure !== undefined) break;
    window.take();
    totals.sent += 1;
    options.send(reading.device, payloadOf(reading, schedule)).then(acked, failed);
  }
  await window.empty();
  if (failure !== undefined) throw failure;
  return totals;
}

/** Daily rows at their original speed wait longer than a timer can: in steps. */
async function waitUntil(dueMs: number, { clock, signal }: PlayOptions): Promise<void> {
  for (let left = dueMs - clock.monotonic(); left >= WAIT_MIN_MS; left = dueMs - clock.monotonic()) {
    if (signal.aborted) return;
    await sleep(Math.min(left, WAIT_MAX_MS), undefined, { signal }).catch(() => undefined);
  }
}

const payloadOf = (reading: RowReading, schedule: Schedule): string =>
  JSON.stringify({ ts: schedule.sentTs(reading.ts), values: reading.values });
