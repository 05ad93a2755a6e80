import { expect, it } from 'vitest';
import { ManualClock } from './clock.ts';
import { RateBudget } from './rate-budget.ts';

it('lets a burst through, then its rate, and saves no more than the burst', () => {
  const clock = new ManualClock();
  const budget = new RateBudget({ perSecond: 10, burst: 3, clock });
  const taken = (): number => Array.from({ length: 20 }, () => budget.take()).filter(Boolean).length;
  expect(taken()).toBe(3);
  clock.advance(100);
  expect(taken()).toBe(1);
  clock.advance(60_000);
  expect(taken()).toBe(3);
  clock.jump(-400 * 86_400_000);
  expect(taken()).toBe(0);
});
