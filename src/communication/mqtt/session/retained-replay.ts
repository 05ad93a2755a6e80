/**
 * Retained messages on their way to new subscriptions of one session, at the pace the client takes them, however many
 * match. What a lost connection cut short begins again with the next one.
 */

import type { Delivery } from '../broker/delivery.ts';
import type { Retained } from '../broker/retained.ts';

export interface ReplayHost {
  matching(name: string): { readonly messages: Iterator<Retained>; readonly delivery: Delivery } | undefined;
  /** False when there is no room now. */
  replay(retained: Retained, delivery: Delivery): boolean;
  mayReceive(topic: string): boolean;
  /** One is through, or was dropped. */
  replayed(): void;
}

interface Run {
  readonly messages: Iterator<Retained>;
  readonly delivery: Delivery;
  /** Taken and not delivered yet. */
  next: Retained | undefined;
}

export class RetainedReplay {
  readonly #host: ReplayHost;
  /** By name of the subscription; a run begins when it is first asked for. */
  #due: Map<string, Run | undefined> | undefined;

  constructor(host: ReplayHost) {
    this.#host = host;
  }

  /** Subscriptions whose retained messages are not all handed over. */
  get names(): Iterable<string> {
    return this.#due?.keys() ?? [];
  }

  begin(name: string): void {
    (this.#due ??= new Map()).set(name, undefined);
  }

  drop(name: string): void {
    this.#due?.delete(name);
  }

  /** The connection is gone: the next one gets them from the beginning. */
  rewind(): void {
    for (const name of this.#due?.keys() ?? []) this.#due?.set(name, undefined);
  }

  /** Goes on while there is room. */
  pump(): void {
    for (const [name, known] of this.#due ?? []) {
      const run = known ?? this.#start(name);
      if (run !== undefined && !this.#drain(run)) return;
      this.#due?.delete(name);
      this.#host.replayed();
    }
    if (this.#due?.size === 0) this.#due = undefined;
  }

  #start(name: string): Run | undefined {
    const found = this.#host.matching(name);
    if (found === undefined) return undefined;
    const run = { ...found, next: undefined };
    this.#due?.set(name, run);
    return run;
  }

  /** True when all are handed over. */
  #drain(run: Run): boolean {
    for (;;) {
      if (run.next === undefined) {
        const step = run.messages.next();
        if (step.done === true) return true;
        run.next = step.value;
      }
      if (this.#host.mayReceive(run.next.topic) && !this.#host.replay(run.next, run.delivery)) return false;
      run.next = undefined;
    }
  }
}
