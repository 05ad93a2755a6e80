import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../base/clock.ts';
import {
  LOGIN_FAILURES_MAX,
  LOGIN_LOCKOUT_MAX_MS,
  LOGIN_LOCKOUT_MS,
  LOGIN_TRACKED_MAX,
} from '../../base/limits.ts';
import { Lockout } from './lockout.ts';

describe('lockout', () => {
  let clock: ManualClock;
  let lockout: Lockout;
  const fail = (times: number): void => {
    for (let i = 0; i < times; i += 1) lockout.failed('192.0.2.1', 'mia');
  };
  const wait = (): number => lockout.lockedForMs('192.0.2.1', 'mia');

  beforeEach(() => {
    clock = new ManualClock();
    lockout = new Lockout({ clock });
  });

  it('begins with the tenth failure, for that address and subject only', () => {
    fail(LOGIN_FAILURES_MAX - 1);
    expect(wait()).toBe(0);
    expect(lockout.failed('192.0.2.1', 'mia')).toBe('locked');
    expect(wait()).toBe(LOGIN_LOCKOUT_MS);
    expect(lockout.lockedForMs('192.0.2.2', 'mia')).toBe(0);
    expect(lockout.lockedForMs('192.0.2.1', 'ben')).toBe(0);
    clock.advance(LOGIN_LOCKOUT_MS);
    expect(wait()).toBe(0);
  });

  it('lasts twice as long each time in a row, up to a bound', () => {
    const lengths: number[] = [];
    for (let round = 0; round < 6; round += 1) {
      fail(LOGIN_FAILURES_MAX);
      lengths.push(wait());
      clock.advance(wait());
    }
    expect(lengths).toEqual([60_000, 120_000, 240_000, 480_000, LOGIN_LOCKOUT_MAX_MS, LOGIN_LOCKOUT_MAX_MS]);
  });

  it('is forgotten after a success, and after a long silence', () => {
    fail(LOGIN_FAILURES_MAX - 1);
    lockout.succeeded('192.0.2.1', 'mia');
    fail(LOGIN_FAILURES_MAX - 1);
    expect(wait()).toBe(0);
    clock.advance(2 * LOGIN_LOCKOUT_MAX_MS);
    fail(1);
    expect(wait()).toBe(0);
  });

  it('does not move when the wall clock jumps', () => {
    fail(LOGIN_FAILURES_MAX);
    clock.jump(86_400_000);
    expect(wait()).toBe(LOGIN_LOCKOUT_MS);
  });

  it('remembers a bounded number of pairs, with bounded names', () => {
    for (let i = 0; i < LOGIN_TRACKED_MAX + 100; i += 1) lockout.failed('192.0.2.1', 'x'.repeat(70_000 - i));
    for (let i = 0; i < LOGIN_TRACKED_MAX + 100; i += 1) lockout.failed('192.0.2.1', `user-${i}`);
    expect(lockout.tracked).toBe(LOGIN_TRACKED_MAX);
  });
});
