import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../base/clock.ts';
import { BRIDGE_ECHO_MAX_AGE_MS, BRIDGE_ECHOES_MAX } from '../../base/limits.ts';
import { EchoGuard } from './echo-guard.ts';

const bytes = (text: string): Buffer => Buffer.from(text);

describe('the guard against echoes', () => {
  it('holds a message for an echo as often as it was sent, and no other for one', () => {
    const guard = new EchoGuard(new ManualClock());
    guard.sent('t', bytes('x'));
    guard.sent('t', bytes('x'));
    expect(guard.isEcho('t', bytes('y'))).toBe(false);
    expect(guard.isEcho('u', bytes('x'))).toBe(false);
    expect([1, 2, 3].map(() => guard.isEcho('t', bytes('x')))).toEqual([true, true, false]);
  });

  it('does not take topic and payload for one text', () => {
    const guard = new EchoGuard(new ManualClock());
    guard.sent('ab', bytes('c'));
    expect(guard.isEcho('a', bytes('bc'))).toBe(false);
  });

  it('forgets after a while', () => {
    const clock = new ManualClock();
    const guard = new EchoGuard(clock);
    guard.sent('t', bytes('x'));
    clock.advance(BRIDGE_ECHO_MAX_AGE_MS + 1);
    expect(guard.isEcho('t', bytes('x'))).toBe(false);
  });

  it('remembers so many and no more, the latest of all', () => {
    const guard = new EchoGuard(new ManualClock());
    for (let i = 0; i <= BRIDGE_ECHOES_MAX; i += 1) guard.sent('t', bytes(String(i)));
    expect(guard.isEcho('t', bytes('0'))).toBe(false);
    expect(guard.isEcho('t', bytes('1'))).toBe(true);
    expect(guard.isEcho('t', bytes(String(BRIDGE_ECHOES_MAX)))).toBe(true);
  });
});
