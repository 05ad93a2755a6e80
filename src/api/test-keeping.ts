/** Quarantine, ledger and retention behind the API: they answer one thing each, and keep what they were asked. */
import { err, ok } from '../base/result.ts';
import { problem } from '../model/errors.ts';
import type { LedgerBook, LedgerQuery } from '../model/ports/ledger.ts';
import type { Quarantine, QuarantineRow, QuarantineStep } from '../model/ports/quarantine.ts';
import type { Retention, RetentionStatus } from '../model/ports/retention.ts';

/** One packet: 7. */
export class FakeQuarantine implements Quarantine {
  readonly filters: unknown[] = [];
  readonly steps: QuarantineStep[] = [];

  list(filter: Parameters<Quarantine['list']>[0]): ReturnType<Quarantine['list']> {
    this.filters.push(filter);
    return Promise.resolve(ok([REFUSED]));
  }

  show(offset: number): ReturnType<Quarantine['show']> {
    if (offset !== REFUSED.offset) return Promise.resolve(err(problem('quarantine.unknown', String(offset))));
    const payload = new TextEncoder().encode('{"t":');
    return Promise.resolve(ok({ rows: [REFUSED], refused: 1, format: 'json', payload }));
  }

  step(step: QuarantineStep): ReturnType<Quarantine['step']> {
    this.steps.push(step);
    const dropped = step.action === 'drop' && (step.offset ?? REFUSED.offset) === REFUSED.offset ? 1 : 0;
    const tried = step.action === 'drop' ? 0 : 1;
    const none = { forwarded: 0, partly: 0, left: 0, codes: {} };
    return Promise.resolve(ok({ ...none, tried, stored: tried, dropped, readings: tried }));
  }
}

const REFUSED: QuarantineRow = {
  offset: 7,
  device: 'station',
  origin: 'station',
  topic: 'v1/station/telemetry',
  receivedAt: 1_700_000_000_000,
  index: -1,
  code: 'payload.not_json',
  message: 'at 5',
  sample: '{"t":',
  stored: false,
  profile: 'open',
  profileVersion: 1,
  bytes: 5,
  replayable: true,
};

const RETENTION: RetentionStatus = {
  keep: { raw: 86_400_000 },
  partitionAfterMs: 172_800_000,
  overrides: 1,
  bytes: { total: 7, used: 4, reusable: 9, wal: 1, partitions: 2 },
  levels: [{ level: 'raw', oldestMs: 5, newestMs: 6, rows: 2, partitions: 1, partitionBytes: 2 }],
  damaged: [],
};

export class FakeRetention implements Retention {
  readonly budgets: (number | undefined)[] = [];

  status(): ReturnType<Retention['status']> {
    return Promise.resolve(ok(RETENTION));
  }

  preview({ budgetBytes }: { readonly budgetBytes?: number | undefined }): ReturnType<Retention['preview']> {
    this.budgets.push(budgetBytes);
    const items = [
      { level: 'raw', reason: 'budget', fromMs: 5, toMs: 7, devices: 1, metrics: 1, rows: 2, bytes: 2 },
    ] as const;
    return Promise.resolve(ok({ bytesBefore: 7, bytesAfter: 5, fits: true, items }));
  }
}

export class FakeLedger implements LedgerBook {
  readonly queries: LedgerQuery[] = [];

  report(query: LedgerQuery): ReturnType<LedgerBook['report']> {
    this.queries.push(query);
    const counts = {
      received: 3,
      stored: 1,
      forwarded: 0,
      quarantined: 1,
      dropped: 1,
      pending: 0,
      missing: 0,
      reasons: { denied: 1 },
    };
    const rows = [{ sender: 'station', hour: 1_700_000_000_000, ...counts }];
    return Promise.resolve(ok({ rows, total: counts, addsUp: true, found: 1, beyond: 0 }));
  }
}
