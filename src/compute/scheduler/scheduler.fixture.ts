/** A scheduler on the test jobs, with one shared buffer. */
import { Scheduler, type SchedulerOptions } from './scheduler.ts';
import type { BatchSettings, PayloadRef } from './task.ts';

export const ENTRY = new URL('./scheduler.worker.ts', import.meta.url);
export const DATA = { kind: 'data-processing' } as const satisfies Partial<BatchSettings>;

export interface Bench extends AsyncDisposable {
  readonly scheduler: Scheduler;
  /** The shared buffer, slab 0. */
  readonly words: Int32Array<SharedArrayBuffer>;
  /** These words of it. */
  readonly at: (word: number, count: number) => PayloadRef;
}

export async function startScheduler(options: Partial<SchedulerOptions> = {}): Promise<Bench> {
  const scheduler = new Scheduler({ entry: ENTRY, threads: 2, ...options });
  const words = new Int32Array(new SharedArrayBuffer(1_048_576));
  const slab = scheduler.share(words.buffer);
  await scheduler.start();
  return {
    scheduler,
    words,
    at: (word, count) => ({ slab, offset: word * 4, length: count * 4 }),
    [Symbol.asyncDispose]: async () => await scheduler.stop(0),
  };
}

/** Until the word is no longer 0. */
export async function raised(words: Int32Array<SharedArrayBuffer>, word: number): Promise<void> {
  const waiting = Atomics.waitAsync(words, word, 0);
  if (waiting.async) await waiting.value;
}

export const numbers = (count: number, from = 0): readonly number[] =>
  Array.from({ length: count }, (_, at) => from + at);
