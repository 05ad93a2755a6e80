/**
 * A walk through the ranges a user named, a slice at a time: bounded in rate and in connections at once, from the first
 * address to the last, then a rest until the next round. Never leaves the ranges.
 */
import type { Clock } from '../../../base/clock.ts';
import { PROBE_CONNECTS_IN_FLIGHT, PROBE_CONNECTS_PER_SECOND } from '../../../base/limits.ts';
import { type AddressRange, hostsOf } from './ranges.ts';

interface Target {
  readonly address: string;
  readonly port: number;
}

interface RangeWalkOptions {
  readonly ranges: readonly AddressRange[];
  readonly ports: readonly number[];
  /** From the begin of a round to the begin of the next, where it is not longer itself. */
  readonly roundMs: number;
  readonly clock: Clock;
}

export class RangeWalk {
  readonly #options: RangeWalkOptions;
  #targets: Iterator<Target>;
  #roundAt: number;

  constructor(options: RangeWalkOptions) {
    this.#options = options;
    this.#targets = targetsOf(options)[Symbol.iterator]();
    this.#roundAt = options.clock.monotonic();
  }

  /** A second's worth of targets; settles when all of them are visited, or at the abort. `visit` does not throw. */
  async slice(
    signal: AbortSignal,
    visit: (target: Target, signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    let left = PROBE_CONNECTS_PER_SECOND;
    const worker = async (): Promise<void> => {
      while (left > 0 && !signal.aborted) {
        left -= 1;
        const target = this.#next();
        if (target === undefined) return;
        await visit(target, signal);
      }
    };
    await Promise.all(Array.from({ length: PROBE_CONNECTS_IN_FLIGHT }, worker));
  }

  #next(): Target | undefined {
    const next = this.#targets.next();
    if (next.done !== true) return next.value;
    const now = this.#options.clock.monotonic();
    if (now - this.#roundAt < this.#options.roundMs) return undefined;
    this.#roundAt = now;
    this.#targets = targetsOf(this.#options)[Symbol.iterator]();
    const first = this.#targets.next();
    return first.done === true ? undefined : first.value;
  }
}

/** Port by port, so that one host is not asked everything at once. */
function* targetsOf({ ranges, ports }: RangeWalkOptions): Iterable<Target> {
  for (const port of ports)
    for (const range of ranges) for (const address of hostsOf(range)) yield { address, port };
}
