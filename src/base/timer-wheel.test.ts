import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TimerWheel } from './timer-wheel.ts';

interface Thing {
  readonly name: number;
}

describe('the timer wheel', () => {
  it('hands out each thing once, never early, at most a slot late, as a plain list would', () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('set' as const),
        name: fc.nat(9),
        inMs: fc.integer({ min: -50, max: 5_000 }),
      }),
      fc.record({ kind: fc.constant('delete' as const), name: fc.nat(9) }),
      fc.record({ kind: fc.constant('pass' as const), ms: fc.oneof(fc.nat(300), fc.nat(1_000_000)) }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.array(step, { maxLength: 60 }), (slotMs, steps) => {
        const things = Array.from({ length: 10 }, (_, name): Thing => ({ name }));
        const wheel = new TimerWheel<Thing>({ slotMs, now: 0 });
        const expected = new Map<Thing, number>();
        let now = 0;
        for (const one of steps) {
          if (one.kind === 'pass') {
            now += one.ms;
            const due = wheel.due(now);
            for (const thing of due) {
              expect(expected.get(thing)).toBeLessThanOrEqual(now);
              expected.delete(thing);
            }
            for (const at of expected.values()) expect(at).toBeGreaterThan(now - 2 * slotMs);
          } else {
            const thing = things[one.name];
            if (thing === undefined) continue;
            if (one.kind === 'delete') {
              wheel.delete(thing);
              expected.delete(thing);
            } else {
              wheel.set(thing, now + one.inMs);
              expected.set(thing, now + one.inMs);
            }
          }
          expect(wheel.size).toBe(expected.size);
        }
      }),
      { numRuns: 300, seed: 5 },
    );
  });
});
