import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../base/clock.ts';
import { TRACE_EVERY, TRACES_PER_COMMIT_MAX } from '../../base/limits.ts';
import type { LogRecord } from '../../model/packet.ts';
import { Tracer } from './tracer.ts';

const record = (offset: number): LogRecord => ({
  offset,
  origin: 'd1' as LogRecord['origin'],
  topic: 'v1/d1/telemetry',
  payload: new Uint8Array(),
  receivedAt: 5,
  qos: 1,
  format: 'auto',
  checked: false,
});

describe('messages that are followed', () => {
  it('are the first of each commit and one in so many, however many there are', () => {
    const tracer = new Tracer(new ManualClock());
    for (const size of [3, TRACE_EVERY * 2 + 1, TRACE_EVERY * (TRACES_PER_COMMIT_MAX + 5)]) {
      for (let offset = 0; offset < size; offset += 1) tracer.begin(record(offset));
      const expected = Math.min(TRACES_PER_COMMIT_MAX, Math.ceil(size / TRACE_EVERY));
      expect(tracer.take().map(({ offset }) => offset)).toEqual(
        Array.from({ length: expected }, (_, index) => index * TRACE_EVERY),
      );
    }
    expect(tracer.take()).toEqual([]);
  });

  it('tell how long each stage took, and when they were taken', () => {
    const clock = new ManualClock(1_000);
    const tracer = new Tracer(clock);
    const trace = tracer.begin(record(7));
    clock.advance(20);
    trace?.passed('validate');
    clock.advance(5);
    trace?.passed('transform');
    expect(tracer.take()).toEqual([
      {
        offset: 7,
        origin: 'd1',
        topic: 'v1/d1/telemetry',
        receivedAt: 5,
        takenAt: 1_000,
        outcome: 'stored',
        stages: [
          ['validate', 0.02],
          ['transform', 0.005],
        ],
      },
    ]);
  });
});
