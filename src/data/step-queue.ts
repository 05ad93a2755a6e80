import { REPLAY_STEPS_WAITING_MAX } from '../base/limits.ts';
import { problem } from '../model/errors.ts';
import type { QuarantineOutcome, QuarantineStep } from '../model/ports/quarantine.ts';
import { StageFault } from './pipeline/pipeline.ts';

/** Steps over the quarantine that wait for their turn between two commits, and whoever waits for them. */

interface Waiting {
  readonly step: QuarantineStep;
  resolve(outcome: QuarantineOutcome): void;
  reject(cause: unknown): void;
}

export class StepQueue {
  readonly #waiting: Waiting[] = [];

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Resolves when the step is committed. Rejects with 'quarantine.busy', and what the step throws. */
  add(step: QuarantineStep): Promise<QuarantineOutcome> {
    if (this.#waiting.length >= REPLAY_STEPS_WAITING_MAX) {
      return Promise.reject(problem('quarantine.busy', `${REPLAY_STEPS_WAITING_MAX} steps are waiting`));
    }
    const { promise, resolve, reject } = Promise.withResolvers<QuarantineOutcome>();
    this.#waiting.push({ step, resolve, reject });
    return promise;
  }

  /** Runs the oldest. Throws what it throws. */
  async takeOne(run: (step: QuarantineStep) => Promise<QuarantineOutcome>): Promise<void> {
    const first = this.#waiting[0];
    if (first === undefined) return;
    try {
      const outcome = await run(first.step);
      this.#waiting.shift();
      first.resolve(outcome);
    } catch (cause) {
      // The packet that broke a stage is condemned by then: the step is taken again, without it.
      if (!(cause instanceof StageFault)) {
        this.#waiting.shift();
        first.reject(cause);
      }
      throw cause;
    }
  }

  close(): void {
    for (const one of this.#waiting.splice(0)) {
      one.reject(problem('store.unavailable', 'history is stopping'));
    }
  }
}
