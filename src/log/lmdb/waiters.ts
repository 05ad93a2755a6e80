/**
 * Those who wait for one offset, in offset order. Owns promises of `committed(offset)` and the memory of recent
 * failures, so that asking late gets the same answer. Bounded by the records pending.
 */
import type { SensoriumError } from '../../model/errors.ts';
import type { Offset } from '../../model/packet.ts';

interface Waiter {
  readonly offset: Offset;
  readonly resolve: () => void;
  readonly reject: (error: SensoriumError) => void;
}

interface Failure {
  readonly from: Offset;
  readonly through: Offset;
  readonly error: SensoriumError;
}

/** Failed ranges remembered; a caller that asks about one asks within the same request. */
const FAILURES_REMEMBERED = 64;

export class Waiters {
  #waiting: Waiter[] = [];
  #failures: Failure[] = [];

  wait(offset: Offset): Promise<void> {
    return new Promise((resolve, reject) => this.#waiting.push({ offset, resolve, reject }));
  }

  /** The error of an offset whose commit failed. */
  failureOf(offset: Offset): SensoriumError | undefined {
    return this.#failures.find(({ from, through }) => from <= offset && offset <= through)?.error;
  }

  committed(through: Offset): void {
    this.#settle(through, (waiter) => waiter.resolve());
  }

  failed(failure: Failure): void {
    this.#failures.push(failure);
    if (this.#failures.length > FAILURES_REMEMBERED) this.#failures.shift();
    this.#settle(failure.through, (waiter) => waiter.reject(failure.error));
  }

  #settle(through: Offset, tell: (waiter: Waiter) => void): void {
    if (this.#waiting.length === 0) return;
    const settled = this.#waiting.filter(({ offset }) => offset <= through);
    if (settled.length === 0) return;
    this.#waiting = this.#waiting.filter(({ offset }) => offset > through);
    for (const waiter of settled) tell(waiter);
  }
}
