import type { Profile } from '../../model/profile.ts';
import type { SeriesDirectory } from '../series.ts';
import type { ChannelTable } from './channels.ts';
import { DeviceEntry } from './device-entry.ts';
import type { KnownDevices } from './known-devices.ts';
import { type ProfileRules, profileRules } from './profile-rules.ts';

interface DeviceDirectoryOptions {
  readonly known: KnownDevices;
  readonly series: SeriesDirectory;
  readonly channels: ChannelTable;
}

/** Channels that no entry uses any more may outnumber the series by this before all are made anew. */
const STALE_CHANNELS_MAX = 100_000;

/** Devices at work, made from their facts when their first packet comes, and again when the facts change. */
export class DeviceDirectory {
  readonly #known: KnownDevices;
  readonly #series: SeriesDirectory;
  readonly #channels: ChannelTable;
  readonly #entries = new Map<string, DeviceEntry>();
  readonly #indices = new Map<string, number>();
  readonly #ids: string[] = [];

  constructor(options: DeviceDirectoryOptions) {
    this.#known = options.known;
    this.#series = options.series;
    this.#channels = options.channels;
  }

  /** Raised whenever entries handed out before may be stale. */
  get revision(): number {
    return this.#known.revision;
  }

  get(id: string): DeviceEntry | undefined {
    const facts = this.#known.device(id);
    if (facts === undefined) {
      this.#entries.delete(id);
      return undefined;
    }
    const rules = profileRules(this.#known.profile(facts.profile));
    const entry = this.#entries.get(id);
    if (entry !== undefined && entry.facts === facts && entry.rules === rules) return entry;
    const made = new DeviceEntry({
      facts,
      index: this.#indexOf(id),
      rules,
      series: this.#series,
      channels: this.#channels,
    });
    this.#entries.set(id, made);
    return made;
  }

  /** The rules of a device, at work or not; undefined where it is not known. */
  rulesOf(id: string): ProfileRules | undefined {
    const facts = this.#known.device(id);
    return facts === undefined ? undefined : rulesIfSound(this.#known.profile(facts.profile));
  }

  /** Some profile looks for something in the readings. */
  get analyzes(): boolean {
    return [...this.#known.profiles()].some((profile) => rulesIfSound(profile)?.analyzes === true);
  }

  /** Some profile misses readings that do not come. */
  get missesSilence(): boolean {
    return [...this.#known.profiles()].some((profile) => rulesIfSound(profile)?.missesSilence === true);
  }

  idOf(index: number): string {
    return this.#ids[index] ?? '';
  }

  /** Between batches only: rows of a batch name channels. */
  tidy(): void {
    if (this.#channels.size < this.#series.idLimit * 2 + STALE_CHANNELS_MAX) return;
    this.#entries.clear();
    this.#channels.clear();
    this.#known.revision += 1;
  }

  #indexOf(id: string): number {
    let index = this.#indices.get(id);
    if (index === undefined) {
      index = this.#ids.length;
      this.#indices.set(id, index);
      this.#ids.push(id);
    }
    return index;
  }
}

/** A profile that cannot be compiled sets aside the packets of its devices; nothing is looked for in them. */
function rulesIfSound(profile: Profile | undefined): ProfileRules | undefined {
  try {
    return profileRules(profile);
  } catch {
    return undefined;
  }
}
