import { describe, expect, it } from 'vitest';
import { FLEET_PAGE_SERIES_MAX } from '../base/limits.ts';
import { fleetPage, fleetSeries } from './fleet-page.ts';
import { KIND_NUMBER, SeriesDirectory } from './series.ts';

function directoryOf(...metrics: readonly (readonly [device: string, metric: string])[]): SeriesDirectory {
  return new SeriesDirectory(
    metrics.map(([device, metric], id) => ({ id, device, metric, unit: '', kind: KIND_NUMBER })),
  );
}

const anyone = (): boolean => true;
const page = (directory: SeriesDirectory, after?: string, limit = 2, metrics: readonly string[] = []) => {
  const { series, next } = fleetPage(directory, { metrics, after, limit }, anyone);
  return { devices: [...new Set(series.map(({ device }) => device))], next };
};

describe('a page of the fleet', () => {
  it('goes through all devices in the order of ids, also those that come meanwhile', () => {
    const directory = directoryOf(['c', 't'], ['a', 't'], ['a', 'u'], ['e', 't']);
    expect(page(directory)).toEqual({ devices: ['a', 'c'], next: 'c' });
    const family = directory.family('d', 't');
    if (family !== undefined) directory.open(family, '', KIND_NUMBER);
    expect(page(directory, 'c')).toEqual({ devices: ['d', 'e'], next: undefined });
    expect(page(directory, 'e')).toEqual({ devices: [], next: undefined });
  });

  it('leaves out who has none of the metrics, or is not registered', () => {
    const directory = directoryOf(['a', 't'], ['b', 'u'], ['c', 't'], ['d', 't']);
    expect(page(directory, undefined, 1, ['u', 'v'])).toEqual({ devices: ['b'], next: undefined });
    const isRegistered = (device: string): boolean => device !== 'a';
    const range = { metrics: ['t'], after: undefined, limit: 1 };
    const { series, next } = fleetPage(directory, range, isRegistered);
    expect([series.map(({ device }) => device), next]).toEqual([['c'], 'c']);
    expect(fleetSeries(directory, 't', isRegistered).map(({ device }) => device)).toEqual(['c', 'd']);
  });

  it('ends early where devices have very many metrics, and gives one device in any case', () => {
    const half = FLEET_PAGE_SERIES_MAX / 2 + 1;
    const directory = new SeriesDirectory([]);
    const many = { of: () => Array.from({ length: half }, () => ({ device: 'x' })) };
    const crowded = Object.assign(directory, many, { devices: () => ['a', 'b', 'c'] });
    expect(fleetPage(crowded, { metrics: [], after: undefined, limit: 10 }, anyone).next).toBe('a');
    expect(fleetPage(crowded, { metrics: [], after: 'a', limit: 10 }, anyone).series).toHaveLength(half);
  });
});
