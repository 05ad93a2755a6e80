import { invariant } from '../base/invariant.ts';
import { SERIES_PER_DEVICE_MAX } from '../base/limits.ts';

/**
 * Series: what readings are stored under. A series is one metric of one device in one unit and of one kind, with
 * a small integer in its place, so that a reading on its way is three numbers. Ids are given once and kept by
 * the store with the commit that first used them.
 */

export const KIND_NUMBER = 0;
/** Stored as 0 and 1. */
export const KIND_BOOLEAN = 1;
export const KIND_TEXT = 2;
export type SeriesKind = typeof KIND_NUMBER | typeof KIND_BOOLEAN | typeof KIND_TEXT;

export interface Series {
  readonly id: number;
  readonly device: string;
  readonly metric: string;
  /** Empty = none. */
  readonly unit: string;
  readonly kind: SeriesKind;
}

/** All series of one metric of one device. */
export interface Family {
  readonly device: string;
  readonly metric: string;
  readonly series: Series[];
  /** Once a metric has been a number, text for it is a mistake. */
  hasNumbers: boolean;
}

export class SeriesDirectory {
  #byId: Series[] = [];
  #families = new Map<string, Map<string, Family>>();
  #counts = new Map<string, number>();
  #fresh: Series[] = [];
  #nextId = 0;
  /** Ids of devices; those at the end are not in order yet. */
  #devices: string[] = [];
  #areSorted = true;

  constructor(known: Iterable<Series>) {
    for (const series of known) {
      this.#enter(series);
      this.#nextId = Math.max(this.#nextId, series.id + 1);
    }
  }

  /** Ids given are below this. */
  get idLimit(): number {
    return this.#nextId;
  }

  all(): readonly Series[] {
    return this.#byId;
  }

  get(id: number): Series | undefined {
    return this.#byId[id];
  }

  /** Undefined when the device has too many metrics: names it makes up must not fill the memory. */
  family(device: string, metric: string): Family | undefined {
    let families = this.#families.get(device);
    if (families === undefined) {
      families = new Map();
      this.#families.set(device, families);
      this.#devices.push(device);
      this.#areSorted = false;
    }
    let family = families.get(metric);
    if (family === undefined) {
      if (families.size >= SERIES_PER_DEVICE_MAX) return undefined;
      family = { device, metric, series: [], hasNumbers: false };
      families.set(metric, family);
    }
    return family;
  }

  /** The series of a family by unit and kind, made where missing; undefined when the device has too many. */
  open(family: Family, unit: string, kind: SeriesKind): Series | undefined {
    const known = family.series.find((series) => series.unit === unit && series.kind === kind);
    if (known !== undefined) return known;
    if ((this.#counts.get(family.device) ?? 0) >= SERIES_PER_DEVICE_MAX) return undefined;
    const series: Series = { id: this.#nextId, device: family.device, metric: family.metric, unit, kind };
    this.#nextId += 1;
    this.#enter(series);
    this.#fresh.push(series);
    return series;
  }

  /** Series of a device, oldest first; of the named metrics only, where some are named. */
  of(device: string, metrics: readonly string[] = []): readonly Series[] {
    const families = this.#families.get(device);
    if (families === undefined) return [];
    const found =
      metrics.length === 0 ? [...families.values()] : metrics.flatMap((metric) => families.get(metric) ?? []);
    return found.flatMap(({ series }) => series).toSorted((a, b) => a.id - b.id);
  }

  /** Devices that have sent something, by id: in the order in which the registry lists them. */
  devices(): readonly string[] {
    // By code unit. What is in order already costs a look at each.
    if (!this.#areSorted) this.#devices.sort();
    this.#areSorted = true;
    return this.#devices;
  }

  /** Series made since the last call: they are committed with the readings that use them. */
  takeFresh(): readonly Series[] {
    const fresh = this.#fresh;
    this.#fresh = [];
    return fresh;
  }

  #enter(series: Series): void {
    this.#byId[series.id] = series;
    this.#counts.set(series.device, (this.#counts.get(series.device) ?? 0) + 1);
    const family = this.family(series.device, series.metric);
    invariant(family !== undefined, 'a device has no more metrics than series');
    family.series.push(series);
    if (series.kind === KIND_NUMBER) family.hasNumbers = true;
  }
}
