/** How long short tasks of other kinds wait while one kind has more than the workers can do. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Scheduler } from '../../src/compute/scheduler/scheduler.ts';
import type { TaskKind } from '../../src/compute/scheduler/task.ts';

interface Flood {
  /** Of one task of the saturating kind. */
  readonly turns: number;
  /** Its tasks in one batch, and batches kept waiting. */
  readonly batch: number;
  readonly waiting: number;
  readonly samples: number;
  readonly kinds: readonly TaskKind[];
}

const BETWEEN_MS = 5;

/** Submission to outcome, as their caller sees it, in milliseconds; and what the flood got done in a second. */
export async function waitsIn(
  scheduler: Scheduler,
  { turns, batch, waiting, samples, kinds }: Flood,
): Promise<{ readonly waits: readonly number[]; readonly floodPerS: number }> {
  const tasks = Array.from({ length: batch }, () => ({ words: [turns] }));
  const stop = new AbortController();
  let done = 0;
  const flood = Array.from({ length: waiting }, async () => {
    while (!stop.signal.aborted) {
      const { count } = await scheduler.submit({ kind: 'data-processing', job: 'spin', tasks });
      done += count;
    }
  });
  const begun = performance.now();
  const waits: number[] = [];
  for (let sample = 0; sample < samples; sample += 1) {
    await pause(BETWEEN_MS);
    await Promise.all(
      kinds.map(async (kind) => {
        const submitted = performance.now();
        await scheduler.submit({ kind, job: 'spin', tasks: [{ words: [1] }] });
        waits.push(performance.now() - submitted);
      }),
    );
  }
  const tookS = (performance.now() - begun) / 1_000;
  const floodPerS = done / tookS;
  stop.abort();
  await Promise.all(flood);
  return { waits, floodPerS };
}
