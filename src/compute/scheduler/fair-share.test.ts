import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SharedCells } from './cells.ts';
import { FairShare } from './fair-share.ts';

const sharesOf = (weights: readonly number[]): FairShare =>
  new FairShare({ cells: new SharedCells(new SharedArrayBuffer(1_024)), base: 0, weights });

/** Serves the first kind that has work, turn after turn; answers the time each kind got. */
function serve(
  shares: FairShare,
  turns: number,
  costs: readonly ((turn: number) => number | undefined)[],
): number[] {
  const kinds = costs.map((_, kind) => kind);
  const used = costs.map(() => 0);
  for (let turn = 0; turn < turns; turn += 1) {
    shares.sort(kinds);
    const kind = kinds.find((candidate) => costs[candidate]?.(turn) !== undefined);
    if (kind === undefined) continue;
    const us = costs[kind]?.(turn) ?? 0;
    shares.enter(kind);
    shares.charge(kind, us);
    used[kind] = (used[kind] ?? 0) + us;
  }
  return used;
}

describe('fair shares', () => {
  it('follow the weights in time used, whatever one task costs', () => {
    const weights = fc.tuple(
      fc.integer({ min: 1, max: 16 }),
      fc.integer({ min: 1, max: 16 }),
      fc.integer({ min: 1, max: 16 }),
    );
    // As ranges cost: below some microseconds the unit of 1/16 µs is coarse.
    const costs = fc.tuple(
      fc.integer({ min: 20, max: 9_000 }),
      fc.integer({ min: 20, max: 9_000 }),
      fc.integer({ min: 20, max: 9_000 }),
    );
    fc.assert(
      fc.property(weights, costs, ([a, b, c], [x, y, z]) => {
        const used = serve(sharesOf([a, b, c]), 4_000, [() => x, () => y, () => z]);
        const due = [a, b, c].map((weight, kind) => (used[kind] ?? 0) / weight);
        // Apart by what the last tasks cost, and what rounding adds up to.
        const slack = 2 * Math.max(x, y, z) + Math.max(...due) * 0.04;
        expect(Math.max(...due) - Math.min(...due)).toBeLessThan(slack);
      }),
      { numRuns: 40 },
    );
  });

  it('serve a kind that was idle at once, and give it nothing for the time it was away', () => {
    const shares = sharesOf([1, 1, 1]);
    // 400 s of one kind alone: times are compared modulo 268 s.
    serve(shares, 40_000, [() => 10_000, () => undefined, () => undefined]);
    const kinds = [0, 1, 2];
    shares.sort(kinds);
    expect(kinds[0]).not.toBe(0);
    const [first = 0, second = 0] = serve(shares, 1_000, [() => 1_000, () => 1_000, () => undefined]);
    // Apart by the last task of either.
    expect(Math.abs(first - second)).toBeLessThanOrEqual(11_000);
  });
});
