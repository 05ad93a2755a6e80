/**
 * Where batches are judged: small ones at once, large ones on threads of their own, so that no batch holds
 * up the sockets. Owns the threads, which exist only while they have something to do, and the memory they share. It must
 * not know where batches come from.
 */
import { clearTimeout, setTimeout } from 'node:timers';
import {
  JUDGING_BLOCK_BYTES,
  JUDGING_BLOCKS_MAX,
  JUDGING_ELSEWHERE_BYTES,
  JUDGING_IDLE_MS,
  JUDGING_THREADS,
  JUDGING_TIMEOUT_MS,
  POOL_BLOCK_MIN_BYTES,
  POOL_HEAD_BYTES,
} from '../../base/limits.ts';
import { err } from '../../base/result.ts';
import { Kernels } from '../../compute/kernels/kernels.ts';
import { memoryBytes } from '../../compute/memory/layout.ts';
import { MemoryPool } from '../../compute/memory/memory-pool.ts';
import { createSharedMemory } from '../../compute/memory/shared-memory.ts';
import { Scheduler } from '../../compute/scheduler/scheduler.ts';
import { meterScheduler } from '../../compute/scheduler/scheduler-meters.ts';
import { asSensoriumError } from '../../model/errors.ts';
import type { Meter } from '../../model/ports/meter.ts';
import { type Case, Judge, type Judgement } from './judge.ts';
import { caseBytes, headOf, readJudgement, writeCase } from './judging-job.ts';

const LAYOUT = {
  headBytes: POOL_HEAD_BYTES,
  slabs: JUDGING_BLOCKS_MAX,
  slabBytes: JUDGING_BLOCK_BYTES,
  blockMinBytes: POOL_BLOCK_MIN_BYTES,
};

/** What exists while there are threads. */
interface Threads {
  readonly scheduler: Scheduler;
  readonly pool: MemoryPool;
  readonly slab: number;
  /** Of the metrics. */
  readonly ends: readonly (() => void)[];
}

export class Judges {
  readonly #judge = new Judge();
  readonly #meter: Meter;
  #threads: Promise<Threads> | undefined;
  #underWay = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  /** Errors: those of decoding; `memory.exhausted`, `scheduler.full` where too many large ones come at once. */
  async judge(one: Case): Promise<Judgement> {
    if (one.body.length < JUDGING_ELSEWHERE_BYTES) return this.#judge.judge(one);
    this.#underWay += 1;
    clearTimeout(this.#idle);
    try {
      this.#threads ??= start(this.#meter);
      return await this.#elsewhere(await this.#threads, one);
    } catch (cause) {
      return err(asSensoriumError(cause));
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) this.#idle = setTimeout(() => void this.stop(), JUDGING_IDLE_MS).unref();
    }
  }

  /** Ends the threads; the next large batch brings them back. */
  async stop(): Promise<void> {
    clearTimeout(this.#idle);
    const threads = this.#threads;
    this.#threads = undefined;
    const started = await threads?.catch(() => undefined);
    for (const end of started?.ends ?? []) end();
    await started?.scheduler.stop();
  }

  async #elsewhere({ scheduler, pool, slab }: Threads, one: Case): Promise<Judgement> {
    const head = headOf(one);
    const result = pool.acquire(caseBytes(head, one.body));
    if (!result.ok) return result;
    using lease = result.value;
    const { buffer, byteOffset: offset, length } = lease.borrow();
    const bytes = Buffer.from(buffer, offset, length);
    writeCase(bytes, head, one.body);
    const [size = -1] = await scheduler.run({
      kind: 'data-processing',
      job: 'judge',
      timeoutMs: JUDGING_TIMEOUT_MS,
      words: [length],
      payload: { slab, offset, length },
    });
    // More to say than was to be judged: a flood of faults, which is said here.
    return size < 0 ? this.#judge.judge(one) : readJudgement(bytes.subarray(0, size));
  }
}

async function start(meter: Meter): Promise<Threads> {
  const memory = createSharedMemory(memoryBytes(LAYOUT));
  const pool = new MemoryPool({ layout: LAYOUT, memory, wipe: (bytes) => kernels.wipe(bytes) });
  const kernels = new Kernels({ memory });
  const entry = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);
  const scheduler = new Scheduler({ entry, name: 'judge', threads: JUDGING_THREADS });
  await scheduler.start();
  const ends = [meterScheduler(scheduler, meter), pool.meter(meter)];
  return { scheduler, pool, slab: scheduler.share(memory.buffer), ends };
}
