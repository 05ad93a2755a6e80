import type { Result } from '../../base/result.ts';
import type { SensoriumError } from '../errors.ts';
import type { JsonObject, Twin, TwinChange, TwinPart } from '../twin.ts';

export interface TwinEdit {
  readonly device: string;
  readonly part: TwinPart;
  /** `merge`: `properties` is a merge patch (RFC 7396), null removes. `replace`: it is the whole. */
  readonly how: 'merge' | 'replace';
  readonly properties: JsonObject;
  /** `user:admin`, `device:d1`. */
  readonly by: string;
  /** The version of the part that the edit was based on; absent = whatever is there. */
  readonly version?: number | undefined;
}

export interface Twins {
  /** Error: device.unknown. */
  get(device: string): Result<Twin, SensoriumError>;
  /**
   * Resolves with the twin when the change is on disk; what changes nothing raises no version. A change of what is desired
   * is on its way to the device then, if that is connected, and otherwise goes when it is. Errors: device.unknown,
   * twin.version_conflict, twin.invalid, twin.busy, disk.full, state.failed.
   */
  edit(edit: TwinEdit): Promise<Result<Twin, SensoriumError>>;
  /** The last changes of one part, youngest first. Error: device.unknown. */
  history(device: string, part: TwinPart): Result<readonly TwinChange[], SensoriumError>;
}
