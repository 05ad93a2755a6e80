import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LEVEL_OF, type Slice } from '../retention-store.ts';
import { type Candidate, pickVictims } from './budget.ts';

const RANKS = ['raw', 'minute', 'hour'];
const candidate: fc.Arbitrary<Candidate<Slice>> = fc.record({
  part: fc.record({
    kind: fc.constantFrom('numbers', 'texts', 'minutes', 'hours'),
    from: fc.nat(1_000),
    to: fc.constant(2_000),
    rows: fc.constant(1),
  }),
  bytes: fc.integer({ min: 1, max: 1_000 }),
});

describe('the budget', () => {
  it('takes raw before minutes before hours, oldest first, and no more than it needs', () => {
    fc.assert(
      fc.property(fc.array(candidate), fc.integer({ min: -10, max: 20_000 }), (candidates, excess) => {
        const { victims, left } = pickVictims(candidates, excess);
        const freed = victims.reduce((sum, { bytes }) => sum + bytes, 0);
        expect(left).toBe(Math.max(0, excess - freed));
        // Without the last one it would not be enough.
        if (victims.length > 0)
          expect(freed - (victims.at(-1)?.bytes ?? 0)).toBeLessThan(Math.max(1, excess));
        if (left > 0) expect(victims).toHaveLength(candidates.length);
        const order = (one: Candidate): number =>
          RANKS.indexOf(LEVEL_OF[one.part.kind]) * 10_000 + one.part.from;
        const worst = Math.max(-1, ...victims.map(order));
        for (const spared of candidates.filter((one) => !victims.includes(one))) {
          expect(order(spared)).toBeGreaterThanOrEqual(worst);
        }
      }),
    );
  });
});
