/** The threads that judge, and the memory they share with this one. */
import {
  JUDGING_BLOCK_BYTES,
  JUDGING_BLOCKS_MAX,
  JUDGING_THREADS,
  POOL_BLOCK_MIN_BYTES,
  POOL_HEAD_BYTES,
} from '../../base/limits.ts';
import { Kernels } from '../../compute/kernels/kernels.ts';
import { memoryBytes } from '../../compute/memory/layout.ts';
import { MemoryPool } from '../../compute/memory/memory-pool.ts';
import { createSharedMemory } from '../../compute/memory/shared-memory.ts';
import { Scheduler } from '../../compute/scheduler/scheduler.ts';
import { meterScheduler } from '../../compute/scheduler/scheduler-meters.ts';
import type { Meter } from '../../model/ports/meter.ts';

const LAYOUT = {
  headBytes: POOL_HEAD_BYTES,
  slabs: JUDGING_BLOCKS_MAX,
  slabBytes: JUDGING_BLOCK_BYTES,
  blockMinBytes: POOL_BLOCK_MIN_BYTES,
};

/** What exists while there are threads. */
export interface JudgingThreads {
  readonly scheduler: Scheduler;
  readonly pool: MemoryPool;
  readonly slab: number;
  /** Of the metrics. */
  readonly ends: readonly (() => void)[];
}

export async function startJudging(meter: Meter): Promise<JudgingThreads> {
  const memory = createSharedMemory(memoryBytes(LAYOUT));
  const pool = new MemoryPool({ layout: LAYOUT, memory, wipe: (bytes) => kernels.wipe(bytes) });
  const kernels = new Kernels({ memory });
  const entry = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);
  const scheduler = new Scheduler({ entry, name: 'judge', threads: JUDGING_THREADS });
  await scheduler.start();
  const ends = [meterScheduler(scheduler, meter), pool.meter(meter)];
  return { scheduler, pool, slab: scheduler.share(memory.buffer), ends };
}
