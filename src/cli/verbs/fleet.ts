import { QUERY_LIMIT_MAX } from '../../base/limits.ts';
import type { DeviceLatest, FleetLatestPage, RankedDevice } from '../../model/ports/history.ts';
import { EXIT_OK } from '../io.ts';
import type { Session } from '../session.ts';
import { printable, renderTable } from '../table.ts';
import { formatCount } from '../values.ts';
import { formatValue } from './query.ts';

export interface FleetLatestOptions {
  readonly after?: string | undefined;
  readonly limit?: number | undefined;
}

export interface FleetTopOptions {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly agg?: string | undefined;
  readonly limit?: number | undefined;
  readonly order?: string | undefined;
}

const PAGE = 500;

/** The last values of the devices, all of them or `limit`. */
export async function fleetLatest(
  metrics: readonly string[],
  options: FleetLatestOptions,
  session: Session,
): Promise<number> {
  const server = await session.server();
  const { limit = QUERY_LIMIT_MAX } = options;
  const metric = metrics.length === 0 ? undefined : metrics.join(',');
  const devices: DeviceLatest[] = [];
  let { after } = options;
  do {
    const query = { metric, after, limit: Math.min(PAGE, limit - devices.length) };
    const page = await server.json<FleetLatestPage>('GET', '/api/v1/telemetry/latest', ['devices'], {
      query,
    });
    devices.push(...page.devices);
    after = page.next;
  } while (after !== undefined && devices.length < limit);
  if (session.json) {
    session.answer(after === undefined ? { devices } : { devices, next: after });
    return EXIT_OK;
  }
  session.say(latestTable(devices));
  if (after !== undefined) {
    session.note(`… cut at ${formatCount(devices.length)} devices; --after ${after} goes on`);
  }
  return EXIT_OK;
}

/** Devices ranked by an aggregate of a metric. */
export async function fleetTop(metric: string, options: FleetTopOptions, session: Session): Promise<number> {
  const server = await session.server();
  const { from, to, agg, limit, order } = options;
  const answer = await server.json<{
    readonly metric: string;
    readonly agg: string;
    readonly devices: readonly RankedDevice[];
  }>('GET', '/api/v1/telemetry/top', ['devices', 'agg'], { query: { metric, from, to, agg, limit, order } });
  if (session.json) session.answer(answer);
  else session.say(topTable(answer.devices, answer.agg));
  return EXIT_OK;
}

function latestTable(devices: readonly DeviceLatest[]): string {
  if (devices.length === 0) return 'no readings';
  const rows = devices.flatMap(({ device, readings }) =>
    readings.map(({ ts, metric, value, unit }) => [
      device,
      printable(metric),
      formatValue(value),
      printable(unit ?? ''),
      new Date(ts).toISOString(),
    ]),
  );
  return renderTable(['device', 'metric', 'value', 'unit', 'time'], rows);
}

function topTable(devices: readonly RankedDevice[], agg: string): string {
  if (devices.length === 0) return 'no readings';
  const rows = devices.map(({ device, value, unit, count }, at) => [
    String(at + 1),
    device,
    formatValue(value),
    printable(unit ?? ''),
    formatCount(count),
  ]);
  return renderTable(['#', 'device', agg, 'unit', 'readings'], rows);
}
