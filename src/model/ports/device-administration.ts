import type { Result } from '../../base/result.ts';
import type { DeviceInput } from '../device.ts';
import type { DeviceGroup, GroupInput } from '../device-group.ts';
import type { DeviceChange } from '../device-history.ts';
import type { SensoriumError } from '../errors.ts';
import type { Profile } from '../profile.ts';

/** A group and how many devices are in it. */
export interface GroupCount extends DeviceGroup {
  readonly devices: number;
}

/** A file of devices that is tried, not written: each row is judged as if those before it had been. */
export interface Rehearsal {
  /** What the row would come to; `update`: a device that is there is changed to what the row says. */
  judge(
    input: DeviceInput,
    options: { readonly update: boolean },
  ): Promise<Result<RowOutcome, SensoriumError>>;
}

export type RowOutcome = 'added' | 'changed' | 'unchanged';

/** What administration does with the registry beyond single devices. Durable before a promise resolves. */
export interface DeviceAdministration {
  /** By id. */
  groups(): readonly GroupCount[];
  group(id: string): GroupCount | undefined;
  /** Adds it, or changes what is given. `device.id_invalid`, `request.invalid`, `group.too_many`. */
  putGroup(input: GroupInput, by: string): Promise<Result<GroupCount, SensoriumError>>;
  /** `group.unknown`, `group.in_use`. */
  removeGroup(id: string, by: string): Promise<Result<GroupCount, SensoriumError>>;
  /** All its versions. `profile.unknown`, `profile.in_use`, `profile.built_in`. */
  removeProfile(id: string, by: string): Promise<Result<Profile, SensoriumError>>;
  /** Newest first; also of a device that is gone. Empty where nothing is known of it. */
  history(id: string): readonly DeviceChange[];
  rehearse(): Rehearsal;
}
