import { CHILDREN_PER_GATEWAY_MAX } from '../../base/limits.ts';
import { OPEN_PROFILE, type Profile } from '../../model/profile.ts';
import type { DeviceFacts } from './device-entry.ts';

/** The registry as the worker sees it: a copy that is told of every change, and of children admitted here first. */
export class KnownDevices {
  /** Raised by each change: whoever caches what follows from it looks here. */
  revision = 0;
  readonly #devices = new Map<string, DeviceFacts>();
  readonly #profiles = new Map<string, Profile>();
  readonly #admitted = new Set<DeviceFacts>();
  readonly #children = new Map<string, number>();

  device(id: string): DeviceFacts | undefined {
    return this.#devices.get(id);
  }

  profile(id: string): Profile | undefined {
    return this.#profiles.get(id);
  }

  /** Of a device, as it is today; undefined where the device is not known. */
  profileOf(device: string): { readonly id: string; readonly version: number } | undefined {
    const facts = this.#devices.get(device);
    if (facts === undefined) return undefined;
    const { version } = this.#profiles.get(facts.profile) ?? OPEN_PROFILE;
    return { id: facts.profile, version };
  }

  profiles(): Iterable<Profile> {
    return this.#profiles.values();
  }

  put(facts: DeviceFacts): void {
    this.#countChild(this.#devices.get(facts.id)?.parent, -1);
    this.#devices.set(facts.id, facts);
    this.#countChild(facts.parent, 1);
    this.revision += 1;
  }

  remove(id: string): void {
    this.#countChild(this.#devices.get(id)?.parent, -1);
    this.#devices.delete(id);
    this.revision += 1;
  }

  putProfile(profile: Profile): void {
    this.#profiles.set(profile.id, profile);
    this.revision += 1;
  }

  /** A child met here first: known at once, for good when the registry has taken it. */
  admit(child: DeviceFacts): void {
    this.put(child);
    this.#admitted.add(child);
  }

  /** The registry has taken the admitted children, but for these: their next packet tries again. */
  settleAdmissions(refused: readonly string[]): void {
    for (const child of this.#admitted) if (!refused.includes(child.id)) this.#admitted.delete(child);
    this.forgetAdmissions();
  }

  /** Admissions that were not told to the registry are undone: the packets that asked are read again. */
  forgetAdmissions(): void {
    for (const child of this.#admitted) if (this.#devices.get(child.id) === child) this.remove(child.id);
    this.#admitted.clear();
  }

  mayHaveMoreChildren(gateway: string): boolean {
    return (this.#children.get(gateway) ?? 0) < CHILDREN_PER_GATEWAY_MAX;
  }

  #countChild(parent: string | undefined, change: 1 | -1): void {
    if (parent === undefined) return;
    const count = (this.#children.get(parent) ?? 0) + change;
    if (count > 0) this.#children.set(parent, count);
    else this.#children.delete(parent);
  }
}
