import type { HistoryTotals } from '../../model/ports/history.ts';
import type { SystemReport } from '../system-report.ts';
import { formatBytes, formatCount } from '../values.ts';
import type { Finding } from './finding.ts';

/** A second of the load the platform is built for; more waits only when history does not keep up. */
const LAG_TOLERATED_PACKETS = 50_000;

export function* managerCheck(report: SystemReport): Generator<Finding> {
  for (const [name, health] of Object.entries(report.managers)) {
    const check = `manager ${name}`.slice(0, 22);
    if (health.status === 'up') {
      yield { check, status: 'ok', detail: 'up' };
      continue;
    }
    const status = health.status === 'degraded' ? 'warn' : 'fail';
    const detail = [health.status, ...health.reasons].join('; ');
    yield { check, status, detail, cure: 'See the server log; it restarts failed parts by itself.' };
  }
}

export function* historyChecks({ totals, log }: SystemReport): Generator<Finding> {
  if (totals === null) {
    const cure = 'Messages are safe in the log meanwhile; look again in a moment.';
    yield { check: 'history', status: 'warn', detail: 'it is restarting', cure };
    return;
  }
  yield lagCheck(totals, log);
  yield quarantineCheck(totals);
  const items = `${formatCount(totals.readings)} readings stored, ${formatCount(totals.rejections)} items refused`;
  yield { check: 'history', status: 'ok', detail: items };
}

function lagCheck(totals: HistoryTotals, log: SystemReport['log']): Finding {
  const lag = Math.max(0, log.durable - totals.offset);
  const detail = `${formatCount(lag)} packets wait for history; log ${formatBytes(log.sizeBytes)}`;
  if (lag <= LAG_TOLERATED_PACKETS) return { check: 'log', status: 'ok', detail };
  const cure =
    'They are safe in the log. If the number keeps growing, the machine is too small for the load.';
  return { check: 'log', status: 'warn', detail, cure };
}

function quarantineCheck(totals: HistoryTotals): Finding {
  const share = totals.packets === 0 ? 0 : (totals.quarantined / totals.packets) * 100;
  const detail = `${formatCount(totals.quarantined)} of ${formatCount(totals.packets)} packets (${share.toFixed(2)}%)`;
  if (totals.quarantined === 0) return { check: 'quarantine', status: 'ok', detail };
  return { check: 'quarantine', status: 'warn', detail, cure: 'See why: sensorium quarantine list' };
}
