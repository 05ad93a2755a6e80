/**
 * Where batches are judged: small ones at once, large ones on threads of their own, so that no batch holds
 * up the sockets. Owns when there are threads: only while they have something to do. It must not know where batches come
 * from.
 */
import { clearTimeout, setTimeout } from 'node:timers';
import { JUDGING_ELSEWHERE_BYTES, JUDGING_IDLE_MS, JUDGING_TIMEOUT_MS } from '../../base/limits.ts';
import { err } from '../../base/result.ts';
import { asSensoriumError } from '../../model/errors.ts';
import type { Meter } from '../../model/ports/meter.ts';
import { type Case, Judge, type Judgement } from './judge.ts';
import { caseBytes, headOf, readJudgement, writeCase } from './judging-job.ts';
import type { JudgingThreads } from './judging-threads.ts';

export class Judges {
  readonly #judge = new Judge();
  readonly #meter: Meter;
  #threads: Promise<JudgingThreads> | undefined;
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
      this.#threads ??= this.#start();
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

  /** Loaded with the first large batch: most servers see none. */
  async #start(): Promise<JudgingThreads> {
    return await (await import('./judging-threads.ts')).startJudging(this.#meter);
  }

  async #elsewhere({ scheduler, pool, slab }: JudgingThreads, one: Case): Promise<Judgement> {
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
