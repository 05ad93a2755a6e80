/** Which decoder reads which part of an advertisement. A new format is a file of its own and a row here. */
import type { Result } from '../../../base/result.ts';
import type { SensoriumError } from '../../../model/errors.ts';
import type { Advertisement, Decoded, Decoder } from './advertisement.ts';
import { BTHOME_SERVICE, decodeBthome } from './bthome.ts';
import { decodeEddystone, EDDYSTONE_SERVICE } from './eddystone.ts';
import { APPLE, decodeIBeacon } from './ibeacon.ts';
import { decodeRuuvi, RUUVI } from './ruuvi.ts';

const COMPANIES: ReadonlyMap<number, Decoder> = new Map([
  [APPLE, decodeIBeacon],
  [RUUVI, decodeRuuvi],
]);

const SERVICES: ReadonlyMap<string, Decoder> = new Map([
  [EDDYSTONE_SERVICE, decodeEddystone],
  [BTHOME_SERVICE, decodeBthome],
]);

/** Every part that some decoder claims, understood or refused; in the order of the advertisement. */
export function decode(advertisement: Advertisement): readonly Result<Decoded, SensoriumError>[] {
  return [
    ...advertisement.manufacturerData.map(({ company, data }) => COMPANIES.get(company)?.(data)),
    ...advertisement.serviceData.map(({ uuid, data }) => SERVICES.get(uuid)?.(data)),
  ].filter((result) => result !== undefined);
}
