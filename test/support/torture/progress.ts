import { pause } from '../server.ts';

/** So long without progress, and what is missing counts as lost. */
const STALL_MS = 10_000;
const POLL_MS = 10;

/** Waits for a goal for as long as something moves; false when nothing does any more. */
export async function isReached(isDone: () => boolean, progress: () => number): Promise<boolean> {
  let seen = progress();
  let movedAt = performance.now();
  while (!isDone()) {
    if (progress() !== seen) {
      seen = progress();
      movedAt = performance.now();
    }
    if (performance.now() - movedAt > STALL_MS) return false;
    await pause(POLL_MS);
  }
  return true;
}
