import { describe, expect, it } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import { LIVE_SUBSCRIBERS_MAX, STREAM_HEARTBEAT_MS } from '../base/limits.ts';
import { FakeSecurity } from '../communication/http/test-support.ts';
import type { Principal } from '../model/ports/security.ts';
import { OpenStreams } from './open-streams.ts';

function fakeStream(principal: Principal = { kind: 'user', id: 'ann', role: 'viewer' }) {
  const stream = {
    principal,
    ends: [] as string[],
    beats: 0,
    end: (reason: string) => void stream.ends.push(reason),
    beat: () => {
      stream.beats += 1;
    },
  };
  return stream;
}

describe('OpenStreams', () => {
  it('beats each stream in its own time', () => {
    const clock = new ManualClock();
    const streams = new OpenStreams(new FakeSecurity(), clock);
    const first = fakeStream();
    const second = fakeStream();
    streams.add(first);
    clock.advance(STREAM_HEARTBEAT_MS - 1);
    const remove = streams.add(second);
    streams.sweep();
    expect([first.beats, second.beats]).toEqual([0, 0]);
    clock.advance(1);
    streams.sweep();
    streams.sweep();
    expect([first.beats, second.beats]).toEqual([1, 0]);
    remove();
    clock.advance(STREAM_HEARTBEAT_MS);
    streams.sweep();
    expect([first.beats, second.beats]).toEqual([2, 0]);
    streams.closeAll('server.stopping');
  });

  it('ends by the wall clock, which is what the token says', () => {
    const clock = new ManualClock();
    const streams = new OpenStreams(new FakeSecurity(), clock);
    const stream = fakeStream({ kind: 'user', id: 'ann', role: 'viewer', expiresAt: clock.now() + 5 });
    streams.add(stream);
    streams.sweep();
    expect(stream.ends).toEqual([]);
    clock.jump(5);
    streams.sweep();
    streams.sweep();
    expect(stream.ends).toEqual(['auth.expired']);
    expect(streams.size).toBe(0);
  });

  it('ends all streams of one principal at once, and listens only while there are any', () => {
    const security = new FakeSecurity();
    const streams = new OpenStreams(security, new ManualClock());
    const ann = fakeStream();
    const device = fakeStream({ kind: 'device', id: 'ann' as never });
    streams.add(ann);
    streams.add(device);
    security.end(ann.principal);
    expect([ann.ends, device.ends]).toEqual([['auth.invalid'], []]);
    expect(security.revocationListeners).toBe(1);
    streams.closeAll('server.stopping');
    expect(device.ends).toEqual(['server.stopping']);
    expect(security.revocationListeners).toBe(0);
  });

  it('is full at its bound', () => {
    const streams = new OpenStreams(new FakeSecurity(), new ManualClock());
    for (let i = 0; i < LIVE_SUBSCRIBERS_MAX; i += 1) streams.add(fakeStream());
    expect(streams.full).toBe(true);
    streams.closeAll('server.stopping');
    expect(streams.full).toBe(false);
  });
});
