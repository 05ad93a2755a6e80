import type { MetricName } from '../../model/metrics.ts';
import type { Meter } from '../../model/ports/meter.ts';
import type { Scheduler } from './scheduler.ts';
import type { SchedulerStatistics } from './statistics.ts';
import { TASK_KINDS } from './task.ts';

const MS_PER_S = 1_000;

type Reading = readonly [
  name: MetricName,
  labels: Readonly<Record<string, string>>,
  read: (statistics: SchedulerStatistics) => number,
];

const readings: readonly Reading[] = [
  ...TASK_KINDS.flatMap((kind): readonly Reading[] => [
    ['iot_scheduler_tasks_total', { kind }, ({ kinds }) => kinds[kind].tasks],
    ['iot_scheduler_batches_total', { kind }, ({ kinds }) => kinds[kind].batches],
    ['iot_scheduler_wait_seconds_total', { kind }, ({ kinds }) => kinds[kind].waitedMs / MS_PER_S],
  ]),
  ...(['local', 'global', 'stolen'] as const).map(
    (from): Reading => ['iot_scheduler_taken_total', { from }, ({ total }) => total[from]],
  ),
  ['iot_scheduler_busy_seconds_total', {}, ({ total }) => total.busyMs / MS_PER_S],
  ['iot_scheduler_parked_total', {}, ({ total }) => total.parked],
  ['iot_scheduler_failed_tasks_total', {}, ({ failedTasks }) => failedTasks],
  ['iot_scheduler_lost_batches_total', { reason: 'refused' }, ({ refusedBatches }) => refusedBatches],
  ['iot_scheduler_lost_batches_total', { reason: 'cancelled' }, ({ cancelledBatches }) => cancelledBatches],
  ['iot_scheduler_replaced_threads_total', { reason: 'crash' }, ({ crashes }) => crashes],
  ['iot_scheduler_replaced_threads_total', { reason: 'timeout' }, ({ timeouts }) => timeouts],
  ['iot_scheduler_threads', {}, ({ threads }) => threads],
  ['iot_scheduler_queued_batches', {}, ({ queued }) => queued],
];

/** Shows a scheduler's statistics as metrics; answers how to end that. */
export function meterScheduler(scheduler: Scheduler, meter: Meter): () => void {
  const ends = readings.map(([name, labels, read]) =>
    meter.collect(name, () => read(scheduler.statistics()), labels),
  );
  return () => {
    for (const end of ends) end();
  };
}
