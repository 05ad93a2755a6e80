import type { Result } from '../../base/result.ts';
import type { Device, DeviceInput, DevicePatch } from '../device.ts';
import type { SensoriumError } from '../errors.ts';
import type { DeviceId, ProfileId } from '../ids.ts';
import type { Profile, ProfileInput } from '../profile.ts';

export interface DeviceQuery {
  /** Part of id or name, any case. */
  readonly text?: string | undefined;
  readonly parent?: string | undefined;
  readonly profile?: string | undefined;
  /** Has all of them. */
  readonly tags?: readonly string[] | undefined;
  readonly group?: string | undefined;
  /** `mac:aa:bb:cc:dd:ee:ff`: the one device that is known by it. */
  readonly identifier?: string | undefined;
  /** Ids greater than this one: the cursor of the page before. */
  readonly after?: string | undefined;
  readonly limit?: number | undefined;
}

export interface DevicePage {
  readonly devices: readonly Device[];
  readonly total: number;
  readonly next?: string | undefined;
}

export type RegistryChange =
  | { readonly kind: 'device-put'; readonly device: Device; readonly added: boolean }
  | { readonly kind: 'device-removed'; readonly id: DeviceId }
  | { readonly kind: 'profile-put'; readonly profile: Profile }
  /** Nothing has it any more. */
  | { readonly kind: 'profile-removed'; readonly id: ProfileId };

/** Devices and profiles, durable before a promise resolves; lookups are in memory. */
export interface Registry {
  get(id: string): Device | undefined;
  list(query: DeviceQuery): DevicePage;
  readonly size: number;
  add(input: DeviceInput, by: string): Promise<Result<Device, SensoriumError>>;
  /** `version`: the version the change was based on; absent = whatever is there. */
  update(
    id: string,
    patch: DevicePatch,
    by: string,
    version?: number,
  ): Promise<Result<Device, SensoriumError>>;
  remove(id: string, by: string): Promise<Result<Device, SensoriumError>>;
  /** Merges attributes a device reported. Unknown devices are ignored. */
  report(id: string, attributes: Readonly<Record<string, unknown>>): Promise<void>;
  profile(id: string): Profile | undefined;
  profiles(): readonly Profile[];
  putProfile(input: ProfileInput, by: string): Promise<Result<Profile, SensoriumError>>;
  onChange(listener: (change: RegistryChange) => void): () => void;
}
