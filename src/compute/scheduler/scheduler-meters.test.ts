import { expect, it } from 'vitest';
import type { Meter } from '../../model/ports/meter.ts';
import { DATA, startScheduler } from './scheduler.fixture.ts';
import { meterScheduler } from './scheduler-meters.ts';

it('shows what the workers did as metrics, until it is ended', async () => {
  const shown = new Map<string, () => number>();
  const meter: Meter = {
    add: () => undefined,
    observe: () => undefined,
    collect: (name, read, labels = {}) => {
      const key = [name, ...Object.values(labels)].join(' ');
      shown.set(key, read);
      return () => shown.delete(key);
    },
  };
  await using bench = await startScheduler({ threads: 1 });
  const end = meterScheduler(bench.scheduler, meter);
  await bench.scheduler.submit({ ...DATA, job: 'add', tasks: [{}, {}, {}] });
  const read = (key: string): number | undefined => shown.get(key)?.();
  expect(read('iot_scheduler_tasks_total data-processing')).toBe(3);
  expect(read('iot_scheduler_batches_total data-processing')).toBe(1);
  expect(read('iot_scheduler_tasks_total security-check')).toBe(0);
  const taken = ['local', 'global', 'stolen'].map((from) => read(`iot_scheduler_taken_total ${from}`) ?? 0);
  expect(taken.reduce((sum, tasks) => sum + tasks)).toBe(3);
  expect(read('iot_scheduler_threads')).toBe(1);
  expect(read('iot_scheduler_busy_seconds_total')).toBeGreaterThan(0);
  end();
  expect(shown.size).toBe(0);
});
