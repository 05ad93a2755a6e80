import type { Logger } from '../base/logger.ts';
import type { EventPublisher } from '../model/ports/events.ts';
import type { Meter } from '../model/ports/meter.ts';
import type { QuarantineOutcome } from '../model/ports/quarantine.ts';
import type { CommitReport } from './protocol.ts';
import type { QuarantineUse } from './store/store.ts';

/** Tells the platform of commits: events and metrics. A process that dies after a commit tells nothing of it. */
export class CommitAnnouncer {
  readonly #events: EventPublisher;
  readonly #meter: Meter;

  readonly #logger: Logger;
  #quarantine: QuarantineUse = { packets: 0, bytes: 0, trimmed: 0 };

  constructor(options: { readonly events: EventPublisher; readonly meter: Meter; readonly logger: Logger }) {
    this.#events = options.events;
    this.#meter = options.meter;
    this.#logger = options.logger;
  }

  /** As of the last commit. */
  get quarantine(): QuarantineUse {
    return this.#quarantine;
  }

  announce(report: CommitReport): void {
    this.#count(report);
    for (const { device, ...data } of report.received) {
      this.#events.publish('data.received', device, { device, ...data });
    }
    this.#ofQuarantine(report);
    for (const refusal of report.refused) {
      this.#events.publish('data.quarantined', refusal.device, refusal);
    }
    for (const window of report.windows.told) this.#events.publish('data.window', window.device, window);
    for (const finding of report.findings) {
      this.#events.publish('data.finding', finding.device, finding);
    }
  }

  #ofQuarantine({ replayed, quarantine, unaccounted }: CommitReport): void {
    const { trimmed } = quarantine;
    const before = this.#quarantine.trimmed;
    // Less than before: the store was opened again.
    const gone = trimmed < before ? trimmed : trimmed - before;
    this.#quarantine = quarantine;
    if (gone > 0) {
      this.#meter.add('iot_quarantine_left_total', gone, { how: 'trimmed' });
      this.#events.publish('data.discarded', 'quarantine', { packets: gone, reason: 'quarantine_full' });
    }
    if (replayed !== undefined) this.#ofStep(replayed);
    if (unaccounted === 0) return;
    this.#meter.add('iot_ledger_unaccounted_total', unaccounted);
    this.#logger.error({ messages: unaccounted }, 'the ledger does not add up: see `sensorium ledger`');
  }

  #ofStep({ dropped, stored, forwarded, partly, left, readings }: QuarantineOutcome): void {
    if (dropped > 0) {
      this.#meter.add('iot_quarantine_left_total', dropped, { how: 'dropped' });
      this.#events.publish('data.discarded', 'quarantine', { packets: dropped, reason: 'discarded' });
      return;
    }
    const replayed = stored + forwarded;
    if (replayed > 0) this.#meter.add('iot_quarantine_left_total', replayed, { how: 'replayed' });
    this.#events.publish('data.replayed', 'quarantine', { stored, forwarded, partly, left, readings });
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
    for (const [detector, state, count] of report.findingCounts) {
      this.#meter.add('iot_analysis_findings_total', count, { detector, state });
    }
    for (const [change, count] of report.windows.changes) {
      this.#meter.add('iot_windows_total', count, { change });
    }
    if (report.windows.late > 0) this.#meter.add('iot_window_late_readings_total', report.windows.late);
    this.#meter.observe('iot_store_commit_seconds', report.seconds);
  }
}
