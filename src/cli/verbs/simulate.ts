import { systemClock } from '../../base/clock.ts';
import { FLEET_DRAIN_MAX_MS } from '../../base/limits.ts';
import { systemRandom } from '../../base/random.ts';
import { parseDeviceId } from '../../model/ids.ts';
import { findBroker } from '../broker.ts';
import { Fleet, type FleetReport } from '../fleet/fleet.ts';
import { dismiss, enroll, memberIds } from '../fleet/roster.ts';
import { EXIT_FAILURE, EXIT_OK, UsageError } from '../io.ts';
import { Progress } from '../progress.ts';
import type { Session } from '../session.ts';
import { historyCaughtUp } from '../system-report.ts';
import { formatCount } from '../values.ts';

export interface SimulateOptions {
  readonly devices: number;
  readonly rate: number;
  readonly duration?: number | undefined;
  readonly messages?: number | undefined;
  readonly seed: number;
  readonly late: number;
  readonly duplicate: number;
  readonly malformed: number;
  readonly dropout: number;
  readonly prefix: string;
  readonly cleanup?: boolean | undefined;
  readonly mqtt?: string | undefined;
  readonly ca?: string | undefined;
}

/** A device gives each regular reading a millisecond of its own. */
const RATE_PER_DEVICE_MAX = 1_000;

/** Runs a simulated fleet. Exit 1 when something was not acknowledged. */
export async function simulate(options: SimulateOptions, session: Session): Promise<number> {
  checkOptions(options);
  const signal = session.interruption();
  const server = await session.server();
  const broker = await findBroker(options, session);
  const ids = memberIds(options.prefix, options.devices);
  const progress = new Progress({ sink: session.io.stderr, now: () => systemClock.monotonic() });
  let report: FleetReport;
  try {
    const members = await enroll(server, ids, (enrolled) =>
      progress.update(enrolled / ids.length, () => `${enrolled} of ${ids.length} devices registered`),
    );
    progress.end();
    const { late, duplicate, malformed, dropout, seed, rate } = options;
    const shares = { late, duplicate, malformed };
    const context = { clock: systemClock, random: systemRandom };
    const fleet = new Fleet({ members, broker, ratePerS: rate, shares, dropout, seed, ...context });
    try {
      await fleet.connect();
      session.note(`${formatCount(members.length)} devices connected`);
      report = await fleet.run({
        durationMs: options.duration ?? Number.POSITIVE_INFINITY,
        messages: options.messages ?? Number.POSITIVE_INFINITY,
        signal,
        onSecond: (now) => session.note(secondLine(now)),
      });
    } finally {
      fleet.close();
    }
  } finally {
    progress.end();
    if (options.cleanup === true) {
      // What a device sent is refused once it is removed: history first.
      await historyCaughtUp(server, systemClock, FLEET_DRAIN_MAX_MS);
      await dismiss(server, ids);
    }
  }
  session.io.stdout.write(`${JSON.stringify(report, null, session.json ? 0 : 2)}\n`);
  return report.unacked === 0 ? EXIT_OK : EXIT_FAILURE;
}

function checkOptions(options: SimulateOptions): void {
  const { late, duplicate, malformed, dropout, devices, rate, prefix } = options;
  if (late + duplicate + malformed > 1)
    throw new UsageError('--late, --duplicate and --malformed add up to over 1');
  if (dropout >= 1)
    throw new UsageError('--dropout must be below 1: a fleet that is always silent sends nothing');
  if (rate > devices * RATE_PER_DEVICE_MAX) {
    throw new UsageError(`--rate: at most ${RATE_PER_DEVICE_MAX} messages/s for each of ${devices} devices`);
  }
  const id = parseDeviceId(`${prefix}-0001`);
  if (!id.ok) throw new UsageError(`--prefix: ${id.error.message}`);
}

function secondLine(now: FleetReport): string {
  const parts: readonly (readonly [string, number])[] = [
    ['sent', now.sent],
    ['acked', now.acked],
    ['in flight', now.unacked],
    ['late', now.late],
    ['dup', now.duplicate],
    ['malformed', now.malformed],
    ['connected', now.connected],
  ];
  const seconds = `${Math.round(now.elapsedMs / 1_000)} s`.padStart(6);
  const p99 = now.latencyMs === null ? '' : `  p99 ${now.latencyMs.p99} ms`;
  return `${seconds}  ${parts.map(([name, count]) => `${name} ${formatCount(count)}`).join('  ')}${p99}`;
}
