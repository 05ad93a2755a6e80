import type { EventPublisher } from '../model/ports/events.ts';
import type { Meter } from '../model/ports/meter.ts';
import type { CommitReport } from './protocol.ts';

/** Tells the platform of commits: events and metrics. A process that dies after a commit tells nothing of it. */
export class CommitAnnouncer {
  readonly #events: EventPublisher;
  readonly #meter: Meter;

  constructor(events: EventPublisher, meter: Meter) {
    this.#events = events;
    this.#meter = meter;
  }

  announce(report: CommitReport): void {
    this.#count(report);
    for (const { device, ...data } of report.received) {
      this.#events.publish('data.received', device, { device, ...data });
    }
    for (const refusal of report.refused) {
      this.#events.publish('data.quarantined', refusal.device, refusal);
    }
    for (const finding of report.findings) {
      this.#events.publish('data.finding', finding.device, { ...finding, kind: 'rate' });
    }
  }

  #count(report: CommitReport): void {
    const outcomes = ['stored', 'forwarded', 'quarantined'] as const;
    for (const outcome of outcomes) {
      if (report[outcome] > 0) this.#meter.add('iot_pipeline_packets_total', report[outcome], { outcome });
    }
    if (report.readings > 0) this.#meter.add('iot_pipeline_readings_total', report.readings);
    for (const [code, count] of report.rejections) {
      this.#meter.add('iot_pipeline_rejections_total', count, { code });
    }
    this.#meter.observe('iot_store_commit_seconds', report.seconds);
  }
}
