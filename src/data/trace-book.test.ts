import { expect, it } from 'vitest';
import { TRACES_KEPT_MAX } from '../base/limits.ts';
import { silentMeter } from '../model/ports/meter.ts';
import type { MessageTrace } from '../model/ports/traces.ts';
import { TraceBook } from './trace-book.ts';

const trace = (offset: number): MessageTrace => ({
  offset,
  origin: 'd1' as MessageTrace['origin'],
  topic: 't',
  receivedAt: 1_000,
  takenAt: 1_100,
  committedAt: 1_500,
  outcome: 'stored',
  stages: [['validate', 0.001]],
});

it('keeps the newest traces, newest first, and observes each', () => {
  const observed: unknown[] = [];
  const book = new TraceBook({ ...silentMeter, observe: (...sample) => observed.push(sample) });
  for (let offset = 0; offset < TRACES_KEPT_MAX; offset += 2) book.add([trace(offset), trace(offset + 1)]);
  book.add([trace(TRACES_KEPT_MAX)]);
  const offsets = book.recent().map(({ offset }) => offset);
  expect(offsets).toEqual(Array.from({ length: TRACES_KEPT_MAX }, (_, index) => TRACES_KEPT_MAX - index));
  expect(observed.slice(-2)).toEqual([
    ['iot_pipeline_stage_seconds', 0.001, { stage: 'validate' }],
    ['iot_pipeline_delay_seconds', 0.5],
  ]);
});
