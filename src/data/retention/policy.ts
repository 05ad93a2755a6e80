import { RETENTION_SERIES_TURN_MAX } from '../../base/limits.ts';
import type { Profile } from '../../model/profile.ts';
import {
  type KeepTimes,
  mergeKeepTimes,
  RETENTION_LEVELS,
  type RetentionSchema,
} from '../../model/retention.ts';
import type { KnownDevices } from '../pipeline/known-devices.ts';
import type { SeriesDirectory } from '../series.ts';
import type { Cutoffs, CutTimes } from '../store/retention-store.ts';

/**
 * How long each series is kept: what its metric says, then its profile, then the configuration. It answers with points
 * in time, whole days, and with the same object as long as nothing changed. Series of devices that are gone or have no
 * profile follow the configuration.
 */

const DAY_MS = 86_400_000;

interface PolicyOptions {
  readonly defaults: KeepTimes;
  readonly known: KnownDevices;
  /** Undefined while the store is being opened again. */
  readonly series: () => SeriesDirectory | undefined;
}

/** What the last answer followed from. */
interface Basis {
  readonly day: number;
  readonly revision: number;
  readonly directory: SeriesDirectory | undefined;
  readonly idLimit: number;
}

export class RetentionPolicy {
  readonly #options: PolicyOptions;
  #basis: Basis | undefined;
  #cutoffs: Cutoffs | undefined;

  constructor(options: PolicyOptions) {
    this.#options = options;
  }

  /** What is over at this time (milliseconds). */
  async cutoffs(now: number): Promise<Cutoffs> {
    const { known, series, defaults } = this.#options;
    const directory = series();
    const basis: Basis = {
      day: Math.floor(now / DAY_MS),
      revision: known.revision,
      directory,
      idLimit: directory?.idLimit ?? 0,
    };
    if (this.#cutoffs !== undefined && isSame(basis, this.#basis)) return this.#cutoffs;
    const overrides = new Map<number, CutTimes>();
    for (const [id, keep] of await this.#overrides(directory)) overrides.set(id, toCuts(keep, now));
    this.#basis = basis;
    this.#cutoffs = { defaults: toCuts(defaults, now), overrides };
    return this.#cutoffs;
  }

  /** Series with times of their own. */
  async #overrides(directory: SeriesDirectory | undefined): Promise<ReadonlyMap<number, KeepTimes>> {
    const { known, defaults } = this.#options;
    const found = new Map<number, KeepTimes>();
    const rules = new Map<string, ProfileTimes>();
    for (const profile of known.profiles()) {
      if (hasTimes(profile)) rules.set(profile.id, new ProfileTimes(profile, defaults));
    }
    if (directory === undefined || rules.size === 0) return found;
    for (let id = 0; id < directory.idLimit; id += 1) {
      if (id % RETENTION_SERIES_TURN_MAX === 0) await new Promise(setImmediate);
      const series = directory.get(id);
      const profile = series && known.device(series.device)?.profile;
      const keep = profile && rules.get(profile)?.of(series.metric);
      if (keep) found.set(id, keep);
    }
    return found;
  }
}

/** What one profile says of its metrics, by the name they are stored under. */
class ProfileTimes {
  readonly #ofProfile: KeepTimes | undefined;
  readonly #ofMetric = new Map<string, KeepTimes>();

  constructor({ retention, metrics, derived = {} }: Profile, defaults: KeepTimes) {
    const inherited = mergeKeepTimes(retention, defaults);
    if (retention !== undefined) this.#ofProfile = inherited;
    const named: readonly (readonly [string, { readonly retention?: RetentionSchema }])[] = [
      ...Object.entries(metrics).map(([name, metric]) => [metric.rename ?? name, metric] as const),
      ...Object.entries(derived),
    ];
    for (const [name, metric] of named) {
      if (metric.retention !== undefined)
        this.#ofMetric.set(name, mergeKeepTimes(metric.retention, inherited));
    }
  }

  of(metric: string): KeepTimes | undefined {
    return this.#ofMetric.get(metric) ?? this.#ofProfile;
  }
}

const hasTimes = ({ retention, metrics, derived = {} }: Profile): boolean =>
  retention !== undefined ||
  [...Object.values(metrics), ...Object.values(derived)].some((metric) => metric.retention !== undefined);

const isSame = (a: Basis, b: Basis | undefined): boolean =>
  a.day === b?.day && a.revision === b.revision && a.directory === b.directory && a.idLimit === b.idLimit;

/** Days begin at midnight UTC; hours go by the month. */
function toCuts(keep: KeepTimes, now: number): CutTimes {
  const [raw, minute, hour] = RETENTION_LEVELS.map((level) =>
    Math.max(0, Math.floor((now - keep[level]) / DAY_MS) * DAY_MS),
  );
  return { raw: raw ?? 0, minute: minute ?? 0, hour: monthOf(hour ?? 0) };
}

const monthOf = (time: number): number =>
  Date.parse(`${new Date(time).toISOString().slice(0, 7)}-01T00:00:00Z`);
