/** The pools that the scheduler's scenarios drive, both with the same work and as many threads. */
import { readFileSync } from 'node:fs';
import { Scheduler, type SchedulerOptions } from '../../src/compute/scheduler/scheduler.ts';
import type { TaskKind } from '../../src/compute/scheduler/task.ts';
import { UnavailableError } from './scenario.ts';

export const BATCH = 256;

export async function startOurs(options: Partial<SchedulerOptions> = {}): Promise<Scheduler> {
  const scheduler = new Scheduler({ entry: new URL('./pool.worker.ts', import.meta.url), ...options });
  await scheduler.start();
  return scheduler;
}

export interface Piscina extends AsyncDisposable {
  run(task: number | readonly number[]): Promise<unknown>;
}

/** It serves benchmarks only; an installation without development dependencies does not have it. */
export async function startPiscina(threads: number): Promise<Piscina> {
  const piscina = await import('piscina').catch((cause: unknown) => {
    throw new UnavailableError('piscina is not installed', { cause });
  });
  const pool = new piscina.Piscina({
    filename: new URL('./piscina.worker.ts', import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
  });
  return {
    run: async (task) => await pool.run(task),
    [Symbol.asyncDispose]: async () => await pool.close({ force: true }),
  };
}

interface Spins {
  readonly turns: number;
  readonly tasks: number;
  /** Tasks of one submission. */
  readonly batch: number;
  readonly kind?: TaskKind;
}

/** As fast as the scheduler takes them; answers the time until all have ended, in milliseconds. */
export async function spinOurs(scheduler: Scheduler, { turns, tasks, batch, kind }: Spins): Promise<number> {
  const inputs = Array.from({ length: batch }, () => ({ words: [turns] }));
  const begun = performance.now();
  const outcomes: Promise<number>[] = [];
  for (let sent = 0; sent < tasks; sent += batch) {
    while (scheduler.room === 0) await new Promise(setImmediate);
    outcomes.push(
      scheduler
        .submit({ kind: kind ?? 'data-processing', job: 'spin', tasks: inputs, resultWords: 1 })
        .then(({ results, failures }) => (failures.size === 0 ? results.length : 0)),
    );
  }
  const ended = (await Promise.all(outcomes)).reduce((sum, count) => sum + count, 0);
  if (ended < tasks) throw new Error(`${ended} of ${tasks} tasks ended well`);
  return performance.now() - begun;
}

/** One message per task, or, `asArrays`, one per batch; as many on their way as ours has. */
export async function spinPiscina(pool: Piscina, spins: Spins, asArrays = false): Promise<number> {
  const { turns, tasks, batch } = spins;
  const array = Array.from({ length: batch }, () => turns);
  const begun = performance.now();
  for (let sent = 0; sent < tasks; sent += batch * 16) {
    const runs: Promise<unknown>[] = [];
    for (let at = sent; at < Math.min(tasks, sent + batch * 16); at += asArrays ? batch : 1)
      runs.push(pool.run(asArrays ? array : turns));
    await Promise.all(runs);
  }
  return performance.now() - begun;
}

const MS_PER_TICK = 10;

/** Starts to measure; then answers the share of the processor time that was there for us, neighbours aside, in percent. */
export function watchCores(): () => number {
  const [cpu, idle] = [process.cpuUsage(), idleMs()];
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    const usedMs = (user + system) / 1_000;
    return (100 * usedMs) / (usedMs + idleMs() - idle);
  };
}

/** Of all cores since the start of the machine, waiting for disks included. */
function idleMs(): number {
  const line = /^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1];
  const [, , , idle = 0, waiting = 0] = (line ?? '').split(' ').map(Number);
  return (idle + waiting) * MS_PER_TICK;
}
