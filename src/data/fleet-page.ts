import { FLEET_PAGE_SERIES_MAX } from '../base/limits.ts';
import type { FleetRange } from './protocol.ts';
import type { Series, SeriesDirectory } from './series.ts';

/** Which series a question about the fleet is about. A device that was removed keeps its history and is not listed. */

export type IsRegistered = (device: string) => boolean;

export interface FleetPage {
  readonly series: readonly Series[];
  /** The last device of the page, where others come after it. */
  readonly next: string | undefined;
}

/** Devices that have the metrics, above `after`, in the order of ids: `limit` of them, fewer where they have very many. */
export function fleetPage(
  directory: SeriesDirectory,
  range: FleetRange,
  isRegistered: IsRegistered,
): FleetPage {
  const { metrics, after, limit } = range;
  const page: Series[] = [];
  let devices = 0;
  let last: string | undefined;
  for (const id of directory.devices()) {
    if ((after !== undefined && id <= after) || !isRegistered(id)) continue;
    const series = directory.of(id, metrics);
    if (series.length === 0) continue;
    const isFull = devices >= limit || (devices > 0 && page.length + series.length > FLEET_PAGE_SERIES_MAX);
    if (isFull) return { series: page, next: last };
    page.push(...series);
    devices += 1;
    last = id;
  }
  return { series: page, next: undefined };
}

/** All series of a metric. */
export function fleetSeries(
  directory: SeriesDirectory,
  metric: string,
  isRegistered: IsRegistered,
): readonly Series[] {
  return directory.all().filter((series) => series.metric === metric && isRegistered(series.device));
}
