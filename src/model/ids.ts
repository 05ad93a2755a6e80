import { DEVICE_ID_MAX_CHARS } from '../base/limits.ts';
import { err, ok, type Result } from '../base/result.ts';
import { problem, type SensoriumError } from './errors.ts';

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

export type DeviceId = Branded<string, 'DeviceId'>;
export type ProfileId = Branded<string, 'ProfileId'>;

const ID = new RegExp(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,${DEVICE_ID_MAX_CHARS - 1}}$`);

export const isDeviceId = (text: string): text is DeviceId => ID.test(text);

export function parseDeviceId(text: string): Result<DeviceId, SensoriumError> {
  if (isDeviceId(text)) return ok(text);
  return err(problem('device.id_invalid', `"${text.slice(0, 64)}" cannot be a device id`));
}

/** Foreign names ("Living room/Lamp 1") as device ids ("Living_room.Lamp_1"); undefined where nothing is left. */
export function deviceIdFromName(name: string): DeviceId | undefined {
  const id = name
    .normalize('NFKD')
    .replaceAll('/', '.')
    .replaceAll(/[^A-Za-z0-9._:-]+/g, '_')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, DEVICE_ID_MAX_CHARS);
  return isDeviceId(id) ? id : undefined;
}
