import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../base/clock.ts';
import { ConnectRate } from './connect-rate.ts';

const setUp = () => {
  const clock = new ManualClock();
  const rate = new ConnectRate({ clock, perSecond: 10, burst: 3, trackedMax: 2 });
  const enter = (address: string): number => {
    const waitMs = rate.waitMs(address);
    rate.take(address);
    return waitMs;
  };
  return { clock, rate, enter };
};

describe('the rate of connections', () => {
  it('lets a burst in, then one per interval, each behind the one before', () => {
    const { clock, enter } = setUp();
    expect([1, 2, 3, 4, 5].map(() => enter('192.0.2.1'))).toEqual([0, 0, 0, 100, 200]);
    clock.advance(250);
    expect(enter('192.0.2.1')).toBe(50);
  });

  it('fills up again, to a burst and no further', () => {
    const { clock, enter } = setUp();
    for (let i = 0; i < 3; i += 1) enter('192.0.2.1');
    clock.advance(60_000);
    expect([1, 2, 3, 4].map(() => enter('192.0.2.1'))).toEqual([0, 0, 0, 100]);
  });

  it('holds nobody back for another address', () => {
    const { enter } = setUp();
    for (let i = 0; i < 9; i += 1) enter('192.0.2.1');
    expect(enter('192.0.2.2')).toBe(0);
  });

  it('takes nothing by being asked', () => {
    const { rate } = setUp();
    for (let i = 0; i < 9; i += 1) expect(rate.waitMs('192.0.2.1')).toBe(0);
    expect(rate.tracked).toBe(0);
  });

  it.each([
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff:1:2:3'],
    ['2001:db8::7', '2001:db8:0:0:1::'],
    ['::1', '0:0:0:0:0:0:0:2'],
    ['fe80::1%eth0', 'fe80::2%eth0'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
  ])('counts %s and %s as one', (one, other) => {
    const { enter } = setUp();
    for (let i = 0; i < 3; i += 1) enter(one);
    expect(enter(other)).toBe(100);
  });

  it.each([
    ['2001:db8:1:2::1', '2001:db8:1:3::1'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.2'],
  ])('keeps %s and %s apart', (one, other) => {
    const { enter } = setUp();
    for (let i = 0; i < 3; i += 1) enter(one);
    expect(enter(other)).toBe(0);
  });

  it('forgets the address it has not seen for longest', () => {
    const { rate, enter } = setUp();
    for (let i = 0; i < 4; i += 1) enter('a');
    for (let i = 0; i < 4; i += 1) enter('b');
    enter('a');
    enter('c');
    expect(rate.tracked).toBe(2);
    expect(rate.waitMs('b')).toBe(0);
    expect(rate.waitMs('a')).toBeGreaterThan(0);
  });
});
